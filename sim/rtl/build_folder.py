"""Where a simulation is built: make splits names at spaces, so not everywhere it is kept."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from model.errors import SimulatorError


def is_split(path: Path) -> bool:
    """Whether make sees more than one word in it."""
    return len(str(path.absolute()).split()) != 1


@contextmanager
def scratch_folder(cache: Path) -> Generator[Path]:
    """A folder to build in: in the cache, or among temporary files if the cache's name has spaces.

    SimulatorError if both have.
    """
    places = [path for path in map(Path, (cache, tempfile.gettempdir(), "/tmp")) if not is_split(path)]
    if not places:
        raise SimulatorError("Verilator's makefiles want a folder without spaces: set EIE_CACHE or TMPDIR to one")
    with tempfile.TemporaryDirectory(dir=places[0], prefix="building-") as scratch:
        yield Path(scratch)


def keep(built: Path, folder: Path) -> None:
    """Move what was built into the cache, where it is whole or not there, though the cache may be on another disk."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    Path(shutil.move(built, part)).rename(folder)
