"""Packages that not every installation has."""

from importlib import import_module
from typing import Any


def imported(name: str) -> Any:
    """An optional module, or None where it is not installed or what it needs is not."""
    try:
        return import_module(name)
    except (ImportError, OSError):
        return None
