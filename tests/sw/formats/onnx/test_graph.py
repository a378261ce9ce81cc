"""sw/formats/onnx/graph.py: small models by hand, equal to onnxruntime, folded by values, or refused."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.compress.pipeline import compress
from sw.file.model_file import load, save
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import load_network
from sw.network.integer_forward import run_integers
from tests.support.files.onnx_models import assert_equals_runtime, node, run, values, write

IMAGE = ["n", 2, 8, 7]
K = {"k": values(4, 2, 3, 3), "d": values(4, 1, 3, 3, seed=1)}
W = {"w": values(6, 8), "b": values(6), "v": values(6, 6)}
INTEGERS = {
    "xs": np.full((), 0.03, np.float32),
    "xz": np.full((), 120, np.uint8),
    "ki": np.random.default_rng(5).integers(-63, 64, (4, 2, 3, 3)).astype(np.int8),
    "ks": np.array([0.01, 0.02, 0.005, 0.03], np.float32),
    "kz": np.zeros(4, np.int8),
    "bi": np.array([100, -200, 300, 0], np.int32),
    "ys": np.full((), 0.07, np.float32),
    "yz": np.full((), 7, np.uint8),
    "mi": np.random.default_rng(6).integers(70, 190, (4 * 7 * 6, 5)).astype(np.uint8),
    "ms": np.full((), 0.002, np.float32),
    "mz": np.full((), 131, np.uint8),
}
BY_HAND: Mapping[str, tuple[list[Any], dict[str, np.ndarray], list[Any]]] = {
    # A bias added to a layer whose result is used under another name as well must not land on both branches.
    "alias": (
        [
            node("Gemm", "x w", "a", transB=1),
            node("Identity", "a", "i"),
            node("Add", "i b", "c"),
            node("Relu", "a", "d"),
            node("Concat", "c d", "y", axis=1),
        ],
        W,
        ["n", 8],
    ),
    "alias through a reshape": (
        [
            node("Gemm", "x w", "a", transB=1),
            node("Reshape", "a to", "i"),
            node("Mul", "i b", "c"),
            node("Add", "c a", "y"),
        ],
        {**W, "to": np.array([-1, 6])},
        ["n", 8],
    ),
    "tied weights": (
        [node("Gemm", "x w b", "a", transB=1), node("MatMul", "a v", "c"), node("MatMul", "c v", "y")],
        W,
        ["n", 8],
    ),
    "weights on the left": (
        [node("MatMul", "m x", "y")],
        {"m": values(5, 8)},
        ["n", 8, 3],
    ),
    "transposed value": (
        [node("Flatten", "x", "f"), node("Transpose", "f", "t"), node("Gemm", "t m", "y", transA=1)],
        {"m": values(8, 5)},
        ["n", 8],
    ),
    "asymmetric": ([node("Conv", "x k", "y", pads=[0, 0, 1, 1], strides=[2, 2])], K, IMAGE),
    "same lower": ([node("Conv", "x k", "y", auto_pad="SAME_LOWER", strides=[2, 2])], K, IMAGE),
    "same upper": ([node("Conv", "x k", "y", auto_pad="SAME_UPPER", strides=[2, 2])], K, IMAGE),
    "pad before a convolution": (
        [node("Pad", "x p", "a"), node("Conv", "a k", "y", pads=[1, 0, 0, 0])],
        {**K, "p": np.array([0, 0, 1, 0, 0, 0, 2, 1])},
        IMAGE,
    ),
    "pad before a maximum": (
        [node("Conv", "x k", "a"), node("Pad", "a p", "b"), node("MaxPool", "b", "y", kernel_shape=[2, 2])],
        {**K, "p": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
        IMAGE,
    ),
    "pad before a mean": (
        [node("Conv", "x k", "a"), node("Pad", "a p", "b"), node("AveragePool", "b", "y", kernel_shape=[3, 2])],
        {**K, "p": np.array([0, 0, 1, 0, 0, 0, 2, 1])},
        IMAGE,
    ),
    "channels last": (
        [
            node("Transpose", "x", "c", perm=[0, 3, 1, 2]),
            node("Conv", "c k", "a", pads=[1, 1, 1, 1]),
            node("Relu", "a", "r"),
            node("Conv", "r d", "e", group=4),
            node("Transpose", "e", "y", perm=[0, 2, 3, 1]),
        ],
        K,
        ["n", 8, 7, 2],
    ),
    "scales in a row": (
        [
            node("Conv", "x k", "a"),
            node("Mul", "a s", "b"),
            node("Add", "t b", "c"),
            node("Sub", "u c", "e"),
            node("Div", "e f", "y"),
        ],
        {**K, "s": values(4, 1, 1), "t": values(1, 4, 1, 1), "u": values(1), "f": np.full((), 1.7, np.float32)},
        IMAGE,
    ),
    "constants of every element": (
        [node("Conv", "x k", "a"), node("Add", "a s", "b"), node("Mul", "b t", "y")],
        {**K, "s": values(1, 4, 6, 5), "t": values(6, 5)},
        IMAGE,
    ),
    "squeeze and excite": (
        [
            node("Conv", "x k", "a"),
            node("GlobalAveragePool", "a", "g"),
            node("Conv", "g e", "f"),
            node("HardSigmoid", "f", "h", alpha=0.2),
            node("Mul", "a h", "y"),
        ],
        {**K, "e": values(4, 4, 1, 1)},
        IMAGE,
    ),
    "means": (
        [node("Conv", "x k", "a"), node("ReduceMean", "a", "b", axes=[1]), node("ReduceSum", "b two", "y", keepdims=0)],
        {**K, "two": np.array([-1])},
        IMAGE,
    ),
    "softmax of old": ([node("Conv", "x k", "a"), node("Softmax", "a", "y", axis=2)], K, IMAGE),
    "split and gather": (
        [
            node("Conv", "x k", "a"),
            node("Split", "a sizes", "p q", axis=1),
            node("Gather", "p rows", "r", axis=2),
            node("Gather", "q rows", "s", axis=2),
            node("Concat", "r s", "t", axis=1),
            node("ReduceMax", "t", "y", axes=[1], keepdims=0),
        ],
        {**K, "sizes": np.array([1, 3]), "rows": np.array([5, 0, 2])},
        IMAGE,
    ),
    "constants computed": (
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n", axis=0),
            node("Concat", "n rest", "to", axis=0),
            node("Reshape", "x to", "f"),
            node("Transpose", "w", "t"),
            node("Sqrt", "ones", "o"),
            node("Div", "f o", "g"),
            node("MatMul", "g t", "y"),
        ],
        {"zero": np.array([0]), "rest": np.array([112]), "w": values(5, 112), "ones": np.full(1, 2.0, np.float32)},
        IMAGE,
    ),
    "powers": (
        [node("Conv", "x k", "a"), node("Pow", "a two", "b"), node("Sqrt", "b", "c"), node("Min", "c one", "y")],
        {**K, "two": np.full((), 2, np.float32), "one": np.ones((), np.float32)},
        IMAGE,
    ),
    "enlarged": (
        [node("Conv", "x k", "a"), node("Resize", "a - s", "y", mode="nearest", nearest_mode="floor",
              coordinate_transformation_mode="asymmetric")],
        {**K, "s": np.array([1, 1, 2, 3], np.float32)},
        IMAGE,
    ),
    "between pixels": (
        [node("Conv", "x k", "a"), node("Resize", "a - s", "y", mode="linear")],
        {**K, "s": np.array([1, 1, 2, 3], np.float32)},
        IMAGE,
    ),
    "between many pixels": (
        [node("Conv", "x k", "a"), node("Resize", "a - s", "y", mode="linear",
              coordinate_transformation_mode="pytorch_half_pixel")],
        {**K, "s": np.array([1, 1, 5, 4], np.float32)},
        IMAGE,
    ),
    "between rows only": (
        [node("Conv", "x k", "a"), node("Resize", "a - s", "y", mode="linear")],
        {**K, "s": np.array([1, 1, 4, 1], np.float32)},
        IMAGE,
    ),
    "integers between layers": (
        [
            node("QuantizeLinear", "x xs xz", "q"),
            node("DequantizeLinear", "q xs xz", "r"),
            node("DequantizeLinear", "ki ks kz", "kr", axis=0),
            node("Conv", "r kr", "a"),
            node("Relu", "a", "b"),
            node("QuantizeLinear", "b ys yz", "c"),
            node("DequantizeLinear", "c ys yz", "y"),
        ],
        INTEGERS,
        IMAGE,
    ),
    "backwards": (
        [node("MatMul", "x w", "a"), node("Slice", "a m s one m", "y")],
        {"w": values(7, 3), "m": np.array([-1]), "s": np.array([-99]), "one": np.array([1])},
        ["n", 5, 7],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_models_by_hand(name: str, tmp_path: Path):
    nodes, constants, shape = BY_HAND[name]
    path = write(
        tmp_path / "net.onnx",
        nodes,
        constants,
        shape,
        opset=11 if name == "softmax of old" else 17 if name != "split and gather" else 13,
    )
    assert_equals_runtime(path, {"x": tuple(shape)})


def test_operators_on_integers(tmp_path: Path):
    """Within a step of the runtime, which rounds sums of integers in an order of its own, and nearly always equal."""
    nodes = [
        node("QuantizeLinear", "x xs xz", "q"),
        node("QLinearConv", "q xs xz ki ks kz ys yz bi", "c", pads=[1, 1, 0, 0]),
        node("Flatten", "c", "f"),
        node("QLinearMatMul", "f ys yz mi ms mz xs xz", "z"),
        node("DequantizeLinear", "z xs xz", "y"),
    ]
    path = write(tmp_path / "net.onnx", nodes, INTEGERS, IMAGE)
    network = load_network(path)
    x = np.random.default_rng(3).normal(size=(200, 2, 8, 7)).astype(np.float32)
    steps = np.abs(network.forward(x).reshape(-1) - run(path, {"x": x})) / INTEGERS["xs"]
    assert steps.max() <= 1.001
    assert (steps > 0.5).mean() <= 0.01


def test_a_bias_goes_into_the_layer_only_if_nothing_else_takes_it(tmp_path: Path):
    nodes, constants, shape = BY_HAND["alias"]
    network = load_network(write(tmp_path / "net.onnx", nodes, constants, shape))
    assert not network.layers[0].bias.any()
    nodes = [node("Gemm", "x w", "a", transB=1), node("Identity", "a", "i"), node("Add", "i b", "y")]
    network = load_network(write(tmp_path / "net.onnx", nodes, constants, shape))
    np.testing.assert_array_equal(network.layers[0].bias, W["b"])
    assert network.graph is None


def test_padding_becomes_that_of_the_window(tmp_path: Path):
    nodes, constants, shape = BY_HAND["pad before a convolution"]
    network = load_network(write(tmp_path / "net.onnx", nodes, constants, shape))
    (layer,) = network.layers
    assert layer.convolution is not None
    assert layer.convolution.padding == (2, 0, 2, 1)


def test_several_outputs_are_said(tmp_path: Path):
    said: list[str] = []
    nodes = [
        node("Gemm", "x w", "a", transB=1),
        node("Tanh", "a", "y"),
        node("MatMul", "a v", "z"),
        node("Gemm", "x w", "u", transB=1),
    ]
    path = write(tmp_path / "net.onnx", nodes, {**W, "rest": values(2)}, ["n", 8], "z y")
    load_network(path, assumptions=Assumptions(say=said.append))
    assert [sentence.split(": ", 1)[1] for sentence in said] == [
        "no operator uses the constants b, rest: they are left out",
        "its 2 outputs are one after another in a vector: z, y",
        "nothing that is an output needs the layers u: they are left out",
    ]
    assert_equals_runtime(path, {"x": ("n", 8)})


def test_sizes_that_the_model_leaves_open(tmp_path: Path):
    nodes = [node("Conv", "x k", "a"), node("GlobalAveragePool", "a", "b"), node("Flatten", "b", "y")]
    path = write(tmp_path / "net.onnx", nodes, K, ["n", 2, "rows", "columns"])
    with pytest.raises(EieError, match=r"leaves sizes open, got \[2, 0, 0\] \(0: open\): .*--input-shape"):
        load_network(path)
    with pytest.raises(EieError, match=r"must fit to \[2, 0, 0\] \(0: open\), got \(3, 8, 7\)"):
        load_network(path, assumptions=Assumptions(input_shape=(3, 8, 7)))
    assert load_network(path, assumptions=Assumptions(input_shape=(2, 9, 5))).input_shape == (2, 9, 5)
    (tmp_path / "net.npz").write_bytes(b"")
    with pytest.raises(EieError, match="--input-shape is of ONNX and Keras models"):
        load_network(tmp_path / "net.npz", assumptions=Assumptions(input_shape=(3,)))


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ([node("Conv", "x k", "y", auto_pad="VALID", pads=[1, 1, 1, 1])], "auto_pad VALID and pads .* contradict"),
        ([node("Conv", "x k", "y", auto_pad="SAME_UPPER", pads=[0, 0, 0, 1])], "auto_pad SAME_UPPER and pads"),
        ([node("Conv", "x k", "a"), node("Softmax", "a", "y", axis=0)], "must not mix the inputs of a batch"),
        ([node("Conv", "x k", "a"), node("Concat", "a a", "y", axis=0)], "must not mix the inputs of a batch"),
        ([node("Conv", "x k", "a"), node("ReduceMean", "a", "y")], "must not mix the inputs of a batch"),
        ([node("Transpose", "x", "t", perm=[1, 0, 2, 3]), node("MaxPool", "t", "y", kernel_shape=[2, 2])],
         "with the batch in axis 1"),
        ([node("Conv", "x k", "a"), node("Pad", "a p", "y", mode="reflect")], "mode must be"),
        ([node("Conv", "x k", "a"), node("Cast", "a", "y", to=6)], "must stay a floating-point number"),
        ([node("Conv", "x k", "a"), node("Pow", "a three", "y")], "exponent must be 0.5, 2 or 3"),
        ([node("Expand", "one huge", "e"), node("Conv", "x k", "y")], "at most .* elements, it has"),
        ([node("Conv", "x k", "a"), node("Div", "one a", "y")], "a constant must not be divided by a value"),
        ([node("Conv", "x k", "a"), node("Div", "a nil", "y")], "must be finite, and not divide by 0"),
        ([node("GRU", "x k k", "y", hidden_size=2)], "linear_before_reset = 1"),
    ],
)  # fmt: skip
def test_refused(nodes: list[Any], sentence: str, tmp_path: Path):
    more = {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "three": np.float32(1.5), "one": np.ones(1, np.float32),
            "huge": np.array([1 << 20, 1 << 20]), "nil": np.zeros(1, np.float32)}  # fmt: skip
    with pytest.raises(EieError, match=sentence):
        load_network(write(tmp_path / "net.onnx", nodes, {**K, **more}, IMAGE))


NETWORKS: Mapping[str, Callable[[Path], None]] = {
    name: (lambda path, name=name: write(path, *BY_HAND[name]) and None)
    for name in ("channels last", "squeeze and excite", "scales in a row", "backwards")
}


@pytest.mark.parametrize("name", NETWORKS)
def test_they_go_all_the_way(name: str, tmp_path: Path):
    """Compressed with all weights in 8-bit codes, written, read again, and close to float32 on the integer datapath."""
    NETWORKS[name](tmp_path / "net.onnx")
    network = load_network(tmp_path / "net.onnx")
    inputs = np.random.default_rng(1).normal(size=(20, *network.input_shape)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compressed = compress(network, code_bits=8, calibration=inputs)
        save(compressed, tmp_path / "net.eie")
        read = load(tmp_path / "net.eie")
        assert read.graph == network.graph
        found = run_integers(read, inputs).outputs
    wanted = compressed.to_network().forward(inputs)
    assert np.abs(found - wanted).max() <= 0.005 * np.abs(wanted).max()


def test_sizes_that_are_written_as_minus_one(tmp_path: Path):
    """As some exporters write what they leave open."""
    nodes = [node("Conv", "x k", "a"), node("GlobalAveragePool", "a", "b"), node("Flatten", "b", "y")]
    path = write(tmp_path / "net.onnx", nodes, K, [-1, 2, -1, 7])
    with pytest.raises(EieError, match=r"leaves sizes open, got \[2, 0, 7\] \(0: open\)"):
        load_network(path)
    assert load_network(path, assumptions=Assumptions(input_shape=(2, 8, 7))).input_shape == (2, 8, 7)
