"""What the array and its RTL do with graphs: a flattened perceptron as a whole, others layer by layer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim.rtl.cosim
from sim.cli import main
from sw.compress.pipeline import compress
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


@pytest.mark.parametrize("make", [make_conv_network, make_lstm_network])
def test_verify_takes_layers_one_after_another(
    make: Callable[[int], CompressedNetwork], inputs: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every layer on the vectors that it is handed: positions of convolutions, in groups, and steps of LSTMs."""
    network = compress(make(0).to_network(), code_bits=4)
    save(network, Path("net.eie"))
    np.save("x.npy", np.random.default_rng(0).normal(size=(2, *network.input_shape)).astype(np.float32))
    arguments = ["verify", "net.eie", "--input", "x.npy", "--preset", "tiny4"]
    assert main([*arguments, "--vectors", "6", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["equal"]
    assert main(["plan", "net.eie", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["parts"]
    handed = {part["layer"]: 2 * part["vectors"] for part in plan if part["layer"]}
    assert {layer["layer"]: layer["handed"] for layer in found["layers"]} == handed
    outputs = {layer.name: layer.shape[0] for layer in network.layers}
    for layer in found["layers"]:
        assert 0 < layer["vectors"] <= 6
        values, cycles = layer["comparisons"][:2]
        assert values["compared"] == layer["vectors"] * outputs[layer["layer"]] // layer["groups"]
        assert cycles["compared"] == layer["vectors"]
        assert layer["rtl_cycles"] == layer["model_cycles"] > 0
    assert [item["compared"] for item in found["comparisons"]] == [
        sum(layer["comparisons"][number]["compared"] for layer in found["layers"])
        for number in range(len(found["comparisons"]))
    ]


def test_verify_names_the_layer_that_differs(
    inputs: np.ndarray, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def faulty(jobs: Any, *arguments: Any, **options: Any) -> Any:
        results = run_rtl_images(jobs, *arguments, **options)
        results[-2].outputs[1, 2] ^= 1
        return results

    network = compress(make_lstm_network(0).to_network(), code_bits=4)
    save(network, Path("net.eie"))
    np.save("x.npy", np.random.default_rng(0).normal(size=(1, *network.input_shape)).astype(np.float32))
    run_rtl_images = sim.rtl.cosim.run_rtl_images
    monkeypatch.setattr(sim.rtl.cosim, "run_rtl_images", faulty)
    arguments = ["verify", "net.eie", "--input", "x.npy", "--preset", "tiny4"]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.startswith("lstm.l1 ")]
    assert "values: vector 1, output 2: model" in row
    assert main([*arguments, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["equal"]
    assert found["comparisons"][0]["difference"].startswith("layer lstm.l1, vector 1, output 2: model")


def test_vectors_are_of_layers(inputs: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    save(CompressedNetwork(layers=(make_layer(2, (5, 12), 0.6, name="ip2"),)), Path("net.eie"))
    arguments = ["verify", "net.eie", "--input", "x.npy", "--preset", "tiny4", "--vectors"]
    for number, sentence in (("3", "the array runs this network by itself"), ("0", "--vectors must be 1 or more")):
        assert main([*arguments, number]) == 2
        assert sentence in capsys.readouterr().err


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
    assert main(["accuracy", "net.eie", "--input", "x.npy", "--labels", "labels.npy", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["integers"]["wrong"] == np.count_nonzero(np.load("y.npy").argmax(axis=1))
    assert main(["decompress", "net.eie", "-o", "again.npz"]) == 0
    with np.load("again.npz") as again:
        assert {name: again[name].shape for name in shapes} == shapes
    assert main(["compress", "again.npz", "-o", "again.eie", "--calibrate", "x.npy"]) == 0
    assert_equal(load(Path("again.eie")).to_network(), load(Path("net.eie")).to_network())
