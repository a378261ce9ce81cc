"""sw/formats/onnx/recurrent.py: LSTMs equal to onnx's own evaluation and to torch, and refused where not understood."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network
from sw.network.graph import ApplyLayer, Lstm, Relu
from tests.support.networks.formats import assert_survives_damage

onnx: Any = pytest.importorskip("onnx")
helper: Any = pytest.importorskip("onnx.helper")
numpy_helper: Any = pytest.importorskip("onnx.numpy_helper")
reference: Any = pytest.importorskip("onnx.reference")

Arrays = dict[str, np.ndarray]
UNITS, FEATURES, STEPS = 4, 3, 6


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """A node; "-" is an input or output that is left out."""
    names = [[name.replace("-", "") for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(operator, *names, name=f"node_{names[1][-1]}", **attributes)


def model(nodes: list[Any], constants: Arrays, shape: tuple[Any, ...] = ("n", STEPS, FEATURES)) -> Any:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def lstm_constants(prefix: str, features: int) -> Arrays:
    return {
        f"{prefix}W": values(1, 4 * UNITS, features),
        f"{prefix}R": values(1, 4 * UNITS, UNITS),
        f"{prefix}B": values(1, 8 * UNITS),
    }


W = lstm_constants("", FEATURES)
LAST, ONE, ZERO = ({name: np.array(number)} for name, number in (("last", -1), ("one", [1]), ("zero", [0])))
TURN = node("Transpose", "x", "t", perm=[1, 0, 2])
CELL = node("LSTM", "t W R B", "s h", hidden_size=UNITS)
STEP_BY_STEP = node("Squeeze", "s one", "d")
BACK = node("Transpose", "d", "y", perm=[1, 0, 2])


def load(tmp_path: Path, content: Any) -> Any:
    (tmp_path / "net.onnx").write_bytes(content.SerializeToString())
    return load_network(tmp_path / "net.onnx")


def assert_equals_reference(tmp_path: Path, content: Any) -> Any:
    network = load(tmp_path, content)
    x = values(2, STEPS, FEATURES, seed=9)
    (wanted,) = reference.ReferenceEvaluator(content).run(None, {"x": x})
    found = network.forward(x)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    return network


def test_every_step(tmp_path: Path):
    network = assert_equals_reference(tmp_path, model([TURN, CELL, STEP_BY_STEP, BACK], W | ONE))
    assert [item.operation for item in network.graph.nodes] == [Lstm(sequence=True)]
    assert network.layers[0].name == "node_h"


def test_the_last_step_and_what_takes_it(tmp_path: Path):
    pick = node("Gather", "b last", "p", axis=1)
    nodes = [TURN, CELL, STEP_BY_STEP, node("Transpose", "d", "b", perm=[1, 0, 2]), pick, node("Relu", "p", "r")]
    nodes.append(node("Gemm", "r out.weight out.bias", "y", transB=1))
    constants = W | ONE | LAST | {"out.weight": values(2, UNITS), "out.bias": values(2)}
    network = assert_equals_reference(tmp_path, model(nodes, constants))
    assert [item.operation for item in network.graph.nodes] == [Lstm(), Relu(), ApplyLayer()]
    assert [(layer.name, layer.relu) for layer in network.layers] == [("node_h", False), ("out", False)]


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Squeeze", "h zero", "y")],
        [node("Gather", "h last", "y", axis=0)],
        [node("Gather", "s last", "l", axis=0), node("Squeeze", "l zero", "y")],
        [STEP_BY_STEP, node("Gather", "d last", "y", axis=0)],
    ],
    ids=["h", "h by its number", "steps first", "without direction"],
)
def test_the_last_step_in_other_words(nodes: list[Any], tmp_path: Path):
    network = assert_equals_reference(tmp_path, model([TURN, CELL, *nodes], W | ONE | LAST | ZERO))
    assert [item.operation for item in network.graph.nodes] == [Lstm()]


@pytest.mark.parametrize(("index", "taken"), [(-1, "b"), (1, "b")])
def test_lstms_behind_each_other_and_their_last_steps_joined(index: int, taken: str, tmp_path: Path):
    second = node("LSTM", "d bW bR bB", "- b", hidden_size=UNITS)
    nodes = [TURN, CELL, STEP_BY_STEP, second, node("Concat", "h b", "both", axis=0)]
    nodes.append(node("Gather", "both index", "y", axis=0))
    constants = W | ONE | lstm_constants("b", UNITS) | {"index": np.array(index)}
    network = assert_equals_reference(tmp_path, model(nodes, constants))
    assert [layer.name for layer in network.layers] == ["node_h", f"node_{taken}"]
    assert [item.operation for item in network.graph.nodes] == [Lstm(sequence=True), Lstm()]


def test_zeros_to_begin_with(tmp_path: Path):
    """As torch writes them: as large as the batch, or of a constant that is spread."""
    start = helper.make_tensor("value", onnx.TensorProto.FLOAT, [1], [0.0])
    nodes = [
        TURN,
        node("Shape", "x", "sizes"),
        node("Gather", "sizes axis", "batch", axis=0),
        node("Unsqueeze", "batch zero", "batches"),
        node("Concat", "one batches units", "shape", axis=0),
        node("ConstantOfShape", "shape", "h0", value=start),
        node("Expand", "c", "c0"),
        node("LSTM", "t W R B - h0 c0", "- h", hidden_size=UNITS),
        node("Squeeze", "h zero", "y"),
    ]
    nodes[6] = node("Expand", "c shape", "c0")
    constants = {"axis": np.array(0), "units": np.array([UNITS]), "c": np.zeros((1, 1, UNITS), np.float32)}
    assert_equals_reference(tmp_path, model(nodes, W | ONE | ZERO | constants))


def test_the_batch_first_for_the_lstm_itself(tmp_path: Path):
    """`layout` 1, which onnx's own evaluation has not for results."""
    first = node("LSTM", "x W R B", "s h", hidden_size=UNITS, layout=1)
    for nodes in ([node("Squeeze", "s two", "y")], [node("Squeeze", "h one", "y")]):
        constants = W | ONE | {"two": np.array([2])}
        found = load(tmp_path, model([first, *nodes], constants)).forward(values(2, STEPS, FEATURES, seed=9))
        turned = load(tmp_path, model([TURN, CELL, STEP_BY_STEP, BACK], W | ONE))
        wanted = turned.forward(values(2, STEPS, FEATURES, seed=9))
        np.testing.assert_array_equal(found, wanted if found.ndim == 3 else wanted[:, -1])


