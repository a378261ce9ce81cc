"""`eie compress`: its options, what it says of each layer, and what it refuses."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from sw.file.model_file import load
from sw.formats.network_file import load_network
from sw.network.compressed import CompressedLayer
from tests.support.tools.commands import Run, runner


@pytest.fixture
def eie(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `eie compress net.safetensors -o net.eie ...` in a folder of its own; exit code, output, error stream."""
    random = np.random.default_rng(3)
    shared = random.choice([-0.5, 0, 0.25, 0.5], (30, 40))
    tensors = {"fc1.weight": shared, "fc2.weight": random.normal(size=(20, 30)), "fc2.bias": random.normal(size=20)}
    save_file({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, tmp_path / "net.safetensors")
    np.save(tmp_path / "x.npy", random.normal(size=(100, 40)).astype(np.float32))
    np.save(tmp_path / "y.npy", random.integers(0, 20, 100))
    monkeypatch.chdir(tmp_path)

    return runner(capsys, "compress", "net.safetensors", "-o", "net.eie")


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
    ("weight", "sentence"),
    [
        (np.array([[1, np.nan]]), "must be finite, got NaN or infinity"),
        (np.array([[1, -np.inf]]), "must be finite, got NaN or infinity"),
        (np.zeros((0, 4)), "not be empty, got (0, 4)"),
        (np.zeros((4, 0)), "not be empty, got (4, 0)"),
    ],
)
def test_weights_that_cannot_be_stored(eie: Run, weight: np.ndarray, sentence: str):
    save_file({"fc.weight": weight.astype(np.float32)}, "net.safetensors")
    code, _, err = eie("--max-weight-error", "0.1")
    assert code == 2
    assert sentence in " ".join(err.split())
    assert not Path("net.eie").exists()


def test_a_step_instead_of_code_bits(eie: Run):
    assert eie("--step", "fc2=1")[0] == 0
    coarse = Path("net.eie").stat().st_size
    assert eie("--step", "fc2=0.1")[0] == 0
    assert Path("net.eie").stat().st_size > coarse


def test_a_bound_on_weights(eie: Run):
    code, out, _ = eie("--max-weight-error", "0.1", "--json")
    assert code == 0
    found = json.loads(out)["search"]
    assert found["error"] == max(layer["weight_error"] for layer in found["layers"]) <= 0.1
    assert found["reference_error"] is None
    assert "largest relative error of a layer's weights: 0.0" in eie("--max-weight-error", "0.1")[1]


def test_a_bound_on_outputs_holds_for_the_file(eie: Run):
    code, out, _ = eie("--max-output-error", "0.2", "--input", "x.npy", "--search-pruning", "--json")
    assert code == 0
    found = json.loads(out)["search"]
    inputs = np.load("x.npy")
    outputs = load_network(Path("net.safetensors")).forward(inputs)
    difference = load(Path("net.eie")).to_network().forward(inputs) - outputs
    error = np.linalg.norm(difference) / np.linalg.norm(outputs)
    assert found["error"] == pytest.approx(error, rel=1e-5)
    assert error <= 0.2
    assert any(trial["allowed"] for trial in found["trials"])


def test_a_bound_on_wrong_answers_holds_for_the_file(eie: Run):
    arguments = ["--max-error-increase", "2", "--input", "x.npy", "--labels", "y.npy", "--code-bits", "5"]
    code, out, err = eie(*arguments)
    assert code == 0
    assert "before compression" in out
    assert "running the network on 100 inputs" in err
    inputs, labels = np.load("x.npy"), np.load("y.npy")
    files = Path("net.safetensors"), Path("net.eie")
    networks = load_network(files[0]), load(files[1]).to_network()
    before, after = (np.count_nonzero(network.forward(inputs).argmax(axis=1) != labels) for network in networks)
    assert after <= before + 2
    assert max(layer.code_bits for layer in load(files[1]).layers) <= 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--max-weight-error", "1", "--max-output-error", "1"], "one bound is wanted, got --max-weight-error and"),
        (["--max-weight-error", "1", "--input", "x.npy"], "takes neither --input nor --labels, got --input"),
        (["--max-output-error", "1"], "--max-output-error takes --input, got neither"),
        (["--max-error-increase", "1", "--input", "x.npy"], "takes --input and --labels, got --input"),
        (["--labels", "y.npy"], "without a bound, eie compress takes neither --input nor --labels, got --labels"),
        (["--max-weight-error", "1", "--code-bits", "fc1=3"], "a search chooses steps and code bits"),
        (["--max-weight-error", "1", "--code-bits", "9"], "code_bits must be between 1 and 8, got 9"),
        (["--search-pruning"], "--search-pruning needs a bound"),
        (["--max-weight-error", "1e-9"], "layer fc2: a relative error of its weights of at most 1e-09 was wanted"),
        (
            ["--max-weight-error", "nan"],
            "the relative error of weights that is allowed must be finite and not negative",
        ),
        (["--init", "forgy", "--seed", "-1"], "a seed must not be negative, got -1"),
        (["--max-output-error", "-1", "--input", "x.npy"], "must be finite and not negative, got -1.0"),
        (["--max-output-error", "1", "--input", "y.npy"], "y.npy has shape (100,)"),
        (["--max-error-increase", "1", "--input", "x.npy", "--labels", "x.npy"], "wanted whole numbers"),
        (["--step", "0"], "step must be positive and finite, got 0.0"),
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


