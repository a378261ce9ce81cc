"""`eie compress`: its options, what it says of each layer, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sim.cli import main
from sw.model_file import load

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def eie(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `eie compress net.safetensors -o net.eie ...` in a folder of its own; exit code, output, error stream."""
    random = np.random.default_rng(3)
    shared = random.choice([-0.5, 0, 0.25, 0.5], (30, 40))
    tensors = {"fc1.weight": shared, "fc2.weight": random.normal(size=(20, 30)), "fc2.bias": random.normal(size=20)}
    save_file({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, tmp_path / "net.safetensors")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["compress", "net.safetensors", "-o", "net.eie", *arguments])
        return code, *capsys.readouterr()

    return run


def test_shared_weights_pass_exactly_and_it_says_so(eie: Run):
    code, out, _ = eie()
    assert code == 0
    assert "no weight that was kept has changed in fc1; in the others they are shared" in out
    assert [layer.code_bits for layer in load(Path("net.eie")).layers] == [2, 4]
    assert json.loads(eie("--json")[1])["exact_layers"] == ["fc1"]
    assert "no weight that was kept has changed\n" in eie("--density", "fc2=0.02")[1]
    assert "weights that were kept are shared, in every layer" in eie("--code-bits", "1")[1]


def test_options_by_layer(eie: Run):
    assert eie("--code-bits", "fc1=5", "--sensitivity", "fc2=1", "--init", "exact")[0] == 0
    first, second = load(Path("net.eie")).layers
    assert (first.code_bits, second.code_bits) == (5, 4)
    assert first.positions.size == np.count_nonzero(first.dense())
    assert 100 < second.positions.size < 280


def test_the_seed_is_that_of_forgy(eie: Run):
    files = []
    for seed in ("1", "1", "2"):
        assert eie("--init", "forgy", "--seed", seed)[0] == 0
        files.append(Path("net.eie").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--code-bits", "fc1"], "--code-bits wants a whole number or NAME=NUMBER,... with each name once, got 'fc1'"),
        (["--code-bits", "fc3=4"], "code_bits must name layers of fc1, fc2, got 'fc3'"),
        (["--sensitivity", "-1"], "sensitivity must be finite and not negative, got -1.0"),
        (["--sensitivity", "1", "--density", "fc2=0.1"], "got density and sensitivity"),
        (["--init", "random"], "'random' is not one of"),
    ],
)
def test_refusals(eie: Run, arguments: list[str], sentence: str):
    code, out, err = eie(*arguments)
    assert code == 2
    assert sentence in " ".join(err.split())
    assert out == ""
    assert not Path("net.eie").exists()
