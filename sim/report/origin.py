"""How a page came to be: its command, its date, the versions of what computed it."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from sim.provenance import made_by
from sim.report.page import Page
from sim.source_date import source_date

PACKAGES = ("numpy", "numba", "bokeh")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a page comes from.

    Parameters
    ----------
    command : exactly as it was called.
    date : ISO 8601.
    versions : of what computed it.
    """

    command: str
    date: str
    versions: dict[str, str]

    @classmethod
    def here(cls) -> "Provenance":
        """Of this command, now or as SOURCE_DATE_EPOCH says; EieError unless that is a date."""
        made = made_by()
        versions = {
            "Python": platform.python_version(),
            "eie": made["version"].removeprefix("eie "),
            **{package: version(package) for package in PACKAGES},
        }
        return cls(command=made["command"], date=source_date().isoformat(timespec="seconds"), versions=versions)

    @property
    def generator(self) -> str:
        """As the head of the page has it."""
        return f"eie {self.versions['eie']}"


def add_origin(
    page: Page, provenance: Provenance, fields: Sequence[tuple[str, str]], remarks: Sequence[str] = ()
) -> None:
    """The last section; `fields` are those of a configuration."""
    page.section("How this was made", "The command, in the folder where it ran:")
    page.code(provenance.command)
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    page.note(f"{provenance.date}. {versions}.")
    for remark in remarks:
        page.note(remark)
    page.fields(fields)
