import os
from pathlib import Path

import pytest

from sw.errors import EieError
from sw.files import read_whole, write_whole


def test_writes_and_reads(tmp_path: Path):
    path = tmp_path / "file"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert read_whole(path) == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_failed_write_leaves_nothing(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(EieError, match=r"cannot write .*folder: "):
        write_whole(tmp_path / "folder", b"data")
    with pytest.raises(EieError, match=r"cannot write .*: No such file"):
        write_whole(tmp_path / "missing" / "file", b"data")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EieError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_unreadable(tmp_path: Path):
    with pytest.raises(EieError, match=r"cannot read .*: No such file"):
        read_whole(tmp_path / "missing")
    with pytest.raises(EieError, match="cannot read"):
        read_whole(tmp_path)