@pytest.mark.parametrize("kind", ["every step", "last step", "h"])
@pytest.mark.parametrize("is_fixed", [False, True])
def test_what_torch_exports(kind: str, is_fixed: bool, tmp_path: Path):
    torch: Any = pytest.importorskip("torch", reason="reads what torch exports")

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(FEATURES, UNITS, num_layers=2, batch_first=True)
            self.out = torch.nn.Linear(UNITS, 2)

        def forward(self, x: Any) -> Any:
            steps, (h, _) = self.lstm(x)
            return self.out({"every step": steps, "last step": steps[:, -1], "h": h[-1]}[kind])

    torch.manual_seed(0)
    module, x = Net().eval(), torch.randn(2, STEPS, FEATURES)
    axes = None if is_fixed else {"x": {0: "n"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = tmp_path / "net.onnx"
        torch.onnx.export(module, (x,), path, input_names=["x"], dynamic_axes=axes, dynamo=False)
    with torch.no_grad():
        wanted = module(x).numpy()
    np.testing.assert_allclose(load_network(path).forward(x.numpy()), wanted, rtol=1e-5, atol=1e-6)


def changed(name: str, array: np.ndarray) -> Arrays:
    return W | ONE | {name: array}


@pytest.mark.parametrize(
    ("nodes", "constants", "sentence"),
    [
        (
            [node("LSTM", "x W R B", "s h"), STEP_BY_STEP, BACK],
            W | ONE,
            r"input x leaves sizes open, got \[0, 3\] \(0: open\): give the shape of one inpu",
        ),
        ([TURN, node("LSTM", "t W R B", "s", layout=1)], W, r"it must take \(n, steps, features\)"),
        (
            [TURN, node("LSTM", "t W R B", "s", direction="reverse")],
            W,
            r"the output y must be the result of an operator, it is not",
        ),
        ([TURN, node("LSTM", "t W R B", "s", input_forget=1)], W, "input_forget must be 0, got 1"),
        ([TURN, node("LSTM", "t W R B", "s", hidden_size=5)], W, "hidden_size must be 4, got 5"),
        ([TURN, node("LSTM", "t W R B", "s", clip=3.0)], W, "attribute clip is not supported"),
        ([TURN, node("LSTM", "t W R B", "s", activations=["Relu"] * 3)], W, "must be Sigmoid, Tanh, Tanh, got"),
        ([TURN, node("LSTM", "t W R B x", "s")], W, r"LSTM node_s: input 4 must be a constant, 'x' is not"),
        ([TURN, node("LSTM", "t W R B - - - x", "s")], W, "peepholes are not supported, 'x' is given"),
        ([TURN, node("LSTM", "t W R B - c", "s")], W | {"c": values(1, 1, 4)}, "begin at zero, 'c' is not"),
        ([TURN, node("LSTM", "t W R B - t", "s")], W, "begin at zero, 't' is not"),
        ([TURN, CELL], changed("W", values(2, 16, 3)), r"\(1, 4 \* units, units\), got \(2, 16, 3\) and \(1, 16, 4\)"),
        ([TURN, CELL], changed("R", values(1, 16, 3)), r"got \(1, 16, 3\) and \(1, 16, 3\)"),
        ([TURN, CELL], changed("R", values(1, 0, 0)), r"got \(1, 16, 3\) and \(1, 0, 0\)"),
        ([TURN, CELL], changed("B", values(1, 16)), r"the biases must have shape \(1, 32\), got \(1, 16\)"),
        ([TURN, CELL, CELL], W, "its result must have a name of its own, 's' is taken"),
        (
            [TURN, CELL, node("Squeeze", "s zero", "y")],
            W | ZERO,
            r"Squeeze node_y: axes that are removed must have one element, got \[0\] of \(6,",
        ),
        ([node("Transpose", "x", "t", perm=[0, 1])], {}, r"perm must order 3 axes, got \[0, 1\]"),
        ([TURN, CELL, node("Gather", "h last", "y", axis=7)], W | LAST, "axis must be one of 3, got 7"),
        (
            [TURN, CELL, node("Gather", "h one", "y", axis=0)],
            W | ONE,
            r"Gather node_y: its index must be whole numbers in one row, of 1 elements",
        ),
        (
            [node("Slice", "x zero one", "y")],
            ZERO | ONE,
            r"Slice node_y: it must take every input of a batch, it takes 0 to 1",
        ),
        (
            [node("Expand", "x zero", "y")],
            ZERO,
            r"operator Expand of node node_y is not supported; known are Abs, Add, Averag",
        ),
        (
            [node("ConstantOfShape", "one", "h0", value=helper.make_tensor("v", onnx.TensorProto.FLOAT, [1], [0.5]))],
            ONE,
            r"the output y must be the result of an operator, it is not",
        ),
        ([node("Shape", "x", "y")], {}, r"the output y must be the result of an operator, it is not"),
        (
            [node("Squeeze", "nowhere one", "y")],
            ONE,
            r"Squeeze node_y: input 0 must be the result of an operator, 'nowhere' is not",
        ),
    ],
)
def test_refused(nodes: list[Any], constants: Arrays, sentence: str, tmp_path: Path):
    with pytest.raises(EieError, match=sentence):
        load(tmp_path, model(nodes, constants))


def test_two_lstms_of_one_name(tmp_path: Path):
    second = node("LSTM", "t W R B", "s2 h2", hidden_size=UNITS)
    second.name = CELL.name
    nodes = [TURN, CELL, second, node("Add", "h h2", "both"), node("Squeeze", "both zero", "y")]
    network = load(tmp_path, model(nodes, W | ZERO))
    assert [layer.name for layer in network.layers] == ["node_h", "node_h:1"]


def test_damage(tmp_path: Path):
    constants = W | ONE | ZERO
    load(tmp_path, model([TURN, CELL, node("Squeeze", "h zero", "y")], constants))
    assert_survives_damage(load_network, tmp_path / "net.onnx", 400)
