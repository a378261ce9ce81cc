"""A command in a process of its own that has all of this one loaded, and its own surroundings."""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.cli import main

Change = Callable[[], None]


@dataclass(frozen=True)
class Ended:
    """How it ended: its exit code, minus the signal that ended it, and what it printed."""

    code: int
    out: str
    err: str


def in_child(arguments: Sequence[str], *changes: Change) -> Ended:
    """The end of a command; each change is made to its process first, its streams are files."""
    with tempfile.TemporaryDirectory() as name:
        streams = [Path(name) / "out", Path(name) / "err"]
        child = os.fork()
        if child == 0:
            code = 99
            try:
                for number, path in enumerate(streams, start=1):
                    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
                sys.stdout, sys.stderr = _stream(1), _stream(2)
                for change in changes:
                    change()
                code = main(arguments)
                for stream in (sys.stdout, sys.stderr):
                    with contextlib.suppress(AttributeError, OSError):
                        stream.flush()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        out, err = (path.read_text(encoding="utf-8") for path in streams)
    return Ended(os.waitstatus_to_exitcode(status), out, err)


def _stream(number: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), encoding="utf-8")


def standard_output_is(path: str) -> Change:
    """What would go there goes to this file or device."""

    def change() -> None:
        os.dup2(os.open(path, os.O_WRONLY), 1)
        sys.stdout = _stream(1)

    return change


def standard_output_is_closed() -> None:
    """As the shell's `>&-` does, which Python knows as no stream at all."""
    os.close(1)
    sys.stdout = None
