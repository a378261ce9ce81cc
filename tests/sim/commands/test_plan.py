"""`eie plan`: every operation with its place, what it costs, and what an array by itself would need."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.cli import main
from sw.file.model_file import save
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import UNCONNECTED, ApplyLayer, Graph, Node
from sw.network.operations import Elementwise, Softmax
from tests.support.networks.lstm import make_lstm_network
from tests.support.networks.random_networks import make_conv_network, make_layer


def plan(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["plan", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_network_with_convolutions(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    network = make_conv_network(1)
    inputs = np.random.default_rng(0).normal(size=(3, *network.input_shape)).astype(np.float32)
    save(calibrate(network, inputs), tmp_path / "net.eie")
    np.save(tmp_path / "x.npy", inputs)
    code, out, err = plan(capsys, tmp_path / "net.eie", "--input", tmp_path / "x.npy", "--set", "code_bits=5", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert not found["whole"]
    assert found["macs_on_array"] == 1
    assert [part["place"] for part in found["parts"]] == [
        *("array", "host", "array", "array", "host", "host", "host", "nowhere", "array", "array")
    ]
    first, _, second = found["parts"][:3]
    # conv1 makes 10 x 9 positions of 2 x 3 x 3 inputs and 4 outputs; conv2b is in two groups.
    assert first["vectors"] == 90
    assert first["bytes_moved"] == 90 * (18 + 4) * 2
    assert first["macs"] == 90 * network.layers[0].positions.size
    assert second["layer"] == "conv2a"
    assert found["parts"][3]["vectors"] == 2 * second["vectors"]
    assert [part["cycles"] is not None for part in found["parts"]] == [bool(part["layer"]) for part in found["parts"]]
    code, out, _ = plan(capsys, tmp_path / "net.eie", "--pes", "4")
    assert code == 0
    assert "an array without maps runs fully connected layers one after another by itself" in out


def test_a_chain_is_the_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save(CompressedNetwork(layers=(make_layer(0, (5, 7), 0.5),)), tmp_path / "net.eie")
    code, out, _ = plan(capsys, tmp_path / "net.eie", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["whole"]
    assert found["parts"][0]["vectors"] == 0


def test_the_cell_of_an_lstm_is_the_hosts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save(make_lstm_network(2), tmp_path / "net.eie")
    _, out, _ = plan(capsys, tmp_path / "net.eie", "--json")
    parts = json.loads(out)["parts"]
    assert [part["place"] for part in parts] == ["array, its cell on the host"] * 2 + ["array"]
    assert parts[0]["vectors"] == 6


def test_an_array_with_functions_runs_the_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    network = make_lstm_network(2)
    inputs = np.random.default_rng(0).normal(size=(3, *network.input_shape)).astype(np.float32)
    save(calibrate(network, inputs), tmp_path / "net.eie")
    code, out, err = plan(capsys, tmp_path / "net.eie", "--preset", "mcu16", "--set", "functions=true", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["whole"]
    assert [(part["place"], part["vectors"]) for part in found["parts"]] == [("array", 0)] * 3


def test_an_array_with_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """It runs a residual sum; a softmax it lacks, and says so."""
    layers = (make_layer(0, (6, 6), 0.5, name="a"), make_layer(1, (6, 6), 0.5, name="b"))
    nodes = (Node(ApplyLayer(), (0,)), Node(ApplyLayer(), (1,)), Node(Elementwise(kind="add"), (2, 1)))
    network = CompressedNetwork(layers=layers, graph=Graph(input_shape=(6,), nodes=nodes))
    longer = replace(network, graph=Graph(input_shape=(6,), nodes=(*nodes, Node(Softmax(axis=0), (3,)))))
    inputs = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    for name, each in (("sum", network), ("softmax", longer)):
        save(calibrate(each, inputs), tmp_path / f"{name}.eie")
    _, out, _ = plan(capsys, tmp_path / "sum.eie", "--preset", "mcu16", "--json")
    assert json.loads(out)["whole"]
    _, out, _ = plan(capsys, tmp_path / "softmax.eie", "--preset", "mcu16", "--json")
    found = json.loads(out)
    assert not found["whole"]
    assert "softmax" in found["wanted"].lower()
    save(network, tmp_path / "plain.eie")
    code, _, err = plan(capsys, tmp_path / "plain.eie", "--preset", "mcu16")
    assert code == 2
    assert "calibrate the network first" in err


def test_weights_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save(CompressedNetwork(layers=(make_layer(0, (5, 7), 0.5),), graph=UNCONNECTED), tmp_path / "net.eie")
    code, _, err = plan(capsys, tmp_path / "net.eie")
    assert code == 2
    assert "it holds weights only" in err


def test_a_network_that_is_not_compressed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.savez(tmp_path / "net.npz", allow_pickle=False, **{"a.weight": np.eye(4, 6, dtype=np.float32)})
    code, out, err = plan(capsys, tmp_path / "net.npz", "--json")
    assert code == 0, err
    (part,) = json.loads(out)["parts"]
    assert (part["layer"], part["place"], part["macs"]) == ("a", "array", 4)
    code, _, err = plan(capsys, tmp_path / "net.npz", "--input", tmp_path / "x.npy")
    assert code == 2
    assert "cycles are of compressed networks" in err


def test_an_onnx_model_of_which_parts_are_the_hosts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The same parts as of the file that `eie compress` makes of it; products of the host are counted."""
    pytest.importorskip("onnxruntime")
    from tests.support.files.onnx_models import node, values, write

    nodes = [
        node("MatMul", "x w", "a"),
        node("CumSum", "a one", "s"),
        node("Transpose", "s", "t", perm=[1, 0]),
        node("MatMul", "t s", "p"),
        node("MatMul", "p v", "q"),
        node("Softmax", "q", "y", axis=1),
    ]
    constants = {"w": values(6, 5), "v": values(5, 4), "one": np.array(1)}
    path = write(tmp_path / "net.onnx", nodes, constants, ["n", 6])
    code, out, err = plan(capsys, path, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [(part["place"], part["macs"], part["needs"]) for part in found["parts"]] == [
        ("array", 30, ""),
        ("host", 25, "more"),
        ("array", 5 * 20, ""),  # five rows of p
        ("host", 0, "more"),
    ]
    assert found["macs_on_array"] == pytest.approx(130 / 155)
    assert not found["whole"]
    for missing in (
        "the operators of the host's parts (CumSum, MatMul, Softmax, Transpose)",
        "layers that take one step after another",
    ):
        assert missing in found["wanted"]
    assert main(["compress", str(path), "-o", str(tmp_path / "net.eie"), "--code-bits", "8"]) == 0
    capsys.readouterr()
    _, out, _ = plan(capsys, tmp_path / "net.eie", "--json")
    assert json.loads(out)["parts"] == found["parts"]
    code, out, err = plan(capsys, path, "--preset", "mcu16")
    assert code == 0, err
    assert "83.9 % of the products" not in out  # an array with maps takes all or nothing
    assert "0.0 % of the products are the array's. For the rest: no array has layers that take one step" in out
    assert [line.split()[-1] for line in out.splitlines() if " host " in line] == ["maps", "more", "more", "more"]
    assert "Needs: the field of an array's configuration that would take it over" in out


def test_an_onnx_model_that_no_command_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Its layers would be the array's, what lies between the host's by name, and why it is not read is said."""
    pytest.importorskip("onnx")
    from tests.support.files.onnx_models import node, values, write

    nodes = [node("MatMul", "x w", "a"), node("RandomNormalLike", "a", "b"), node("Mul", "a b", "y")]
    path = write(tmp_path / "net.onnx", nodes, {"w": values(6, 5)}, ["n", 6])
    code, out, err = plan(capsys, path, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [(part["place"], part["operators"]) for part in found["parts"]] == [
        ("array", {"MatMul": 1}),
        ("host", {"RandomNormalLike": 1, "Mul": 1}),
    ]
    assert "operator RandomNormalLike of node  is not run" in found["wanted"]
    code, out, _ = plan(capsys, path)
    assert code == 0
    assert "1 layer with weights for the array, 30 MACs" in out
