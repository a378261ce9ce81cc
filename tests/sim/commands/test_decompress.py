"""sim/commands/decompress.py: what it writes is what the model file holds, to the bit and with its graph."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sim.cli import main
from sw.file.model_file import load
from sw.formats.network_file import load_network, save_network
from tests.support.networks.formats import assert_equal, networks


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("kind", networks())
def test_compressing_again_gives_the_same_file(folder: Path, kind: str, suffix: str):
    save_network(networks()[kind], folder / "net.npz")
    assert main(["compress", "net.npz", "-o", "first.eie", "--density", "0.7", "--code-bits", "3"]) == 0
    assert main(["decompress", "first.eie", "-o", f"out{suffix}"]) == 0
    wanted = load(folder / "first.eie").to_network()
    assert_equal(load_network(folder / f"out{suffix}"), wanted)
    assert wanted.graph == networks()[kind].graph
    assert main(["compress", f"out{suffix}", "-o", "second.eie", "--code-bits", "3"]) == 0
    assert (folder / "second.eie").read_bytes() == (folder / "first.eie").read_bytes()


def test_what_it_says(folder: Path, capsys: pytest.CaptureFixture[str]):
    save_network(networks()["graph"], folder / "net.npz")
    assert main(["compress", "net.npz", "-o", "net.eie"]) == 0
    capsys.readouterr()
    assert main(["decompress", "net.eie", "-o", "out.npz"]) == 0
    size = (folder / "out.npz").stat().st_size
    assert capsys.readouterr().out == f"out.npz: 4 layers, {size:,} bytes\n"
    assert main(["decompress", "net.eie", "-o", "out.npz", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report.pop("made_by")["command"] == "eie decompress net.eie -o out.npz --json"
    layers = ["conv1", "fire/left", "fire/right", "head.0"]
    assert report == {"file": "out.npz", "layers": layers, "without_biases": [], "bytes": size}


def test_a_layer_without_biases_gets_none(folder: Path, capsys: pytest.CaptureFixture[str]):
    eye = np.eye(4, dtype=np.float32)
    save_file({"a.weight": eye, "b.weight": eye[:3]}, "net.safetensors")
    assert main(["compress", "net.safetensors", "-o", "net.eie"]) == 0
    capsys.readouterr()
    assert main(["decompress", "net.eie", "-o", "out.npz"]) == 0
    assert "Without biases, since all of theirs are 0 or they had none: a, b." in capsys.readouterr().out
    with np.load("out.npz") as arrays:
        assert {"a.weight", "b.weight"} <= set(arrays.files)
        assert not {"a.bias", "b.bias"} & set(arrays.files)


@pytest.mark.parametrize("name", ["out", "out.onnx", "net.eie"])
def test_other_targets_are_refused_before_anything_is_read(folder: Path, capsys: pytest.CaptureFixture[str], name: str):
    assert main(["decompress", "net.eie", "-o", name]) == 2
    sentence = f"cannot write {name}: networks are written to .safetensors and .npz, got "
    assert capsys.readouterr().err == f"error: {sentence}{Path(name).suffix or 'no'} suffix\n"
    assert not list(folder.iterdir())
