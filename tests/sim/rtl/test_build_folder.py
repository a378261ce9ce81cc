"""sim/rtl/build_folder.py: no space in what make is given, and nothing half built in the cache."""

from pathlib import Path

import pytest

from model.errors import SimulatorError
from sim.rtl.build_folder import is_split, keep, scratch_folder


def test_a_folder_without_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch_folder(tmp_path) as scratch:
        assert scratch.parent == tmp_path
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder(tmp_path / "with spaces") as scratch:
        assert scratch.parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_no_folder_without_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.rtl.build_folder.is_split", lambda path: True)
    with (
        pytest.raises(SimulatorError, match="want a folder without spaces: set EIE_CACHE or TMPDIR to one"),
        scratch_folder(tmp_path),
    ):
        pass


def test_what_make_splits() -> None:
    assert [is_split(Path(name)) for name in ("/a b", "/a\tb", "/ä", "/a")] == [True, True, False, False]


def test_what_a_killed_move_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "cache" / "key.part").mkdir(parents=True)
    (tmp_path / "cache" / "key.part" / "half").touch()
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "top").touch()
    keep(tmp_path / "built", tmp_path / "cache" / "key")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["key"]
    assert [path.name for path in (tmp_path / "cache" / "key").iterdir()] == ["top"]
