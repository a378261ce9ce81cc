"""`eie accuracy`: figures against the arithmetic itself, every sentence for what cannot be measured."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.mnist import load_mnist
from sw.compress.pipeline import compress
from sw.file.model_file import load, save
from sw.formats.network_file import load_network, save_network
from sw.network.accuracy import measure_float, measure_integers
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import UNCONNECTED
from tests.support.networks.random_networks import make_conv_network, make_layer
from tests.support.tools.commands import Run, runner

OWN = ["--input", "x.npy", "--labels", "y.npy"]


@pytest.fixture
def eie(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command in a folder with networks, inputs and labels: (exit code, standard output, error stream)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EIE_DATA", raising=False)
    random = np.random.default_rng(0)
    inputs = random.normal(size=(40, 2, 10, 9)).astype(np.float32)
    network = make_conv_network(4)
    save(network, Path("plain.eie"))
    save(calibrate(network, inputs), Path("net.eie"))
    save_network(network.to_network(), Path("dense.safetensors"))
    np.save("x.npy", inputs)
    np.save("y.npy", random.integers(0, 5, 40))

    return runner(capsys, "accuracy")


def test_figures_are_those_of_the_decoded_file(eie: Run) -> None:
    code, out, err = eie("net.eie", *OWN, "--top", "2", "--against", "dense.safetensors", "--json")
    assert code == 0, err
    report = json.loads(out)
    network, inputs, labels = load(Path("net.eie")), np.load("x.npy"), np.load("y.npy")
    in_float = measure_float(network.to_network(), inputs, labels, 2)
    in_integers = measure_integers(network, inputs, labels, 2)
    size = Path("net.eie").stat().st_size
    weights = 4 * sum(layer.weights + layer.shape[0] for layer in network.layers)
    assert (report["inputs"], report["bytes"], report["float32_bytes"]) == (40, size, weights)
    assert report["ratio"] == weights / size
    for part, errors in (("float32", in_float), ("integers", in_integers), ("against", in_float)):
        assert report[part]["wrong"] == errors.wrong
        assert report[part]["error"] == errors.error
        assert (report[part]["top"], report[part]["wrong_top"]) == (2, errors.wrong_top)
        assert report[part]["error_top"] == errors.error_top
    assert report["integers"]["overflows"] == report["integers"]["saturated_inputs"] == 0
    assert report["against"]["model"] == "dense.safetensors"
    assert "measuring net.eie on x.npy" in err


def test_8_bit_activations_are_asked_for_or_the_file_says_so(eie: Run) -> None:
    inputs, labels = np.load("x.npy"), np.load("y.npy")
    network = load(Path("plain.eie"))
    narrow = calibrate(network, inputs, 8)
    save(narrow, Path("narrow.eie"))
    wanted = measure_integers(narrow, inputs, labels, activation_bits=8)
    for arguments in (["narrow.eie"], ["plain.eie", "--calibrate", "x.npy", "--activation-bits", "8"]):
        code, out, err = eie(*arguments, *OWN, "--json")
        assert code == 0, err
        found = json.loads(out)["integers"]
        assert (found["wrong"], found["activation_bits"]) == (wanted.wrong, 8)
    assert "8-bit integers, 32-bit sums" in eie("narrow.eie", *OWN)[1]
    code, _, err = eie("narrow.eie", *OWN, "--activation-bits", "16")
    assert code == 2
    assert "calibrated for activations of 8 bits, the array has 16" in err
    code, _, err = eie("narrow.eie", *OWN, "--activation-bits", "12")
    assert code == 2
    assert "--activation-bits must be 8 or 16, got 12" in err


def test_own_inputs_come_before_the_environment(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIE_DATA", "missing")
    assert eie("net.eie", *OWN)[0] == 0
    code, _, err = eie("net.eie")
    assert code == 2
    assert "cannot read missing/mnist/t10k-images" in err


def test_the_table(eie: Run) -> None:
    code, out, _ = eie("net.eie", *OWN)
    assert code == 0
    wrong = measure_float(load(Path("net.eie")).to_network(), np.load("x.npy"), np.load("y.npy")).wrong
    assert f"net.eie                       float32  {wrong:>5}  {100 * wrong / 40:.2f} %" in out
    assert "16-bit integers, 32-bit sums" in out
    assert f"{Path('net.eie').stat().st_size} bytes on disk, everything included" in out
    assert "not in top" not in out
    assert "not in top 3" in eie("net.eie", *OWN, "--top", "3")[1]


def test_without_calibration_only_float32(eie: Run) -> None:
    code, out, err = eie("plain.eie", *OWN, "--json")
    assert code == 0
    assert json.loads(out)["integers"] is None
    assert "no calibration" in err
    assert "float32 only; --calibrate X.npy gives it one" in err
    code, calibrated, err = eie("plain.eie", *OWN, "--calibrate", "x.npy", "--json")
    assert code == 0
    assert "float32 only" not in err
    expected = json.loads(eie("net.eie", *OWN, "--json")[1])["integers"]
    assert json.loads(calibrated)["integers"] == expected


def test_inputs_beyond_the_calibration_are_said(eie: Run) -> None:
    np.save("small.npy", np.load("x.npy")[:1] / 1000)
    code, out, err = eie("net.eie", *OWN, "--calibrate", "small.npy", "--json")
    assert code == 0
    found = json.loads(out)["integers"]
    assert found["saturated_inputs"] == 40
    assert "warning: 40 of 40 inputs were saturated to 16 bits" in err


def test_an_overflow_is_said(eie: Run) -> None:
    network = load(Path("net.eie"))
    assert network.calibration is not None
    layer = make_layer(0, (2, 40), 1.0, 1)
    layer.codebook[1] = 1
    calibration = replace(network.calibration, activations=np.ones(2, np.float32), partial_sums=np.ones(1, np.float32))
    save(CompressedNetwork(layers=(layer,), calibration=calibration), Path("narrow.eie"))
    inputs = np.zeros((3, 40))
    inputs[1] = 1
    np.save("x.npy", inputs)
    np.save("y.npy", np.zeros(3, np.uint8))
    code, out, err = eie("narrow.eie", *OWN, "--json")
    assert code == 0
    assert json.loads(out)["integers"]["overflows"] == 1
    assert "warning: an accumulator overflowed for 1 of 3 inputs" in err


def test_mere_weights_are_connected_as_the_compressed_network(eie: Run) -> None:
    dense = load(Path("net.eie")).to_network()
    save_network(replace(dense, graph=UNCONNECTED), Path("weights.safetensors"))
    assert load_network(Path("weights.safetensors")).graph == UNCONNECTED
    code, out, err = eie("net.eie", *OWN, "--against", "weights.safetensors", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["against"]["wrong"] == report["float32"]["wrong"]
    fewer = replace(dense, layers=dense.layers[:-1], graph=UNCONNECTED)
    save_network(fewer, Path("fewer.safetensors"))
    code, _, err = eie("net.eie", *OWN, "--against", "fewer.safetensors")
    assert code == 2
    assert "fewer.safetensors holds weights only; wanted exactly the layers of the compressed network" in err


def test_bad_input_gets_one_sentence(eie: Run) -> None:
    save(CompressedNetwork(layers=(make_layer(0, (4, 3), 0.5),)), Path("small.eie"))
    save_network(load(Path("small.eie")).to_network(), Path("small.safetensors"))
    save(replace(make_conv_network(0), graph=UNCONNECTED), Path("weights.eie"))
    Path("noise.eie").write_bytes(bytes(range(200)))
    np.save("short.npy", np.zeros(39, np.int64))
    np.save("real.npy", np.zeros(40))
    np.save("nine.npy", np.full(40, 9))
    np.save("wide.npy", np.zeros((40, 3)))
    cases = {
        ("net.eie",): "wanted --data DIR with mnist/ in it, or --input X.npy and --labels Y.npy",
        ("net.eie", "--data", "."): "cannot read mnist/t10k-images",
        ("net.eie", "--input", "x.npy"): "--input and --labels belong together, got --input alone",
        ("net.eie", "--labels", "y.npy"): "--input and --labels belong together, got --labels alone",
        ("net.eie", "--input", "x.npy", "--labels", "short.npy"): "wanted one label for each of 40 inputs",
        ("net.eie", "--input", "x.npy", "--labels", "real.npy"): "holds float64 values; wanted whole numbers",
        ("net.eie", "--input", "x.npy", "--labels", "nine.npy"): "labels must be 0 to 4",
        ("net.eie", "--input", "wide.npy", "--labels", "y.npy"): "wanted (inputs, 2, 10, 9) or (inputs, 180)",
        ("net.eie", *OWN, "--top", "6"): "must be 1 to 5",
        ("net.eie", *OWN, "--top", "0"): "must be 1 to 5",
        ("net.eie", *OWN, "--calibrate", "wide.npy"): "wanted (inputs, 2, 10, 9)",
        ("net.eie", *OWN, "--against", "small.safetensors"): "must take 180 inputs and make 5 outputs",
        ("net.eie", *OWN, "--against", "missing.safetensors"): "missing.safetensors",
        ("net.eie", *OWN, "--split", "half"): "half",
        ("weights.eie", *OWN): "it holds weights only",
        ("noise.eie", *OWN): "noise.eie",
    }
    for arguments, sentence in cases.items():
        code, out, err = eie(*arguments)
        assert (code, out) == (2, ""), arguments
        assert sentence in err.splitlines()[-1], arguments
        assert "Traceback" not in err


def test_mnist(eie: Run, data_folder: Path) -> None:
    dense = load_network(data_folder / "lenet" / "lenet_300_100.safetensors")
    images, _ = load_mnist(data_folder / "mnist", "train")
    save(compress(dense, density=0.5, code_bits=4, calibration=images[:500]), Path("lenet.eie"))
    model = str(data_folder / "lenet" / "lenet_300_100.safetensors")
    code, out, err = eie("lenet.eie", "--data", str(data_folder), "--against", model, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert (report["samples"], report["inputs"]) == ("MNIST test images", 10_000)
    assert report["against"]["wrong"] == 228
    assert abs(report["float32"]["wrong"] - report["integers"]["wrong"]) <= 3
    assert 228 - 20 <= report["float32"]["wrong"] <= 228 + 20
    code, _, err = eie("net.eie", "--data", str(data_folder))
    assert code == 2
    assert "MNIST has 784 pixels, this network takes 180 inputs" in err
