"""sw/formats/onnx/reader.py and its parts: equal to onnx's own evaluation, refused by name where not understood."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sw.formats.network_file import load_network
from sw.network.graph import Convolution, Pool
from tests.support.files.onnx_graphs import (
    assert_equals_reference,
    helper,
    model,
    node,
    numpy_helper,
    onnx,
    values,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias", [None, (), (1,), (5,), (1, 5), (1, 1)])
def test_gemm(path: Path, transposed: int, bias: tuple[int, ...] | None):
    constants = {"w": values(*((5, 4) if transposed else (4, 5)))}
    if bias is not None:
        constants["c"] = values(*bias)
    inputs = "x w" if bias is None else "x w c"
    gemm = node("Gemm", inputs, "y", transB=transposed, alpha=0.5, beta=-2.0)
    network = assert_equals_reference(path, model([gemm], constants, ["n", 4]), 3, 4)
    assert network.graph is None
    assert network.layers[0].weight.flags.c_contiguous


def test_a_chain_with_matmul_add_relu_dropout_identity(path: Path):
    constants = {"fc1.weight": values(4, 6), "b1": values(6), "fc2.weight": values(6, 3), "b2": values(1, 3)}
    nodes = [
        node("MatMul", "x fc1.weight", "a"),
        node("Add", "b1 a", "b"),
        node("Relu", "b", "c"),
        node("Dropout", "c", "d"),
        node("Identity", "d", "e"),
        node("MatMul", "e fc2.weight", "f"),
        node("Add", "f b2", "y"),
    ]
    network = assert_equals_reference(path, model(nodes, constants, [None, 4]), 5, 4)
    assert network.graph is None
    assert [(layer.name, layer.relu) for layer in network.layers] == [("fc1", True), ("fc2", False)]


@pytest.mark.parametrize(
    ("shape", "attributes", "wanted"),
    [
        ((5, 4, 3, 2), {}, Convolution()),
        ((6, 2, 3, 3), {"group": 2, "pads": [1, 0, 1, 0], "strides": [2, 1]}, None),
        ((5, 4, 3, 3), {"kernel_shape": [3, 3], "dilations": [1, 1], "auto_pad": "VALID"}, Convolution()),
        ((5, 4, 3, 5), {"auto_pad": "SAME_UPPER"}, Convolution(padding=(1, 2, 1, 2))),
        ((5, 4, 3, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 1]}, Convolution(stride=(2, 1), padding=(1, 1, 1, 1))),
        ((5, 4, 1, 1), {"pads": [1, 1, 1, 1]}, Convolution(padding=(1, 1, 1, 1))),
    ],
)
def test_conv(path: Path, shape: tuple[int, ...], attributes: dict[str, Any], wanted: Convolution | None):
    constants = {"w": values(*shape), "b": values(shape[0])}
    content = model([node("Conv", "x w b", "y", **attributes)], constants, ["n", 4, 9, 8])
    network = assert_equals_reference(path, content, 2, 4, 9, 8)
    if wanted is not None:
        assert network.layers[0].convolution == wanted


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("MaxPool", {"kernel_shape": [2, 3]}),
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
        ("MaxPool", {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1, "auto_pad": "VALID"}),
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("GlobalAveragePool", {}),
    ],
)
def test_pools(path: Path, operator: str, attributes: dict[str, Any]):
    nodes = [node("Conv", "x w", "a"), node(operator, "a", "y", **attributes)]
    assert_equals_reference(path, model(nodes, {"w": values(3, 2, 1, 1)}, ["n", 2, 8, 9]), 2, 2, 8, 9)


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_means_of_rows_and_columns(path: Path, opset: int, keepdims: int):
    constants = {"w": values(3, 2, 1, 1)}
    if opset == 18:
        mean = node("ReduceMean", "a axes", "y", keepdims=keepdims)
        constants["axes"] = np.array([-1, 2])
    else:
        mean = node("ReduceMean", "a", "y", keepdims=keepdims, axes=[-1, 2])
    content = model([node("Conv", "x w", "a"), mean], constants, ["n", 2, 4, 3], opset)
    assert_equals_reference(path, content, 5, 2, 4, 3)


def test_a_reshape_as_newer_exporters_write_it(path: Path):
    nodes = [node("Reshape", "x to", "f", allowzero=1), node("MatMul", "f w", "y")]
    constants = {"to": np.array([-1, 24]), "w": values(24, 3)}
    assert_equals_reference(path, model(nodes, constants, ["n", 2, 4, 3]), 5, 2, 4, 3)


def test_branches_concatenation_and_reshape(path: Path):
    constants = {
        "conv.weight": values(4, 2, 3, 3),
        "b": values(4, 1, 1),
        "left.weight": values(2, 4, 1, 1),
        "to": np.array([-1, 128]),
        "fc.weight": values(3, 128),
    }
    nodes = [
        node("Conv", "x conv.weight", "a", pads=[1, 1, 1, 1]),
        node("Add", "a b", "b1"),
        node("Relu", "b1", "c"),
        node("Conv", "c left.weight", "left"),
        node("Relu", "left", "left_relu"),
        node("Concat", "left_relu left c", "joined", axis=1),
        node("MaxPool", "joined", "pooled", kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", "pooled to", "flat"),
        node("Gemm", "flat fc.weight", "y", transB=1),
    ]
    network = assert_equals_reference(path, model(nodes, constants, ["n", 2, 8, 8]), 3, 2, 8, 8)
    assert [(layer.name, layer.relu) for layer in network.layers] == [("conv", True), ("left", False), ("fc", False)]


def test_constants_come_in_many_ways(path: Path):
    constants = {"w": values(4, 1, 6), "to": np.array([0, 6]), "half": values(2, 6).astype(np.float16)}
    double = numpy_helper.from_array(np.array([0.25, -1]), "double")
    nodes = [
        node("Constant", "", "wide", value=double),
        node("Constant", "", "six", value_ints=[-1, 6]),
        node("Constant", "", "one", value_floats=[1.0] * 6),
        node("Constant", "", "two", value_float=2.0),
        node("Reshape", "w six", "v"),
        node("Identity", "v", "w2"),
        node("MatMul", "x w2", "a"),
        node("Add", "a one", "b"),
        node("Add", "b two", "b2"),
        node("Reshape", "b2 to", "c"),
        node("Gemm", "c half wide", "y", transB=1),
    ]
    content = model(nodes, constants, [1, 4])
    network = load_network(write(path, content))
    first, second = network.layers
    np.testing.assert_array_equal(first.weight, constants["w"].reshape(4, 6).T)
    np.testing.assert_array_equal(first.bias, [3] * 6)
    np.testing.assert_array_equal(second.weight, constants["half"].astype(np.float32))
    np.testing.assert_array_equal(second.bias, [0.25, -1])


def test_bfloat16(path: Path):
    wanted = np.array([[1.5, -2], [0.25, 3]], np.float32)
    halves = (wanted.view(np.uint32) >> 16).astype("<u2")
    tensor = helper.make_tensor("w", onnx.TensorProto.BFLOAT16, (2, 2), halves.tobytes(), raw=True)
    content = model([node("Gemm", "x w", "y", transB=1)], {}, ["n", 2])
    content.graph.initializer.append(tensor)
    np.testing.assert_array_equal(load_network(write(path, content)).layers[0].weight, wanted)


def test_layers_of_one_name(path: Path):
    nodes = [node("MatMul", "x fc.weight", "a"), node("MatMul", "a fc.weight", "y")]
    network = load_network(write(path, model(nodes, {"fc.weight": values(4, 4)}, ["n", 4])))
    assert [layer.name for layer in network.layers] == ["fc", "fc:1"]


def test_what_torch_exports(path: Path):
    torch: Any = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 4, 3, groups=2, stride=2),
        torch.nn.AvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Dropout(),
        torch.nn.Linear(4, 5),
        torch.nn.ReLU(),
        torch.nn.Linear(5, 3),
    ).eval()
    x = values(2, 2, 12, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.from_numpy(x[:1]),), path, dynamo=False)
    network = load_network(path)
    assert [layer.name for layer in network.layers] == ["0", "3", "7", "9"]
    assert network.graph is not None
    assert Pool(kind="max", kernel=(2, 2), stride=(2, 2)) in [one.operation for one in network.graph.nodes]
    wanted = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(network.forward(x), wanted, rtol=1e-4, atol=1e-5)
