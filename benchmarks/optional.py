"""Libraries that a benchmark compares with, if they are installed."""

import importlib
import sys
from typing import Any


def optional(module: str, package: str) -> Any:
    """The module, or None with a sentence on the error stream that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        print(f"{package} is left out: {error}; pip install {package}", file=sys.stderr)
        return None
