"""What the array and its RTL do with graphs: a flattened perceptron runs, `eie verify` names what is no chain."""

import json
from pathlib import Path

import numpy as np
import pytest
from support_networks import make_conv_network, make_layer

from sim.cli import main
from sw.calibrate import calibrate
from sw.compressed import CompressedNetwork
from sw.graph import ApplyLayer, Flatten, Graph, Node
from sw.integer_forward import run_integers
from sw.model_file import save


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
