"""sim/sweep/journal.py: records survive, whole; other files are left alone."""

from pathlib import Path

import pytest

from model.errors import EieError
from sim.sweep.journal import Journal
from sim.sweep.work import Record
from tests.support.tools.sweep import record

HEAD = b'{"journal": "eie sweep", "version": 2}\n'


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
        assert path.read_bytes().startswith(HEAD)


@pytest.mark.parametrize(
    "content",
    [
        b"layer,name\n",
        b"something else that is as long as the head of a journal is\n",
        HEAD.replace(b"2", b"1"),
        HEAD + b"nonsense\n",
        HEAD + b"[1]\n",
        HEAD + b'{"key": 1, "record": {"reason": ""}}\n',
        HEAD + b'{"key": "a", "record": []}\n',
        HEAD + b'{"key": "a", "record": {"events": {}}}\n',
        HEAD + b'{"key": "a", "record": {"enlarged": {}, "events": {}}}\n',
        HEAD + b"[" * 100_000 + b"\n",
        HEAD + b"\xff\n",
    ],
    ids=lambda content: content[:60],
)
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(EieError, match="is not a journal of this version of eie sweep"), Journal(path):
        pass
    assert path.read_bytes() == content


def test_only_one_sweep_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path), pytest.raises(EieError, match="is in use by another sweep"), Journal(path):
        pass
    with Journal(path):
        pass


def test_a_journal_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EieError, match=r"cannot write .*: Is a directory"):
        Journal(tmp_path)
