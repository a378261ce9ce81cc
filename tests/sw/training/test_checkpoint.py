"""sw/training/checkpoint.py: whole, of the same run, and nothing in it runs."""

import pickle
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch

from model.errors import EieError
from sw.training.checkpoint import Checkpoint


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "run.checkpoint", "seed 1")
    assert checkpoint.load() is None
    checkpoint.save({"weights": {"a": torch.arange(3)}, "epoch": 4, "best": None})
    state = Checkpoint(tmp_path / "run.checkpoint", "seed 1").load()
    assert state is not None
    assert state["weights"]["a"].tolist() == [0, 1, 2]
    assert (state["epoch"], state["best"]) == (4, None)
    assert [path.name for path in tmp_path.iterdir()] == ["run.checkpoint"]
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.load() is None


def test_other_arguments_are_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "c", "seed 1").save({})
    with pytest.raises(EieError, match=r"c is the checkpoint of a run with other arguments; --restart begins anew$"):
        Checkpoint(tmp_path / "c", "seed 2").load()


class Attack:
    """What a pickle could do."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("attacked"),))


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps(Attack()), pickle.dumps({"state": 1}), None])
def test_anything_else_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "c"
    if content is None:
        torch.save({"arguments": "", "state": Attack()}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(EieError, match=r"c is not a whole checkpoint: "):
        Checkpoint(path, "").load()
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("length", [1, 100, -1])
def test_a_cut_file_is_refused(tmp_path: Path, length: int) -> None:
    checkpoint = Checkpoint(tmp_path / "c", "")
    checkpoint.save({"weights": torch.zeros(100)})
    whole = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(whole[:length])
    with pytest.raises(EieError, match="is not a whole checkpoint"):
        checkpoint.load()
    checkpoint.path.unlink()
    checkpoint.path.mkdir()
    with pytest.raises(EieError, match="cannot read"):
        checkpoint.load()
