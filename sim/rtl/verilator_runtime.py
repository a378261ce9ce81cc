"""Verilator's run-time library, compiled once: half of what a build of a small array takes."""

import os
import shutil
import tempfile
import time
from pathlib import Path

OBJECTS = "verilated*.o"  # of Verilator's own sources, which know nothing of a design


def lend(shelf: Path, work: Path) -> None:
    """Hand a build the objects that an earlier one left on `shelf`, if any; make takes them for its own.

    To make they are newer than all else, also than the Makefile of the design, on which they do not depend. The name of
    the shelf says by which versions they were compiled.
    """
    later = time.time() + 24 * 3600
    for stored in shelf.glob(OBJECTS):
        lent = work / stored.name
        shutil.copyfile(stored, lent)
        os.utime(lent, (later, later))


def keep(shelf: Path, work: Path) -> None:
    """Leave the objects of a finished build on `shelf`, all or none."""
    found = sorted(work.glob(OBJECTS))
    if shelf.exists() or not found:
        return
    with tempfile.TemporaryDirectory(dir=shelf.parent, prefix="building-") as scratch:
        whole = Path(scratch) / "objects"
        whole.mkdir()
        for each in found:
            shutil.copyfile(each, whole / each.name)
        try:
            os.rename(whole, shelf)
        except OSError:
            return  # another build was faster
