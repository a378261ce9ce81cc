"""The journal of a sweep: every record as soon as it is there, so that a sweep that was killed goes on."""

import fcntl
import io
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, cast

from model.errors import EieError
from sim.energy.events import Events
from sim.sweep.work import Record
from sw.files import reason

LONGEST_LINE = 1 << 16  # bytes; one has about a thousand
LARGEST = 1e300  # of a figure, which becomes a float
HEAD = {"journal": "eie sweep", "version": 2}


class Journal:
    """A file of JSON lines beside the results: a head, then ``{"key": ..., "record": ...}`` each.

    A context manager. Only one sweep at a time may have it open. What a killed sweep left of a last line is cut off;
    a journal without records is removed at the end. Raises EieError for a file that is no journal, and leaves it as it
    is.
    """

    def __init__(self, path: Path):
        self.path = path
        self._records: dict[str, Record] = {}
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
        if not self._records:
            self.path.unlink(missing_ok=True)
        self._file.close()

    @property
    def records(self) -> Mapping[str, Record]:
        """By key; they stay as they are."""
        return MappingProxyType(self._records)

    def append(self, key: str, record: Record) -> None:
        """Write a record whole."""
        self._write({"key": key, "record": record})
        self._records[key] = record

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EieError(f"{self.path} is in use by another sweep; wanted another -o, or that one's end") from error

    def _read(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        head = _line(HEAD)
        if len(content) < len(head):
            if not head.startswith(content):
                raise self._foreign()
            self._file.truncate(0)
            self._write(HEAD)
            return
        whole = content[: content.rfind(b"\n") + 1]
        if not whole.startswith(head):
            raise self._foreign()
        for line in io.BytesIO(memoryview(whole)[len(head) :]):
            key, record = self._parse(line)
            self._records[key] = record
        self._file.truncate(len(whole))

    def _parse(self, line: bytes) -> tuple[str, Record]:
        if len(line) > LONGEST_LINE:
            raise self._foreign()
        try:
            entry: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._foreign() from error
        if not isinstance(entry, dict):
            raise self._foreign()
        entry = cast("dict[str, Any]", entry)
        key, record = entry.get("key"), entry.get("record")
        if not isinstance(key, str) or not isinstance(record, dict):
            raise self._foreign()
        record = cast("Record", record)
        if not _is_record(record):
            raise self._foreign()
        return key, record

    def _foreign(self) -> EieError:
        return EieError(f"{self.path} is not a journal of this version of eie sweep; move it away or choose another -o")

    def _write(self, entry: Mapping[str, object]) -> None:
        self._file.write(_line(entry))
        self._file.flush()


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
        and set(counted) == {field.name for field in fields(Events)}
        and _has_numbers(counted)
        and counted["cycles"] > 0
    )


def _has_numbers(table: dict[str, Any]) -> bool:
    """Whether it has nothing but finite numbers of at least 0."""
    return all(type(value) in (int, float) and 0 <= value <= LARGEST for value in table.values())


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode() + b"\n"
