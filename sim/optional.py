"""Packages that not every installation has."""

from importlib import import_module
from typing import Any

from sim.progress import Say


def imported(name: str, *, package: str | None = None, say: Say | None = None) -> Any:
    """An optional module, or None where it is not installed or what it needs is not.

    `say` is then told what is left out and which package brings it: `package`, if it has another name than the module.
    """
    try:
        return import_module(name)
    except (ImportError, OSError) as error:
        if say is not None:
            say(f"{package or name} is left out: {error}; pip install {package or name}")
        return None
