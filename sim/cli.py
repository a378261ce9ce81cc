"""The `eie` command: one sentence and exit code 2 for anything wrong with what it was given."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from model.config import ConfigError
from sim.compress_commands import compress_command, decompress_command, inspect_command
from sim.hardware_commands import config_command, verilog_command
from sim.simulate_command import simulate_command
from sim.simulators import SimulatorError
from sim.verify_command import verify_command
from sw.errors import EieError

BAD_INPUT = 2
INTERRUPTED = 130

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
app.command("simulate")(simulate_command)
app.command("verify")(verify_command)
app.command("verilog")(verilog_command)
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
    """Run one command and return its exit code: 0, 1 for a difference found by `verify`, 2, or 130 when interrupted."""
    try:
        code = app(args=arguments, prog_name="eie", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _fail(error.format_message())
    except (ConfigError, EieError, SimulatorError) as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("not enough memory for this network; wanted a smaller one, or a machine with more memory")
    except BrokenPipeError:
        # The reader of standard output has gone; without this the interpreter complains once more at its end.
        sys.stdout = None
        return BAD_INPUT
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return BAD_INPUT
