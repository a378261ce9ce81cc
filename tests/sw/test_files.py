import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.errors import EieError
from sim.npy import read_inputs
from sw import files
from sw.files import check_folder, check_target, make_folder, read_whole, write_whole
from sw.formats import pytorch
from sw.formats.network_file import LARGEST_GRAPH, load_graph


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


@pytest.mark.parametrize("nameless", [True, False])
def test_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool):
    """Also where a file that is being written needs a name."""
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EieError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "file", tmp_path / "link"
    link.symlink_to(target)
    for data in (b"first", b"second"):
        write_whole(link, data)
        assert link.is_symlink()
        assert target.read_bytes() == data
    assert list((tmp_path / "folder").iterdir()) == [target]


def test_a_pipe_stays_a_pipe(tmp_path: Path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(path, b"data")
    assert os.read(reader, 100) == b"data"
    os.close(reader)
    assert path.is_fifo()
    with pytest.raises(EieError, match="pipe: it is not a regular file"):
        read_whole(path)


def test_an_input_is_not_a_target(tmp_path: Path):
    source, link = tmp_path / "in", tmp_path / "link"
    source.write_bytes(b"")
    link.symlink_to(source)
    for path in (source, link, tmp_path / "." / "in"):
        with pytest.raises(EieError, match=r"cannot write .*: it is the input .*in, which would be lost"):
            check_target(path, None, source)
    check_target(source, None, tmp_path / "other")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (".", "Is a directory"),
        ("missing/file", "No such file"),
        ("file/below", "Not a directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_beforehand(tmp_path: Path, name: str, sentence: str):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EieError, match=f"cannot write .*: {sentence}"):
        check_target(tmp_path / name)


@pytest.mark.parametrize("existing", [True, False])
def test_permission_is_asked_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool):
    path = tmp_path / "file"
    if existing:
        path.write_bytes(b"")
    monkeypatch.setattr(os, "access", lambda asked, _: asked != (path if existing else tmp_path))
    with pytest.raises(EieError, match=r"cannot write .*file: Permission denied"):
        check_target(path)


def test_unreadable(tmp_path: Path):
    with pytest.raises(EieError, match=r"cannot read .*: No such file"):
        read_whole(tmp_path / "missing")
    with pytest.raises(EieError, match="cannot read"):
        read_whole(tmp_path)


def test_a_folder_is_made_with_those_it_is_in(tmp_path: Path):
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
        assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("check", [check_folder, make_folder])
@pytest.mark.parametrize("name", ["file", "file/folder/folder"])
def test_a_file_is_no_folder(check: Callable[[Path], None], name: str, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(EieError, match=f"^cannot write into {tmp_path / name}: wanted a folder, got a file$"):
        check(tmp_path / name)


@pytest.mark.parametrize("check", [check_folder, make_folder])
def test_a_folder_that_takes_no_files(check: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(EieError, match=r"^cannot write into .*/new: Permission denied$"):
        check(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(EieError, match=r"^cannot write into .*/new: No space left on device$"):
        make_folder(tmp_path / "new")


def fail(*_: object, **__: object) -> Any:
    raise OSError(errno.EIO, "Input/output error")


def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"data")
    monkeypatch.setattr(Path, "read_bytes", fail)
    monkeypatch.setattr(Path, "open", fail)
    for read in (read_whole, read_inputs, pytorch.load_pytorch):
        with pytest.raises(EieError, match=r"cannot read .*x\.npy: Input/output error"):
            read(path)


def test_a_disk_that_takes_no_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "open", fail)
    with pytest.raises(EieError, match=r"cannot write .*out: Input/output error"):
        write_whole(tmp_path / "out", b"data")
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_full() -> None:
    with pytest.raises(EieError, match="cannot write /dev/full: No space left on device"):
        write_whole(Path("/dev/full"), b"data")


def test_a_file_larger_than_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(11))
    with pytest.raises(EieError, match="file must have at most 10 bytes, it has 11"):
        read_whole(path, 10)
    graph = tmp_path / "graph.json"
    graph.write_bytes(bytes(LARGEST_GRAPH + 1))
    with pytest.raises(EieError, match=r"graph\.json: a graph file must have at most 1048576 bytes, got 1048577"):
        load_graph(graph)
