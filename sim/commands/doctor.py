"""`eie doctor`: what of an installation is there, what is missing, and how to get it."""

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from model.errors import EieError
from sim.cache import cache_folder
from sim.computer import this_computer
from sim.installation import Part, extras, programs
from sim.rtl.simulators import available_simulators
from sim.terminal.options import Json
from sim.terminal.output import Output
from sim.version import version_text


def doctor_command(as_json: Json = False) -> None:
    """Show what is installed, what is missing and how to get it. Exit code 2 if eie itself lacks a package."""
    output = Output(as_json=as_json)
    machine, parts, tools = this_computer(), extras(), programs()
    simulators, cache = available_simulators(), cache_folder()
    output.line(f"{version_text()}, Python {platform.python_version()} in {sys.prefix}")
    output.line(f"{machine.cpu}, {machine.threads} threads, {machine.system}\n")
    _table(output, "packages, by the extra that brings them (pip runs in the project's folder)", "extra", parts)
    _table(output, "programs", "program", tools)
    output.table("simulators", ["simulator", "state"], [[name, why or "ready"] for name, why in simulators.items()])
    output.line(f"compiled simulations: {cache}, {_state(cache)}")
    output.result(
        {
            "version": version_text(),
            "python": platform.python_version(),
            "cpu": machine.cpu,
            "threads": machine.threads,
            "system": machine.system,
            "extras": _payload(parts),
            "programs": _payload(tools),
            "simulators": {name: why or "ready" for name, why in simulators.items()},
            "cache": {"folder": str(cache), "state": _state(cache)},
        }
    )
    own = parts[0]
    if not own.complete:
        raise EieError(f"eie itself lacks {', '.join(own.missing)}: {own.get}")


def _table(output: Output, title: str, name: str, parts: Sequence[Part]) -> None:
    output.table(
        title,
        [name, "for", "missing", "how to get it"],
        [[part.name, part.use, ", ".join(part.missing) or "-", part.get] for part in parts],
    )


def _payload(parts: Sequence[Part]) -> dict[str, object]:
    return {
        part.name: {"for": part.use, "found": dict(part.found), "missing": list(part.missing), "get": part.get}
        for part in parts
    }


def _state(folder: Path) -> str:
    """Of the nearest folder that is there, since the cache is made when it is needed."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        return "cannot be written; set EIE_CACHE to a folder that can"
    size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) if folder.exists() else 0
    return f"{size / 1e6:,.0f} MB"
