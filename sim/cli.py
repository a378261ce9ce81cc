"""The `eie` command: one sentence and exit code 2 for anything wrong with what it was given."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from sim.commands.accelergy import accelergy_command
from sim.commands.accuracy import accuracy_command
from sim.commands.area import area_command
from sim.commands.asic import asic_command
from sim.commands.baseline import baseline_app
from sim.commands.bench import bench_command
from sim.commands.compress import compress_command
from sim.commands.config import config_command
from sim.commands.decompress import decompress_command
from sim.commands.driver import driver_command
from sim.commands.energy import energy_command
from sim.commands.faults import faults_command
from sim.commands.fpga import fpga_command
from sim.commands.inspect import inspect_command
from sim.commands.queue import queue_command
from sim.commands.report import report_command
from sim.commands.run import run_command
from sim.commands.simulate import simulate_command
from sim.commands.sweep import sweep_command
from sim.commands.trace import trace_command
from sim.commands.train import train_command
from sim.commands.verify import verify_command
from sim.commands.verilog import verilog_command
from sim.terminal.exit_code import exit_code

app = typer.Typer(
    name="eie",
    help="Compress neural networks and run them on an EIE-style accelerator.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("compress")(compress_command)
app.command("inspect")(inspect_command)
app.command("decompress")(decompress_command)
app.command("train")(train_command)
app.command("accuracy")(accuracy_command)
app.command("simulate")(simulate_command)
app.command("verify")(verify_command)
app.command("faults")(faults_command)
app.command("run")(run_command)
app.command("bench")(bench_command)
app.command("queue")(queue_command)
app.command("trace")(trace_command)
app.command("report")(report_command)
app.add_typer(baseline_app, name="baseline")
app.command("sweep")(sweep_command)
app.command("energy")(energy_command)
app.command("area")(area_command)
app.command("accelergy")(accelergy_command)
app.command("verilog")(verilog_command)
app.command("driver")(driver_command)
app.command("fpga")(fpga_command)
app.command("asic")(asic_command)
app.command("config")(config_command)


@app.callback(invoke_without_command=True)
def eie(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Compress neural networks and run them on an EIE-style accelerator."""
    if show_version:
        typer.echo(f"eie {version('eie')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 1 for a difference found by `verify`, else as in `exit_code`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A command finds the arguments, as given, in the object of the root context.
    return exit_code(lambda: app(args=given, prog_name="eie", standalone_mode=False, obj=given))
