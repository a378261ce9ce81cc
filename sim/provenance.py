"""Which eie and which command made a file or an object: in every JSON, page and report."""

import shlex
from collections.abc import Sequence

_given: list[str] = []


def remember(arguments: Sequence[str]) -> None:
    """The command of this process, without its name."""
    _given[:] = arguments


def made_by() -> dict[str, str]:
    """Version with the commit, and the command as it was given."""
    from sim.version import version_text  # asks git, which most commands need not wait for

    return {"version": version_text(), "command": shlex.join(["eie", *_given])}
