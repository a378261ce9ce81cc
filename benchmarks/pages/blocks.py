"""What a page's blocks may ask for: a command's output, the commands, the figures, the README's table."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from benchmarks.pages.figures import load
from sim.metrics.tables import markdown

ROOT = Path(__file__).parents[2]
EIE = "import sys; from sim.cli import main; sys.exit(main())"
# What a user's shell may hold that would change a command's output.
DROPPED = ("EIE_DATA", "COLUMNS", "FORCE_COLOR")


def show(command: str, *, first: int | None = None, after: str = "", fresh: str = "") -> None:
    """Print the command and its output as a block of code.

    Parameters
    ----------
    command : a command line of `eie` or `python`, run in the project's root without a shell.
    first : only so many lines; "..." stands for what is left out.
    after : only what begins with the first line that contains this; "..." stands for what is left out.
    fresh : files of build/, a pattern, that are deleted before, since the command would say that it found them.
    """
    for path in (ROOT / "build").glob(fresh) if fresh else ():
        path.unlink()
    lines = [*output(command).splitlines(), ""]
    while lines and not lines[-1].strip():
        lines.pop()
    if after:
        begin = next((number for number, line in enumerate(lines) if after in line), None)
        if begin is None:
            raise ValueError(f"{command} printed no line with {after}")
        lines = ["...", *lines[begin:]] if begin else lines
    if first is not None and len(lines) > first:
        lines = [*lines[:first], "..."]
    print("\n".join(["```", f"$ {command}", *(line.rstrip() for line in lines), "```"]))


def output(command: str) -> str:
    """Standard output of a command that must succeed."""
    name, *arguments = shlex.split(command)
    starts = {"eie": [sys.executable, "-c", EIE], "python": [sys.executable]}
    environment = {name: value for name, value in os.environ.items() if name not in DROPPED}
    done = subprocess.run(
        [*starts[name], *arguments],
        cwd=ROOT,
        env={**environment, "TERM": "dumb", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def commands() -> None:
    """Print every command with its arguments and options, by typer's own writer of such pages."""
    text = output("python -m typer sim.cli utils docs --name eie")
    _, _, text = text.partition("\n")  # the page has its own title
    print(text.strip())


def figures() -> None:
    """Print every figure that the tables, JSON and CSV have, with what it is."""
    print(markdown().strip())


def summary() -> None:
    """Print the README's small table, from the figures of docs/results.md and the reports in docs/fpga."""
    print("| figure | here | published | command |\n|---|---|---|---|")
    for row in load().summary():
        print(f"| {' | '.join(row)} |")
