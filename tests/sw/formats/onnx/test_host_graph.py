"""sw/formats/onnx/host_graph.py: networks of which parts run in onnxruntime compute what the whole model does there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.compress.pipeline import compress
from sw.file.model_file import from_bytes, to_bytes
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import load_network, save_network
from sw.formats.onnx.host_graph import load_parts
from sw.formats.onnx.model import open_model
from sw.formats.onnx.tensors import read_constants
from sw.network.calibrate import calibrate
from sw.network.graph import Lstm
from sw.network.host_model import describe
from sw.network.host_part import HostPart
from sw.network.integer_forward import run_integers
from sw.network.network import Network
from tests.support.files.onnx_models import node, onnx, onnxruntime, values, write
from tests.support.networks.host_parts import HOST_PARTS, TOKENS, export_parts

PARTS = Assumptions(host_parts=True)
LAYERS = {"norm": 2, "encoder": 9, "file type": 3, "voice": 5}


def load(path: Path) -> tuple[Network, list[str]]:
    said: list[str] = []
    return load_network(path, None, Assumptions(host_parts=True, say=said.append)), said


def inputs_and_outputs(path: Path, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, features) random inputs and (n, outputs) of onnxruntime, each in a row."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random, given, made = np.random.default_rng(seed), [], []
    for _ in range(count):
        feeds = {
            each.name: random.integers(0, TOKENS, each.shape)
            if each.type == "tensor(int64)"
            else random.normal(size=each.shape).astype(np.float32)
            for each in session.get_inputs()
        }
        given.append(np.concatenate([value.reshape(-1).astype(np.float32) for value in feeds.values()]))
        made.append(np.concatenate([np.reshape(value, -1) for value in session.run(None, feeds)]))
    return np.array(given), np.array(made)


@pytest.mark.parametrize("exporter", ["legacy", pytest.param("dynamo", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", HOST_PARTS)
def test_parts_compute_what_the_whole_does(name: str, exporter: str, tmp_path: Path):
    path = tmp_path / "net.onnx"
    export_parts(name, exporter, path)
    network, said = load(path)
    assert len(network.layers) == LAYERS[name]
    assert any("it runs in parts on array and host, since as one network it is not read" in each for each in said)
    x, wanted = inputs_and_outputs(path, 20)
    found = network.forward(x).reshape(wanted.shape)
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()
    small = calibrate(compress(network, code_bits=8), x)
    again = from_bytes(to_bytes(small))
    assert to_bytes(again) == to_bytes(small)
    in_float = again.to_network().forward(x).reshape(wanted.shape)
    assert np.abs(in_float - wanted).max() <= 0.02 * np.abs(wanted).max()
    integers = run_integers(again, x).outputs.reshape(wanted.shape)
    assert np.abs(integers - in_float).max() <= 0.002 * np.abs(wanted).max()
    save_network(again.to_network(), tmp_path / "net.safetensors")
    decoded = load_network(tmp_path / "net.safetensors").forward(x)
    assert np.array_equal(decoded.reshape(wanted.shape), in_float)


def test_what_is_folded_into_layers_and_what_is_shared_between_parts(tmp_path: Path):
    nodes = [
        node("MatMul", "x w", "a"),
        node("Add", "b a", "c"),
        node("Mul", "c s", "d"),
        node("Relu", "d", "e"),
        node("Softmax", "e", "f"),  # of two parts
        node("MatMul", "f v", "g"),
        node("Add", "g f", "h"),
        node("Where", "t h f", "y"),
    ]
    constants = {"w": values(4, 5), "b": values(5), "s": values(1, 5), "v": values(5, 5)}
    constants["t"] = np.array([[True, False, True, True, False]])
    path = write(tmp_path / "net.onnx", nodes, constants, [1, 4])
    network, _ = load(path)
    assert [(layer.relu, layer.bias.any()) for layer in network.layers] == [(True, True), (False, False)]
    graph = network.graph
    assert graph is not None
    assert [node.sources for node in graph.nodes if isinstance(node.operation, HostPart)] == [(1,), (3, 2)]
    x, wanted = inputs_and_outputs(path, 3)
    assert np.abs(network.forward(x) - wanted).max() <= 1e-6


def test_a_result_that_is_taken_twice_keeps_its_layer(tmp_path: Path):
    nodes = [node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Mod", "a c", "y", fmod=1)]
    path = write(tmp_path / "net.onnx", nodes, {"w": values(4, 5), "b": values(5)}, [1, 4])
    network, _ = load(path)
    assert not network.layers[0].bias.any()
    x, wanted = inputs_and_outputs(path, 3)
    assert np.abs(network.forward(x) - wanted).max() <= 1e-6


def test_recurrent_layers_and_sizes_that_the_model_computes(tmp_path: Path):
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s i", "n"),
        node("Concat", "one n h", "z", axis=0),
        node("ConstantOfShape", "z", "begin"),
        node("Mod", "x m", "o", fmod=1),
        node("LSTM", "o w r - - begin begin", "every last", hidden_size=6),
        node("Mod", "every m", "y", fmod=1),
    ]
    constants = {"w": values(1, 24, 4), "r": values(1, 24, 6), "m": np.full(1, 0.7, np.float32)}
    constants |= {"i": np.array([1]), "one": np.array([1]), "h": np.array([6])}
    path = write(tmp_path / "net.onnx", nodes, constants, [3, 1, 4])
    network, _ = load(path)
    graph = network.graph
    assert graph is not None
    assert sum(isinstance(node.operation, Lstm) for node in graph.nodes) == 1
    x, wanted = inputs_and_outputs(path, 3)
    assert np.abs(network.forward(x).reshape(wanted.shape) - wanted).max() <= 1e-5


def test_branches_take_what_lies_outside(tmp_path: Path):
    def branch(name: str, operator: str) -> Any:
        result = onnx.helper.make_tensor_value_info(f"r{name}", 1, None)
        return onnx.helper.make_graph([node(operator, "a", f"r{name}")], name, [], [result])

    nodes = [
        node("MatMul", "x w", "a"),
        node("ReduceSum", "a", "u", keepdims=0),
        node("Greater", "u zero", "up"),
        node("If", "up", "y", then_branch=branch("then", "Sin"), else_branch=branch("else", "Cos")),
    ]
    path = write(tmp_path / "net.onnx", nodes, {"w": values(4, 5), "zero": np.zeros((), np.float32)}, [1, 4])
    network, _ = load(path)
    x, wanted = inputs_and_outputs(path, 8)
    assert np.abs(network.forward(x) - wanted).max() <= 1e-6
    assert len(set((x @ values(4, 5)).sum(1) > 0)) == 2


def forms() -> dict[str, list[Any]]:
    """Behind each the state of its last step is taken."""
    body = onnx.helper.make_graph(
        [node("Identity", "c", "d"), node("MatMul", "s inner", "t")],
        "body",
        [onnx.helper.make_tensor_value_info(*each) for each in (("n", 7, []), ("c", 9, []), ("s", 1, [1, 6]))],
        [onnx.helper.make_tensor_value_info(*each) for each in (("d", 9, []), ("t", 1, [1, 6]))],
    )
    return {
        "GRU whose reset gate comes first": [node("GRU", "x w3 r3", "every last", hidden_size=6)],
        "LSTM with a limit": [node("LSTM", "x w4 r4", "every last", hidden_size=6, clip=0.5)],
        "LSTM with peepholes": [node("LSTM", "x w4 r4 - - - - p", "every last", hidden_size=6)],
        "RNN with ReLU": [node("RNN", "x w1 r1", "every last", hidden_size=6, activations=["Relu"])],
        "Loop": [
            node("RNN", "x w1 r1", "every before", hidden_size=6),
            node("Squeeze", "before zero", "start"),
            onnx.helper.make_node("Loop", ["turns", "", "start"], ["turned"], body=body),
            node("Unsqueeze", "turned zero", "last"),
        ],
    }


@pytest.mark.parametrize("name", list(forms()))
def test_what_the_array_lacks_is_the_hosts_by_name(name: str, tmp_path: Path):
    nodes = [*forms()[name], node("Squeeze", "last zero", "h"), node("MatMul", "h v", "y")]
    constants = {f"w{gates}": values(1, 6 * gates, 4) for gates in (1, 3, 4)}
    constants |= {f"r{gates}": values(1, 6 * gates, 6) for gates in (1, 3, 4)}
    constants |= {"v": values(6, 3), "p": values(1, 18), "inner": values(6, 6)}
    constants |= {"zero": np.array([0]), "turns": np.array(3)}
    path = write(tmp_path / "net.onnx", nodes, constants, [5, 1, 4])
    network, said = load(path)
    assert network.layers[-1].weight.shape == (3, 6)
    operator = name.split()[0]
    assert any(f"{operator} " in each for each in said)
    assert network.graph is not None
    hosts = [
        describe(each.operation.model).operators for each in network.graph.nodes if isinstance(each.operation, HostPart)
    ]
    assert sum(found[operator] for found in hosts) == 1
    x, wanted = inputs_and_outputs(path, 3)
    assert np.abs(network.forward(x).reshape(wanted.shape) - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        (["Sin x y"], "no layer of it can be the array's"),
        (["MatMul x w a", "RandomNormalLike a y"], "operator RandomNormalLike of node  is not run"),
        (["MatMul x w a", "Shape a b", "Cast b y to=1"], "must be numbers that an operator makes of the inputs"),
    ],
)
def test_what_is_refused(nodes: list[str], sentence: str, tmp_path: Path):
    made = []
    for text in nodes:
        operator, *names = text.split()
        attributes = {"to": 1} if names[-1] == "to=1" else {}
        names = names[:-1] if attributes else names
        made.append(node(operator, " ".join(names[:-1]), names[-1], **attributes))
    path = write(tmp_path / "net.onnx", made, {"w": values(4, 5)}, [1, 4])
    file = open_model(path)
    with pytest.raises(EieError, match=sentence):
        load_parts(file, read_constants(file))


def test_without_being_asked_nothing_is_the_hosts(tmp_path: Path):
    nodes = [node("MatMul", "x w", "a"), node("Sin", "a", "y")]
    path = write(tmp_path / "net.onnx", nodes, {"w": values(4, 5)}, [1, 4])
    with pytest.raises(EieError, match="operator Sin of node y is not supported"):
        load_network(path)


def test_open_sizes_must_be_given(tmp_path: Path):
    nodes = [node("MatMul", "x w", "a"), node("Sin", "a", "y")]
    path = write(tmp_path / "net.onnx", nodes, {"w": values(4, 5)}, ["n", "steps", 4])
    with pytest.raises(EieError, match="leaves sizes open"):
        load(path)
    network = load_network(path, None, Assumptions(host_parts=True, input_shape=(3, 4)))
    assert network.input_shape == (3, 4)
