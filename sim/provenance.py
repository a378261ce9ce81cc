"""Which eie and which command made a file or an object: in every JSON, CSV, page, report, manifest and comment."""

import shlex
from collections.abc import Sequence

_given: list[str] = []


def remember(arguments: Sequence[str], program: str = "eie") -> None:
    """The command of this process, by what `program` is typed as."""
    _given[:] = [*program.split(), *arguments]


def made_by() -> dict[str, str]:
    """Version with the commit, and the command as it was given."""
    from sim.version import version_text  # asks git, which most commands need not wait for

    return {"version": version_text(), "command": shlex.join(_given or ["eie"])}


def made_by_line() -> str:
    """The same in one line of a comment; what cannot be printed is escaped, and it neither begins nor ends one of C."""
    made = made_by()
    return one_line(f"{made['version']}: {made['command']}").replace("*/", "* /").replace("/*", "/ *")


def one_line(text: str) -> str:
    """Text on one line, without characters that cannot be printed or written."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
