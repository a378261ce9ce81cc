"""sim/sweep/journal.py: records survive, whole; other files are left alone."""

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from model.errors import EieError
from sim.sweep.journal import Journal
from sim.sweep.work import Record
from tests.support.tools.sweep import record

HEAD = b'{"journal": "eie sweep", "version": 3}\n'


def checked(entry: object) -> bytes:
    """A line whose checksum is right."""
    body = json.dumps(entry).encode()
    return hashlib.sha256(body).hexdigest()[:16].encode() + b" " + body


def filled(path: Path, first: Record) -> bytes:
    with Journal(path) as journal:
        journal.append("a", first)
        journal.append("b", {"reason": "none"})
    return path.read_bytes()


def test_records_are_there_for_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    filled(path, record(1))
    with Journal(path) as journal:
        assert journal.records == {"a": record(1), "b": {"reason": "none"}}
        journal.append("c", record(2))
    with Journal(path) as journal:
        assert list(journal.records) == ["a", "b", "c"]


def test_a_journal_without_records_is_not_left(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path):
        assert path.read_bytes() == HEAD
    assert not path.exists()


def test_a_record_is_on_disk_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.append("a", record(1))
        assert path.read_bytes().count(b"\n") == 2


def test_every_cut_loses_at_most_the_record_it_cuts(tmp_path: Path) -> None:
    content = filled(tmp_path / "whole", {"reason": "another"})
    path = tmp_path / "journal"
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        with Journal(path) as journal:
            assert len(journal.records) == max(0, content[:length].count(b"\n") - 1)
            journal.append("c", record(3))
        with Journal(path) as journal:
            assert journal.records["c"] == record(3)
            assert journal.damaged == 0
        assert path.read_bytes().startswith(HEAD)


@pytest.mark.parametrize(
    "content",
    [
        b"layer,name\n",
        b"something else that is as long as the head of a journal is\n",
        HEAD.replace(b"3", b"2") + b'{"key": "a", "record": {"reason": "none"}}\n',
        b"[" * 100_000 + b"\n",
        b"\xff" * 100,
        HEAD + b"[" * 200_000 + b"\n",
        HEAD + checked({"key": 1, "record": {"reason": ""}}) + b"\n",
        HEAD + checked({"key": "c", "record": []}) + b"\n",
        HEAD + checked({"key": "c", "record": {"events": {}}}) + b"\n",
        HEAD + checked({"key": "c", "record": {"enlarged": {}, "events": {}}}) + b"\n",
        HEAD + checked([]) + b"\n",
    ],
    ids=lambda content: content[:60],
)
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(EieError, match="is not a journal of this version of eie sweep"), Journal(path):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[1]",
        b'{"key": "c", "record": {"reason": ""}}',
        b"\xff",
        b"",
    ],
    ids=lambda line: str(line[:60]),
)
def test_a_line_that_is_no_record_costs_nothing_else(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal"
    first, second = filled(path, record(1)).removeprefix(HEAD).splitlines(keepends=True)
    path.write_bytes(HEAD + first + line + b"\n" + second)
    with Journal(path) as journal:
        assert journal.records == {"a": record(1), "b": {"reason": "none"}}
        assert journal.damaged > 0


def test_a_byte_that_changes_anywhere_costs_one_record_and_changes_none(tmp_path: Path) -> None:
    content = filled(tmp_path / "whole", {"reason": "another"})
    wanted = {"a": {"reason": "another"}, "b": {"reason": "none"}}
    path = tmp_path / "journal"
    for place in range(len(content) - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x11]) + content[place + 1 :])
        with Journal(path) as journal:
            assert journal.damaged == 1
            assert all(wanted[key] == found for key, found in journal.records.items())
            assert len(journal.records) >= 2 - (place >= len(HEAD))


def test_a_full_disk_is_one_sentence_and_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    write = os.write
    with Journal(path) as journal:
        journal.append("a", record(1))
        calls = iter([lambda file, data: write(file, data[:10]), full])
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda file, data: next(calls)(file, data))
            with pytest.raises(EieError, match=r"cannot write .*journal: No space left on device"):
                journal.append("b", record(2))
        journal.append("c", record(3))
    with Journal(path) as journal:
        assert journal.records == {"a": record(1), "c": record(3)}
        assert journal.damaged == 0


def full(file: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_only_one_sweep_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path), pytest.raises(EieError, match="is in use by another sweep"), Journal(path):
        pass
    with Journal(path):
        pass


def test_a_journal_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EieError, match=r"cannot write .*: Is a directory"):
        Journal(tmp_path)
