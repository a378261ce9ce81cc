"""The user's cache folder, and the digest of sources that keys of what is kept there hold."""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType


def cache_folder() -> Path:
    """Where what took long is kept: $EIE_CACHE, or `eie` in the user's cache folder."""
    chosen = os.environ.get("EIE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eie"


def sources_digest(packages: Sequence[ModuleType]) -> str:
    """SHA-256 of all Python files of these packages and of their names, hex."""
    return _digest(tuple(Path(str(package.__file__)).parent for package in packages))


@cache
def _digest(folders: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{folder.name}/{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
