"""Reading and writing files whole: an output file is complete or absent."""

import contextlib
import os
import tempfile
from pathlib import Path

from sw.errors import EieError


def read_whole(path: Path) -> bytes:
    """The bytes of a file; EieError if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise EieError(f"cannot read {path}: {_reason(error)}") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`, which afterwards holds all of it or what it held before; EieError if that fails."""
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
    except (OSError, ValueError) as error:
        raise EieError(f"cannot write {path}: {_reason(error)}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise EieError(f"cannot write {path}: {_reason(error)}") from error
        raise


def _mode(path: Path) -> int:
    """Permissions of the file that is replaced, else those that a new file would have had."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
