"""Commands of `eie` as a user runs them."""

from collections.abc import Callable

import pytest

from sim.cli import main

Run = Callable[..., tuple[int, str, str]]


def runner(capsys: pytest.CaptureFixture[str], *first: str) -> Run:
    """Runs one command, `first` before its arguments: (exit code, standard output, error stream).

    What was printed before is dropped.
    """

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*first, *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run