def test_what_was_assumed_is_said(eie: Run):
    assumed = "net.safetensors: assumed, since the file does not say it: fc1, fc2 one after another (the only order"
    assert assumed in eie()[2]
    (sentence,) = json.loads(eie("--json")[1])["assumed"]
    assert sentence.startswith(assumed)
    rng = np.random.default_rng(0)
    save_file({name: rng.normal(size=(4, 4)) for name in ("out.weight", "in.weight")}, "net.safetensors")
    code, _, err = eie()
    assert (code, err.count("\n")) == (2, 1)
    assert "the shapes of in, out allow more than one order, and the file has none: say --order file or" in err
    assert [layer.name for layer in load_after(eie, "--order", "name")] == ["in", "out"]
    Path("graph.json").write_text('{"operations": [{"op": "layer", "name": "out"}, {"op": "layer", "name": "in"}]}')
    assert [layer.name for layer in load_after(eie, "--graph", "graph.json")] == ["out", "in"]
    assert eie("--graph", "graph.json", "--order", "name")[0] == 2


def load_after(eie: Run, *arguments: str) -> tuple[CompressedLayer, ...]:
    assert eie(*arguments)[0] == 0
    return load(Path("net.eie")).layers


def test_weights_that_share_the_value_zero_are_counted(eie: Run):
    save_file({"a.weight": np.array([[0.5, -0.5, 0.5, -0.5, 0]]), "b.weight": np.array([[1.0]])}, "net.safetensors")
    assert "weights that were kept and share the value 0: 4 in a\n" in eie("--code-bits", "1")[1]
    assert json.loads(eie("--code-bits", "1", "--json")[1])["kept_zeros"] == {"a": 4}
    assert "share the value 0" not in eie()[1]


def test_bits_are_said_and_large_differences_warned_of(eie: Run):
    code, out, err = eie("--calibrate", "x.npy")
    assert code == 0
    assert "bits that integers keep, and their difference from float32 on 64 inputs" in out
    assert "warning" not in err
    bias = np.zeros(30, np.float32)
    bias[0] = 1e7
    rng = np.random.default_rng(0)
    weights = {"fc1.weight": rng.normal(size=(30, 40)), "fc1.bias": bias, "fc2.weight": rng.normal(size=(20, 30))}
    weights["fc2.weight"][:, 0] = 0
    save_file(weights, "net.safetensors")
    code, out, err = eie("--calibrate", "x.npy", "--json")
    assert code == 0
    assert "warning: layer fc2: integers differ from float32 by" in err
    assert json.loads(out)["precision"][1]["difference"] > 0.02


def test_distillation(eie: Run):
    pytest.importorskip("torch", reason="--distil needs torch, the extra `train`")
    arguments = ("--distil", "50", "--calibrate", "x.npy", "--density", "0.5", "--seed", "1")
    code, out, err = eie(*arguments)
    assert code == 0
    assert "distilling weights: step 34 of 34, loss" in err
    assert "distilling shared values: step 16 of 16, loss" in err
    assert "loss on 20 inputs that were held back: " in out
    figures = json.loads(eie(*arguments, "--json")[1])
    assert figures["reconstructed"]
    assert figures["distilled"]["distilled"] < figures["distilled"]["layer_by_layer"]
    assert load(Path("net.eie")).layers[1].positions.size == 300


