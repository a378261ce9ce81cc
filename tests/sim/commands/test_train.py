"""sim/commands/train.py: a run as a user starts it, ends it and continues it, and everything it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
from safetensors.numpy import save_file

import sim.commands.train
import sim.mnist
from sw.file.model_file import load
from tests.support.networks.recipes import IMAGES, RECIPE
from tests.support.networks.small_mnist import TEST_IMAGES, write_mnist
from tests.support.tools.commands import Run, runner

TRAIN = ["train", "lenet-300-100", "-o", "net.eie", "--recipe", "recipe.toml", "--threads", "1"]


@pytest.fixture
def eie(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command in a folder with mnist/ and recipe.toml; returns (exit code, standard output, error stream)."""
    write_mnist(tmp_path / "mnist")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(network="lenet-300-100"))
    monkeypatch.setitem(sim.mnist.COUNTS, "train", IMAGES)
    monkeypatch.setitem(sim.mnist.COUNTS, "t10k", TEST_IMAGES)
    monkeypatch.setenv("EIE_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    return runner(capsys)


def test_a_run_writes_a_file_and_measures_it(eie: Run, tmp_path: Path) -> None:
    code, out, err = eie(*TRAIN)
    assert code == 0, err
    size = (tmp_path / "net.eie").stat().st_size
    assert f"{size:,} bytes on disk, everything included" in out
    for words in ("fine-tune", "validation error", "net.eie decoded, 50 test images", "integers", "minutes of"):
        assert words in out
    assert "prune" in err
    assert {path.name for path in tmp_path.iterdir()} == {"mnist", "recipe.toml", "net.eie"}
    for layer in load(tmp_path / "net.eie").layers:
        assert len(np.unique(layer.dense())) <= 16
    assert load(tmp_path / "net.eie").calibration is not None


def test_json_and_given_weights(eie: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {"ip1": (300, 784), "ip2": (100, 300), "ip3": (10, 100)}
    weights = {f"{name}.weight": rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(
        weights | {f"{name}.bias": np.zeros(shape[0], np.float32) for name, shape in shapes.items()}, "w.safetensors"
    )
    code, out, err = eie(*TRAIN, "--weights", "w.safetensors", "--json", "--seed", "5")
    assert code == 0, err
    result = json.loads(out)
    assert [stage["name"] for stage in result["stages"]][:2] == ["teacher", "prune"]
    assert result["bytes"] == (tmp_path / "net.eie").stat().st_size
    assert result["seed"] == 5
    assert result["test_images"] == TEST_IMAGES
    assert 0 <= result["error_float32"] < 0.5
    assert abs(result["error_integers"] - result["error_float32"]) <= 0.1


def test_an_interrupted_run_continues_to_the_same_file(
    eie: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert eie(*TRAIN)[0] == 0
    whole = (tmp_path / "net.eie").read_bytes()
    (tmp_path / "net.eie").unlink()

    epochs = 0

    def stop(self: sim.commands.train.Watched, figures: object) -> None:
        nonlocal epochs
        epochs += 1
        if epochs == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sim.commands.train.Watched, "epoch", stop)
        assert eie(*TRAIN)[0] == 130
    assert not (tmp_path / "net.eie").exists()
    assert (tmp_path / "net.eie.checkpoint").exists()

    code, _, err = eie(*TRAIN, "--seed", "1")
    assert code == 2
    assert err.endswith("is the checkpoint of a run with other arguments; --restart begins anew\n")
    assert eie(*TRAIN)[0] == 0
    assert (tmp_path / "net.eie").read_bytes() == whole
    assert not (tmp_path / "net.eie.checkpoint").exists()


def test_restart_begins_anew(eie: Run, tmp_path: Path) -> None:
    (tmp_path / "net.eie.checkpoint").write_bytes(b"anything")
    code, _, err = eie(*TRAIN)
    assert code == 2
    assert "net.eie.checkpoint is not a whole checkpoint" in err
    assert eie(*TRAIN, "--restart")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["lenet-7"], "a network must be one of lenet-300-100, lenet-5, got 'lenet-7'"),
        (["lenet-5", "--recipe", "recipe.toml"], "recipe.toml is a recipe for lenet-300-100, wanted one for lenet-5"),
        (["lenet-5", "--recipe", "none.toml"], "cannot read none.toml"),
        (["lenet-5", "--recipe", "mnist/t10k-labels-idx1-ubyte.gz"], "must be a recipe in UTF-8"),
        (["lenet-5", "--weights", "none.safetensors"], "none.safetensors"),
        (["lenet-5", "--weights", "recipe.toml"], "recipe.toml"),
        (["lenet-5", "--seed", "-1"], "--seed must be from 0 to 4294967295, got -1"),
        (["lenet-5", "--threads", "0"], "--threads must be from 1 to 1024, got 0"),
        (["lenet-5", "--device", "tpu"], "--device must be cpu or cuda, got 'tpu'"),
        (["lenet-5", "--data", "nowhere"], "cannot read nowhere/mnist/train-images-idx3-ubyte.gz"),
        (["lenet-5", "-o", "none/net.eie"], "cannot write none/net.eie"),
        (["lenet-300-100", "--recipe", "recipe.toml", "-o", "recipe.toml"], "it is the input recipe.toml"),
    ],
)
def test_refusals(eie: Run, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    output = [] if "-o" in arguments else ["-o", "net.eie"]
    code, out, err = eie("train", *arguments, *output)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert sentence in err
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_recipe_with_an_unknown_key(eie: Run, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.format(network="lenet-300-100").replace("every", "often"))
    code, _, err = eie(*TRAIN)
    assert code == 2
    assert err.startswith("error: recipe.toml: stage 2 (pruning): no option 'often'; options: density, sensitivity")


def test_missing_test_images_are_found_before_the_training(eie: Run, tmp_path: Path) -> None:
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz").unlink()
    code, _, err = eie(*TRAIN)
    assert code == 2
    assert err.startswith("error: cannot read ")
    assert not (tmp_path / "net.eie.checkpoint").exists()


def test_cuda_where_there_is_none(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, _, err = eie(*TRAIN, "--device", "cuda")
    assert code == 2
    assert "--device cuda needs a CUDA device, and torch" in err


def test_without_torch(project_root: Path) -> None:
    """Every module of sw and sim outside sw.training is imported where torch cannot be."""
    script = f"""
import pkgutil, sys
sys.modules["torch"] = None
import sim, sw
for package in (sim, sw):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", lambda name: None):
        if not module.name.startswith("sw.training"):
            __import__(module.name)
from sim.cli import main
raise SystemExit(main(["train", "lenet-5", "--data", "x", "-o", "{project_root}/net.eie"]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=project_root, capture_output=True, text=True)
    assert done.stderr == "error: eie train needs torch: pip install 'torch>=2.6' 'tensorly>=0.9'\n"
    assert done.returncode == 2
