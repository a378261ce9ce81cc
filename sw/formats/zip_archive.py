"""Zip archives that nobody vouches for: two of the formats are such."""

import mmap
import struct
import zipfile
import zlib
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from model.errors import EieError
from sw.files import check_source, reason

MEMBER = b"PK\x01\x02"  # how a member's record in the directory begins
MOST_MEMBERS = 1 << 13  # a network of 1024 layers has 2048 and the optimiser's state of training it twice as many
PIECE = 1 << 16  # bytes that are unpacked at once to be compared with a checksum

# zipfile passes on what its parts raise; RuntimeError is its word for encryption.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, LookupError)


@contextmanager
def open_archive(path: Path, kind: str) -> Generator[zipfile.ZipFile]:
    """The archive in a file that should be of this kind; EieError for whatever zipfile finds wrong with it."""
    check_source(path)
    try:
        with path.open("rb") as file:
            _check_members(file)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except EieError:
        raise
    except DAMAGE as error:
        raise EieError(f"this is not a whole {kind}: {reason(error)}") from error


def _check_members(file: BinaryIO) -> None:
    """EieError for too many members, of each of which zipfile makes objects: they begin with the same four bytes."""
    if file.seek(0, 2) == 0:
        return  # which cannot be mapped
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = -1
        for _ in range(MOST_MEMBERS + 1):
            at = data.find(MEMBER, at + 1)
            if at < 0:
                return
    raise EieError(f"an archive must have at most {MOST_MEMBERS} members, it has more")


def list_members(archive: zipfile.ZipFile, compressions: Collection[int], most: int) -> dict[str, zipfile.ZipInfo]:
    """The members by name, each there once, packed in one of these ways, `most` bytes in all when unpacked.

    Members may overlap, so that without a bound the same bytes could be read any number of times.
    """
    members = {member.filename: member for member in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise EieError("an archive must hold each member once, one of them is there twice")
    for name, member in members.items():
        if member.compress_type not in compressions:
            raise EieError(
                f"{name[:80]} must not be compressed in this way, its compression type is {member.compress_type}"
            )
    unpacked = sum(member.file_size for member in members.values())
    if unpacked > most:
        raise EieError(f"the archive must unpack to at most {most} bytes, it declares {unpacked}")
    return members


def check_contents(archive: zipfile.ZipFile, members: Iterable[zipfile.ZipInfo]) -> None:
    """Unpack every member a piece at a time, which zipfile compares with its checksum at the end, and keep nothing.

    What a file packs may be much larger than the file; that is worth its memory only where nothing is damaged.
    """
    for member in members:
        with archive.open(member) as file:
            while file.read(PIECE):
                pass