def test_distillation_without_torch(eie: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = eie("--distil", "50", "--calibrate", "x.npy")
    assert code == 2
    assert err.endswith("error: --distil needs torch: pip install 'torch>=2.6' 'tensorly>=0.9'\n")
    assert not Path("net.eie").exists()


def test_reconstruction(eie: Run):
    code, _, err = eie("--reconstruct", "--calibrate", "x.npy", "--density", "fc2=0.5", "--json")
    assert code == 0
    assert "reconstructed fc2: outputs" in err
    assert load(Path("net.eie")).layers[1].positions.size == 300
    for arguments, sentence in {
        ("--reconstruct",): "--reconstruct needs typical inputs, wanted --calibrate",
        (
            "--reconstruct",
            "--calibrate",
            "x.npy",
            "--step",
            "1",
        ): "goes with --density and --code-bits only, got --step",
        ("--reconstruct", "--calibrate", "x.npy", "--max-weight-error", "0.1"): "only, got a search",
        ("--distil", "9"): "--distil needs typical inputs, wanted --calibrate",
        ("--distil", "9", "--calibrate", "x.npy", "--threshold", "0.1"): "--distil goes with --density",
    }.items():
        code, _, err = eie(*arguments)
        assert code == 2
        assert sentence in err


def test_a_calibration_for_8_bit_activations(eie: Run):
    code, out, _ = eie("--calibrate", "x.npy", "--activation-bits", "8")
    assert code == 0
    assert "outputs, of 8" in out
    calibration = load(Path("net.eie")).calibration
    assert calibration is not None
    assert calibration.activation_bits == 8
    code, _, err = eie("--activation-bits", "8")
    assert code == 2
    assert "--activation-bits is of a calibration, wanted --calibrate X.npy" in err


def test_what_nobody_may_have_meant_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    model, made = str(tmp_path / "m.npz"), str(tmp_path / "m.eie")
    tensors: dict[str, Any] = {"a.weight": random.normal(size=(4, 3)), "b.weight": random.normal(size=(2, 4)) / 1000}
    np.savez(model, **tensors)
    eie = runner(capsys, "compress", model, "-o", made)
    code, out, err = eie()
    assert code == 0
    assert "every weight is kept: --density, --threshold or --sensitivity prune\n" in out
    assert re.search(r"everything included; \d\.\d\dx larger than 104 bytes of float32", out)
    assert "warning" not in err
    code, out, err = eie("--threshold", "0.1")
    assert code == 0
    assert "every weight" not in out
    assert "warning: no weight is kept, so that nothing but biases comes out of: b\n" in err


def test_rows_with_scales_are_kept_exactly_and_ratios_are_of_what_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    steps = random.integers(-127, 128, (30, 40))
    steps[:, 0] = 127
    tensors: dict[str, Any] = {"a.weight": (steps * random.uniform(0.01, 1, (30, 1))).astype(np.float32)}
    model = str(tmp_path / "m.npz")
    np.savez(model, **tensors)
    eie = runner(capsys, "compress", model, "-o", str(tmp_path / "m.eie"))
    code, out, _ = eie("--scale-rows")
    assert code == 0
    assert "no weight that was kept has changed\n" in out
    size = (tmp_path / "m.eie").stat().st_size
    assert f"has 4,920 bytes of float32 weights and biases: the file is {4920 / size:.1f}x smaller than these\n" in out
    assert json.loads(eie("--scale-rows", "--json")[1])["given_float32_bytes"] == 4920
    kept = {layer.name: layer.positions.size for layer in load(tmp_path / "m.eie").layers}
    assert kept == {"a": np.count_nonzero(steps), "a scale": 30}
    assert eie("--scale-rows", "--density", "0.5")[0] == 0
    kept = {layer.name: layer.positions.size for layer in load(tmp_path / "m.eie").layers}
    assert kept == {"a": 600, "a scale": 30}
    assert "weights that were kept are shared" in eie("--code-bits", "8")[1]
    for other, name in ((["--max-weight-error", "0.1"], "a search"), (["--reconstruct"], "--reconstruct or --distil")):
        code, _, err = eie("--scale-rows", *other)
        assert code == 2
        assert err == f"error: --scale-rows makes layers that must stay as they are, wanted it without {name}\n"
