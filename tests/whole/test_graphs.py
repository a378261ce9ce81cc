"""What the array and its RTL do with graphs: a flattened perceptron runs, `eie verify` names what is no chain."""

import json
from pathlib import Path

import numpy as np
import pytest

from sim.cli import main
from sw.file.model_file import load, save
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Flatten, Graph, Node
from sw.network.integer_forward import run_integers
from tests.support.networks.formats import assert_equal
from tests.support.networks.lstm import make_lstm_network
from tests.support.networks.random_networks import make_conv_network, make_layer


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """An empty folder as the working folder, with (4, 12) inputs in x.npy."""
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).normal(size=(4, 12)).astype(np.float32)
    np.save("x.npy", values)
    return values


def test_a_flattened_perceptron_runs_on_the_array(inputs: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    layers = (make_layer(1, (7, 12), 0.6, name="ip1", relu=True), make_layer(2, (5, 7), 0.6, name="ip2"))
    nodes = (Node(Flatten(), (0,)), Node(ApplyLayer(), (1,)), Node(ApplyLayer(), (2,)))
    network = CompressedNetwork(layers=layers, graph=Graph(input_shape=(3, 2, 2), nodes=nodes))
    network = calibrate(network, inputs)
    save(network, Path("net.eie"))
    assert main(["simulate", "net.eie", "--input", "x.npy", "--preset", "tiny4", "-o", "y.npy"]) == 0
    np.testing.assert_array_equal(np.load("y.npy"), run_integers(network, inputs).outputs)
    capsys.readouterr()
    assert main(["verify", "net.eie", "--input", "x.npy", "--preset", "tiny4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equal"]


@pytest.mark.parametrize("is_calibrated", [False, True])
def test_verify_names_a_convolution(
    is_calibrated: bool, inputs: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    network = make_conv_network(0)
    save(calibrate(network, np.ones((1, 180))) if is_calibrated else network, Path("net.eie"))
    assert main(["verify", "net.eie", "--input", "x.npy", "--preset", "tiny4"]) == 2
    expected = "error: an array takes fully connected layers one after another; layer conv1 is a convolution"
    assert capsys.readouterr().err.splitlines()[-1] == expected


def test_verify_names_an_lstm(inputs: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    save(make_lstm_network(0), Path("net.eie"))
    assert main(["verify", "net.eie", "--input", "x.npy", "--preset", "tiny4"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("; layer lstm.l0 is the matrix of an LSTM")


def test_an_lstm_from_torch_s_tensors_to_cycles_and_back(
    inputs: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    """compress, inspect, accuracy, simulate, decompress and compress again: the same network, step by step."""
    random = np.random.default_rng(3)
    shapes = {"rnn.weight_ih_l0": (20, 3), "rnn.weight_hh_l0": (20, 5), "rnn.bias_ih_l0": (20,), "out.weight": (2, 5)}
    np.savez("net.npz", **{name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})
    operations = [{"op": "lstm", "name": "rnn.l0"}, {"op": "layer", "name": "out"}]
    Path("graph.json").write_text(json.dumps({"input": [4, 3], "operations": operations}))
    compress = ["compress", "net.npz", "--graph", "graph.json", "-o", "net.eie", "--calibrate", "x.npy", "--density"]
    assert main([*compress, "rnn.l0=0.5"]) == 0
    capsys.readouterr()
    assert main(["inspect", "net.eie", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["input_shape"] == [4, 3]
    assert [row["operation"] for row in report["graph"]] == ["rnn.l0: LSTM of 5 units, the last step", "out"]
    assert main(["simulate", "net.eie", "--input", "x.npy", "--preset", "tiny4", "-o", "y.npy", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    lstm, out = report["layers"]
    assert (lstm["vectors"], out["vectors"]) == (4, 1)
    assert lstm["each_vector"]["cycles"] == lstm["cycles"] / 4
    assert lstm["each_vector"]["microseconds"] == pytest.approx(lstm["microseconds"] / 4)
    assert lstm["each_vector"]["energy"]["energy_nj"] == pytest.approx(lstm["energy"]["energy_nj"] / 4)
    np.testing.assert_array_equal(np.load("y.npy"), run_integers(load(Path("net.eie")), inputs).outputs)
    assert main(["simulate", "net.eie", "--input", "x.npy", "--preset", "tiny4"]) == 0
    _, _, row, _ = [line for line in capsys.readouterr().out.splitlines() if line.startswith("rnn.l0")]
    assert row.split()[1] == f"{lstm['each_vector']['cycles']:.1f}"
    np.save("labels.npy", np.zeros(4, np.int64))
    assert main(["accuracy", "net.eie", "--inputs", "x.npy", "--labels", "labels.npy", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["integers"]["wrong"] == np.count_nonzero(np.load("y.npy").argmax(axis=1))
    assert main(["decompress", "net.eie", "-o", "again.npz"]) == 0
    with np.load("again.npz") as again:
        assert {name: again[name].shape for name in shapes} == shapes
    assert main(["compress", "again.npz", "-o", "again.eie", "--calibrate", "x.npy"]) == 0
    assert_equal(load(Path("again.eie")).to_network(), load(Path("net.eie")).to_network())
