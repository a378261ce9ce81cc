"""The journal of a sweep: every record as soon as it is there, so that a sweep that was killed goes on."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from model.errors import EieError
from sim.energy.events import Events
from sim.sweep.work import Record
from sw.files import reason

LONGEST_LINE = 1 << 16  # bytes; one has about a thousand
LARGEST = 1e300  # of a figure, which becomes a float
HEAD = b'{"journal": "eie sweep", "version": 3}\n'
CHECK = 16  # hexadecimal digits of the checksum before each record
BEGINNING = re.compile(rb'[0-9a-f]{16} \{"key": ')


class Journal:
    """A file beside the results: a head, then a line ``CHECKSUM {"key": ..., "record": ...}`` each.

    A context manager. Only one sweep at a time may have it open. What a killed sweep left of a last line is cut off;
    a journal without records is removed at the end. Raises EieError for a file that is no journal, and leaves it as it
    is. A line that does not fit its checksum is left out and counted in `damaged`; the others stand. One that fits it
    and holds no record was not written by this class.

    Records stay in the file, of which the places are kept: a hundred thousand take next to no memory.
    """

    def __init__(self, path: Path):
        self.path = path
        self.damaged = 0
        self._places: dict[str, tuple[int, int]] = {}  # offset and length of a record's line
        self._end = 0
        try:
            self._file = path.open("a+b")
        except OSError as error:
            raise EieError(f"cannot write {path}: {reason(error)}") from error

    def __enter__(self) -> "Journal":
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._places and not self.damaged:
            self.path.unlink(missing_ok=True)
        self._file.close()

    @property
    def records(self) -> Mapping[str, Record]:
        """By key, as they are in the file."""
        return _Records(self._file.fileno(), self._places)

    def append(self, key: str, record: Record) -> None:
        """Write a record whole; EieError if it cannot be written, and then nothing of it is there."""
        line = _line(key, record)
        self._write(line)
        self._places[key] = (self._end - len(line), len(line))

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EieError(f"{self.path} is in use by another sweep; wanted another -o, or that one's end") from error

    def _read(self) -> None:
        self._file.seek(0)
        start = self._file.read(len(HEAD))
        if len(start) < len(HEAD):
            if not HEAD.startswith(start):
                raise self._foreign()
            self._file.truncate(0)
            self._write(HEAD)
            return
        self._file.seek(0)
        for offset, line in _lines(self._file):
            self._take(offset, line)
            self._end = offset + len(line)
        if start != HEAD and not self._places:
            raise self._foreign()
        self._file.truncate(self._end)

    def _take(self, offset: int, line: bytes) -> None:
        """The record of a line; of one that lost its end, all records that begin in it and are whole."""
        if offset == 0 and line == HEAD:
            return
        if len(line) >= LONGEST_LINE:
            raise self._foreign()
        key = self._key(line)
        if key is not None:
            self._places[key] = (offset, len(line))
            return
        self.damaged += 1
        starts = [match.start() for match in BEGINNING.finditer(line)]
        for start, end in zip(starts, [*starts[1:], len(line)], strict=False):
            for piece in (line[start:end], line[start : end - 1]):
                key = self._key(piece)
                if key is not None:
                    self._places[key] = (offset + start, len(piece))

    def _key(self, line: bytes) -> str | None:
        """The key of a whole line's record; None for damage, EieError if it is whole and no record of `run_task`'s."""
        body = line[CHECK + 1 :].removesuffix(b"\n")
        if line[: CHECK + 1] != _check(body) + b" ":
            return None
        try:
            entry: Any = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._foreign() from error
        if not isinstance(entry, dict):
            raise self._foreign()
        entry = cast("dict[str, Any]", entry)
        key, record = entry.get("key"), entry.get("record")
        if not isinstance(key, str) or not isinstance(record, dict) or not _is_record(cast("Record", record)):
            raise self._foreign()
        return key

    def _foreign(self) -> EieError:
        return EieError(f"{self.path} is not a journal of this version of eie sweep; move it away or choose another -o")

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._file.fileno(), line)
            if written < len(line):  # the disk is full, which the next one to write is told
                os.write(self._file.fileno(), line[written:])
        except OSError as error:
            os.ftruncate(self._file.fileno(), self._end)
            raise EieError(f"cannot write {self.path}: {reason(error)}") from error
        self._end += len(line)


class _Records(Mapping[str, Record]):
    def __init__(self, file: int, places: Mapping[str, tuple[int, int]]):
        self._file, self._places = file, places

    def __getitem__(self, key: str) -> Record:
        offset, length = self._places[key]
        return json.loads(os.pread(self._file, length, offset)[CHECK + 1 :])["record"]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _lines(file: Any) -> Iterator[tuple[int, bytes]]:
    """Every whole line with its offset; one longer than a record can be comes in parts, which are no records."""
    offset = 0
    while line := file.readline(LONGEST_LINE):
        if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
            return
        yield offset, line
        offset += len(line)


def _line(key: str, record: Record) -> bytes:
    body = json.dumps({"key": key, "record": record}, allow_nan=False).encode()
    return _check(body) + b" " + body + b"\n"


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:CHECK].encode()


def _is_record(record: Record) -> bool:
    """Whether it is one that `run_task` makes."""
    if "reason" in record:
        return isinstance(record["reason"], str)
    enlarged, events = (record.get(name) for name in ("enlarged", "events"))
    if not isinstance(enlarged, dict) or not isinstance(events, dict):
        return False
    counted = cast("dict[str, Any]", events)
    return (
        _has_numbers(cast("dict[str, Any]", enlarged))
        and set(counted) == EVENTS
        and _has_numbers(counted)
        and counted["cycles"] > 0
    )


EVENTS = {field.name for field in fields(Events)}


def _has_numbers(table: dict[str, Any]) -> bool:
    """Whether it has nothing but finite numbers of at least 0."""
    return all(type(value) in (int, float) and 0 <= value <= LARGEST for value in table.values())
