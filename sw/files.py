"""Reading and writing files whole: an output file is complete or absent."""

import contextlib
import errno
import os
import secrets
from pathlib import Path

from model.errors import EieError

LONGEST_REASON = 160


def read_whole(path: Path, most: int | None = None) -> bytes:
    """The bytes of a file; EieError if it cannot be read or has more than `most`."""
    check_source(path)
    try:
        if most is not None and path.stat().st_size > most:
            raise EieError(f"{path} must have at most {most} bytes, it has {path.stat().st_size}")
        return path.read_bytes()
    except OSError as error:
        raise EieError(f"cannot read {path}: {reason(error)}") from error


def check_source(path: Path) -> None:
    """EieError unless `path` is a file with an end, which a folder, a device and a pipe are not."""
    try:
        path.stat()
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not path.is_file():
            raise OSError(errno.EINVAL, "it is not a regular file")
    except (OSError, ValueError) as error:
        raise EieError(f"cannot read {path}: {reason(error)}") from error


def check_target(path: Path, *sources: Path | None) -> None:
    """EieError if writing `path` would fail or replace one of `sources`; called before long work, not after it."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists():
            for source in sources:
                if source is not None and source.exists() and path.samefile(source):
                    raise EieError(f"cannot write {path}: it is the input {source}, which would be lost")
        changed = path if path.exists() else Path(os.path.realpath(path)).parent
        if not changed.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if changed != path and not changed.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(changed, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise EieError(f"cannot write {path}: {reason(error)}") from error


def check_folder(path: Path) -> None:
    """EieError unless files can be written into the folder `path`, which may be missing; called before long work."""
    try:
        there = next(each for each in (path, *path.absolute().parents) if each.exists())
        if not there.is_dir():
            raise EieError(f"cannot write into {path}: wanted a folder, got a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise EieError(f"cannot write into {path}: {reason(error)}") from error


def make_folder(path: Path) -> None:
    """The folder `path`, with those it is in; EieError if it is not there and cannot be made."""
    check_folder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EieError(f"cannot write into {path}: {reason(error)}") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`, which afterwards holds all of it or what it held before; EieError if that fails.

    A link stays a link and its target is written; a device or a pipe stays what it is and takes the bytes. Whenever the
    process is killed, no file with a part of the data is left: while it is written it has no name.
    """
    check_target(path)
    if path.exists() and not path.is_file():
        try:
            path.write_bytes(data)
        except OSError as error:
            raise EieError(f"cannot write {path}: {reason(error)}") from error
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:64]}.{secrets.token_hex(8)}")
    try:
        handle, is_named = _open_temporary(temporary)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(handle, _mode(target))
            os.fsync(handle)
            if not is_named:
                # Only with a folder's descriptor, which an absolute path ignores, does Python follow the link.
                os.link(f"/proc/self/fd/{handle}", temporary, src_dir_fd=handle, follow_symlinks=True)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise EieError(f"cannot write {path}: {reason(error)}") from error
        raise


def _open_temporary(path: Path) -> tuple[int, bool]:
    """A new file beside `path` to write into, and whether it has that name: where the file system can, it has none."""
    try:
        return os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o600), False
    except (AttributeError, OSError):  # not Linux, or a file system without nameless files
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), True


def _mode(path: Path) -> int:
    """Permissions of the file that is replaced, else those that a new file would have had."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def reason(error: BaseException) -> str:
    """Why something failed, in at most a line: the words of the system, or of the library that raised."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text.splitlines()[0][:LONGEST_REASON]


# What tomllib raises: its own error is a ValueError, as is the refusal of thousands of digits; nesting can be too deep.
UNREADABLE = (ValueError, RecursionError)
