"""The `eie` command: one sentence and exit code 2 for anything wrong with what it was given.

A command is imported when it is run, so that `eie --help` waits for none of them.
"""

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from model import first_use
from sim.provenance import remember
from sim.source_date import source_date
from sim.terminal.exit_code import exit_code

# Each is a module of `sim.commands`, in the panel of the help that lists it; the sentence is the first of its own help.
PANELS = {
    "Make a network small": {
        "compress": "Compress a network: prune, share weights, Huffman-code.",
        "inspect": "Check a compressed network and show what is in it.",
        "decompress": "Write the float32 network that a compressed one stands for.",
        "train": "Train a network on MNIST and compress it.",
        "study": "Compare methods of the literature on one network, file and array.",
        "accuracy": "Count the errors of a compressed network in both arithmetics.",
        "plan": "Show where each part of a network runs, and what it costs there.",
    },
    "Run it, exactly": {
        "simulate": "Simulate a compressed network, cycle for cycle, on an array.",
        "verify": "Compare the RTL with the model: values, cycles, every counter.",
        "faults": "Upset bits of the RTL, and tell what came of it.",
        "run": "Run inputs on an array by the host driver.",
    },
    "See why": {
        "bench": "Run the layers of the EIE paper or MLPerf Tiny on an array.",
        "queue": "Show what the activation queues hold, and the depth they need.",
        "trace": "Write a run as a timeline for Perfetto.",
        "report": "Show a run as one HTML page.",
        "baseline": "Time layers of the paper, or a network, on this computer.",
    },
    "Choose an array": {
        "sweep": "Explore a design space: cycles, energy and area.",
        "energy": "Show the energy of each event and its source.",
        "area": "Estimate the area of an array.",
        "accelergy": "Write files for Accelergy.",
        "doctor": "Show what is installed, what is missing and how to get it.",
        "config": "Show an array's configuration, or write it as TOML with -o.",
    },
    "Build it": {
        "verilog": "Write an array as Verilog.",
        "driver": "Write the C driver, and a network as C.",
        "fpga": "Synthesise, place and route an array on an FPGA.",
        "asic": "Map an array's logic to standard cells.",
    },
}
COMMANDS = {name: sentence for panel in PANELS.values() for name, sentence in panel.items()}
OLD_SPELLINGS = {"inputs": "input"}  # of options, which are still taken


class Commands(TyperGroup):
    """The commands by name; listing and completing them imports none."""

    _names_only = False

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported; None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        if self._names_only:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        module = import_module(f".commands.{cmd_name}", __package__)
        app = getattr(module, f"{cmd_name}_app", None)
        if app is None:
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(cmd_name)(getattr(module, f"{cmd_name}_command"))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The names that begin so, with their sentences."""
        self._names_only = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._names_only = False

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """What --help lists."""
        for panel, commands in PANELS.items():
            with formatter.section(panel):
                formatter.write_dl(list(commands.items()))


def _spelling(word: str) -> str:
    """Of an option as it is today."""
    return OLD_SPELLINGS.get(word, word)


app = typer.Typer(
    cls=Commands,
    name="eie",
    help="Compress neural networks and run them on an EIE-style accelerator.",
    context_settings={"token_normalize_func": _spelling},
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def eie(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print version and commit, and exit.")] = False,
) -> None:
    """Compress neural networks and run them on an EIE-style accelerator."""
    if show_version:
        from sim.version import version_text

        typer.echo(version_text())
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 1 for a difference found by `verify`, else as in `exit_code`."""
    if arguments is None and not sys.warnoptions:
        # As a program: a user is told in sentences, not in the warnings of the libraries below.
        warnings.simplefilter("ignore")
        first_use.tell(lambda sentence: print(sentence, file=sys.stderr))
    given = list(sys.argv[1:] if arguments is None else arguments)
    remember(given)
    # A command finds the arguments, as given, in the object of the root context.
    return exit_code(lambda: _run(given))


def _run(given: list[str]) -> object:
    source_date()  # numpy reads it too, and its import would end in a traceback
    _cache_that_can_be_written()
    return app(args=given, prog_name="eie", standalone_mode=False, obj=given)


def _cache_that_can_be_written() -> None:
    """Where the user's cache folder takes no files, Yosys gets a temporary one; it does not run without."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        cache.mkdir(parents=True, exist_ok=True)
        usable = os.access(cache, os.W_OK | os.X_OK)
    except (OSError, RuntimeError):  # no folder can be made there, or there is no home
        usable = False
    if not usable:
        os.environ["XDG_CACHE_HOME"] = folder = tempfile.mkdtemp(prefix="eie-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
