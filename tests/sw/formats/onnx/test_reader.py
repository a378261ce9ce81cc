"""sw/formats/onnx/reader.py and its parts: equal to onnx's own evaluation, refused by name where not understood."""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network
from sw.network.graph import Convolution, Pool
from tests.attacks.graphs import node as loose_node
from tests.attacks.graphs import onnx_model
from tests.support.networks.formats import assert_refuses_cuts, assert_survives_damage

onnx: Any = pytest.importorskip("onnx")
helper: Any = pytest.importorskip("onnx.helper")
numpy_helper: Any = pytest.importorskip("onnx.numpy_helper")
reference: Any = pytest.importorskip("onnx.reference")

Arrays = dict[str, np.ndarray]


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(operator, inputs.split(), [output], name=f"node_{output}", **attributes)


def model(nodes: list[Any], constants: Arrays, shape: list[Any], opset: int = 17, output: str = "y") -> Any:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def write(path: Path, content: Any) -> Path:
    path.write_bytes(content.SerializeToString())
    return path


def assert_equals_reference(path: Path, content: Any, *sizes: int) -> Any:
    network = load_network(write(path, content))
    x = values(*sizes, seed=9)
    (wanted,) = reference.ReferenceEvaluator(content).run(None, {"x": x})
    found = network.forward(x)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    return network


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


def save_external(path: Path, location: str, **entries: str) -> None:
    content = model([node("Gemm", "x w", "y", transB=1)], {"w": values(3, 4)}, ["n", 4])
    tensor = content.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "8", "length": "48", **entries}.items():
        tensor.external_data.add(key=key, value=value)
    write(path, content)


def test_data_beside_the_model(path: Path):
    folder = path.parent / "more"
    folder.mkdir()
    (folder / "data").write_bytes(bytes(8) + values(3, 4).tobytes())
    save_external(path, "more/data")
    np.testing.assert_array_equal(load_network(path).layers[0].weight, values(3, 4))


@pytest.mark.parametrize(
    ("location", "entries", "sentence"),
    [
        ("../secret", {}, "constant w must lie in the folder of the model, got '../secret'"),
        ("/etc/passwd", {}, "constant w must lie in the folder of the model, got '/etc/passwd'"),
        ("link", {}, "constant w must lie in the folder of the model, got 'link'"),
        ("up/secret", {}, "constant w must lie in the folder of the model, got 'up/secret'"),
        ("missing", {}, "cannot read .*missing: No such file"),
        ("", {}, "Is a directory"),
        ("a\0b", {}, "constant w must lie in a file|cannot read"),
        ("data", {"length": "47"}, "constant w must take 48 bytes of its file, got 47 from 8"),
        ("data", {"offset": "-8"}, "constant w must take 48 bytes of its file, got 48 from -8"),
        ("data", {"offset": "9" * 5000}, "constant w must take 48 bytes of its file"),
        ("data", {"offset": "9"}, "constant w must end at byte 57 of .*data, which has 56"),
    ],
)
def test_data_elsewhere(tmp_path: Path, location: str, entries: dict[str, str], sentence: str):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(56))
    (folder / "data").write_bytes(bytes(56))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    save_external(folder / "net.onnx", location, **entries)
    with pytest.raises(EieError, match=sentence):
        load_network(folder / "net.onnx")


W = {"w": values(4, 4)}
K = {"k": values(3, 2, 3, 3)}
IMAGE = ["n", 2, 8, 8]


def gemm(**attributes: Any) -> list[Any]:
    return [node("Gemm", "x w", "y", **attributes)]


def conv(**attributes: Any) -> list[Any]:
    return [node("Conv", "x k", "y", **attributes)]


@pytest.mark.parametrize(
    ("nodes", "constants", "shape", "sentence"),
    [
        (
            [node("LRN", "x", "y", size=3)],
            {},
            IMAGE,
            r"operator LRN of node node_y is not supported; known are Abs, Add, AveragePo",
        ),
        ([node("Gemm", "x w", "y", domain="my.own")], W, ["n", 4], "operator my.own.Gemm of node node_y is not supp"),
        (gemm(transA=1), W, ["n", 4], r"Gemm node_y: its weights of 4 rows must fit to a value of \(4, 1\)"),
        (gemm(alpha=2), W, ["n", 4], "Gemm node_y: alpha must be of type float, got 2"),
        (gemm(alpha=float("nan")), W, ["n", 4], "node_y.weight must be finite"),
        (gemm(gamma=1), W, ["n", 4], "Gemm node_y: attribute gamma is not supported"),
        (gemm(), {"w": values(5, 4)}, ["n", 4], r"Gemm node_y: its weights of 5 rows must fit to a value of \(1, 4\)"),
        (gemm(), {"w": values(4)}, ["n", 4], r"floating-point numbers with 2 axes, got float32 of shape \(4,\)"),
        (gemm(), {"w": np.ones((4, 4), np.int64)}, ["n", 4], "floating-point numbers with 2 axes, got int64"),
        (gemm(), {"w": np.ones((4, 4), np.uint8)}, ["n", 4], "floating-point numbers.*, got uint8"),
        (gemm(), {"w": values(4, 4) * np.nan}, ["n", 4], "node_y.weight must be finite"),
        (gemm(), {"w": values(4, 0)}, ["n", 4], "not be empty"),
        (gemm(), {}, ["n", 4], r"Gemm node_y: input 1 must be the result of an operator, 'w' is not there"),
        ([node("Gemm", "w x", "y")], W, ["n", 4], "input 0 must be the result of an operator, 'w' is a constant"),
        ([node("MatMul", "q w", "y")], W, ["n", 4], "input 0 must be the result of an operator, 'q' is not there"),
        (
            [node("MatMul", "x", "y")],
            W,
            ["n", 4],
            r"MatMul node_y: input 1 must be the result of an operator, '' is not there",
        ),
        (
            [node("Gemm", "x w c", "y")],
            {**W, "c": values(4, 1)},
            ["n", 4],
            r"Gemm node_y: its constant must be the same for all inputs of a batch, it is",
        ),
        (
            [node("Gemm", "x w c", "y")],
            {**W, "c": values(3)},
            ["n", 4],
            r"Gemm node_y: a constant of shape \(3,\) must fit to a value of \(1, 4\)",
        ),
        (gemm(), W, ["n", "m"], r"input x leaves sizes open, got \[0\] \(0: open\): give the shape of one input \("),
        (gemm(), W, ["n", 2, 2, 2, 2], r"Gemm node_y: its weights of 4 rows must fit to a value of \(1, 2, 2, 2, 2\)"),
        (conv(pads=[-1, 0, -1, 0]), K, IMAGE, "pads must be 4 whole numbers"),
        (conv(auto_pad="OTHER"), K, IMAGE, "auto_pad must be NOTSET, VALID or SAME"),
        (conv(kernel_shape=[2, 2]), K, IMAGE, r"kernel_shape must be \[3, 3\], got \[2, 2\]"),
        (conv(strides=[1]), K, IMAGE, "strides must be 2 whole numbers"),
        (conv(strides=[0, 1]), K, IMAGE, "stride must be between 1 and 4095"),
        (conv(group=2), K, IMAGE, "groups must divide its 3 outputs, got 2"),
        (conv(), {"k": values(3, 3, 3, 3)}, IMAGE, r"layer node_y must take \(3, rows, columns\) values"),
        (conv(), {"k": values(3, 2, 3)}, ["n", 2, 8, 8], "with 4 axes, got float32"),
        (conv(), K, ["n", 4], r"Conv node_y: it must take \(n, channels, rows, columns\) or \(n, channels, col"),
        ([node("MaxPool", "x", "y")], {}, IMAGE, "window must be between 1 and 4095"),
        ([node("MaxPool", "x", "y", kernel_shape=[2])], {}, IMAGE, "kernel_shape must be 2 whole numbers"),
        ([node("MaxPool", "x", "y", kernel_shape=[2, 2], storage_order=1)], {}, IMAGE, "storage_order must be 0"),
        (
            [node("GlobalAveragePool", "x", "y")],
            {},
            ["n", 4],
            r"GlobalAveragePool node_y: it must take \(n, channels, rows, columns\) or \(n, ",
        ),
        (
            [node("Reshape", "x to", "y")],
            {"to": np.array([2, -1])},
            IMAGE,
            r"Reshape node_y: inputs of a batch must stay apart, from \(1009, 2, 8, 8\) to ",
        ),
        (
            [node("Reshape", "x to", "y")],
            {"to": np.array([-1, -1])},
            IMAGE,
            r"Reshape node_y: the shape must not be empty and have one -1 at most, got \[-",
        ),
        (
            [node("Reshape", "x to", "y")],
            {"to": np.array([0, 0])},
            IMAGE,
            r"Reshape node_y: its 128 elements of shape \(1, 2, 8, 8\) must fit into \(1, 2\)",
        ),
        (
            [node("Reshape", "x to", "y")],
            {"to": np.array([0.0, 2.0])},
            IMAGE,
            r"Reshape node_y: shape must be whole numbers, got float64",
        ),
        (
            [node("Reshape", "x to", "y", allowzero=1)],
            {"to": np.array([0, 128])},
            IMAGE,
            r"Reshape node_y: the shape must not be empty and have one -1 at most, got \[0",
        ),
        (
            [node("ReduceMean", "x", "y")],
            {},
            IMAGE,
            r"ReduceMean node_y: it must not mix the inputs of a batch \(axis 0\), it does",
        ),
        ([node("GlobalAveragePool", "x", "y", strides=[1, 1])], {}, IMAGE, "attribute strides is not supported"),
        (
            [node("Reshape", "w to", "y")],
            {**W, "to": np.array([3, -1])},
            ["n", 4],
            r"Reshape node_y: it must have a result on its constants: cannot reshape arra",
        ),
        (
            [node("Add", "x w", "y")],
            W,
            ["n", 4],
            r"Add node_y: its constant must be the same for all inputs of a batch, it is ",
        ),
        (
            [node("Dropout", "x r t", "y")],
            {"r": np.float32(0.5), "t": np.array(True)},
            ["n", 4],
            "training_mode must be fa",
        ),
        ([node("MatMul", "x w", "x")], W, ["n", 4], "must have a name of its own, 'x' is taken"),
        ([node("Relu", "x", "y")], {}, ["n", 4], "a network must have 1 to 1024 layers, got 0"),
        ([node("Constant", "", "c", value_string="x")], {}, ["n", 4], r"Constant node_c: it must hold numbers"),
    ],
)
def test_refused_by_name(path: Path, nodes: list[Any], constants: Arrays, shape: list[Any], sentence: str):
    arrays = {name: np.asarray(array) for name, array in constants.items()}
    with pytest.raises(EieError, match=sentence) as refusal:
        load_network(write(path, model(nodes, arrays, shape)))
    assert "\n" not in str(refusal.value)


def test_models_as_a_whole(path: Path):
    content = model(gemm(), W, ["n", 4], opset=6)
    with pytest.raises(EieError, match=r"must use one opset, 7 or newer, got \[6\]"):
        load_network(write(path, content))
    content = model(gemm(), W, ["n", 4])
    content.graph.input.append(helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 4]))
    with pytest.raises(EieError, match=r"all inputs of an ONNX model must have the same batch, got \[1, 1009\]"):
        load_network(write(path, content))
    content = model(gemm(), W, ["n", 4])
    content.graph.input.append(helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [4, 4]))
    assert len(load_network(write(path, content)).layers) == 1
    content.functions.append(helper.make_function("", "Relu", ["x"], ["y"], [], []))
    with pytest.raises(EieError, match="functions of its own are not supported in an ONNX model, got Relu"):
        load_network(write(path, content))
    graph = path.with_name("graph.json")
    graph.write_text('{"operations": []}')
    with pytest.raises(EieError, match="it must come without graph, got one"):
        load_network(path, graph)


def test_declared_sizes_beyond_the_file(path: Path):
    content = model(gemm(), W, ["n", 4])
    content.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]
    with pytest.raises(EieError, match="constant w must hold as many numbers as its shape"):
        load_network(write(path, content))
    content.graph.initializer[0].dims[:] = [-1, 4]
    with pytest.raises(EieError, match="constant w must have sizes of at least 0"):
        load_network(write(path, content))


def test_names_that_are_no_text(path: Path):
    content = model([node("Gemm", "x w", "y", transB=1)], W, ["n", 4]).SerializeToString()
    for name, places in ((b"node_y", 1), (b"Gemm", 1), (b"transB", 1), (b"\x01x", 2), (b"\x01w", 2), (b"\x01y", 2)):
        assert content.count(name) == places
        path.write_bytes(content.replace(name, name[:-1] + b"\xff"))
        with pytest.raises(EieError, match="the texts in an ONNX model must be UTF-8, got b'"):
            load_network(path)


def test_without_the_package(path: Path, monkeypatch: pytest.MonkeyPatch):
    write(path, model(gemm(), W, ["n", 4]))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EieError, match=r"reading ONNX needs the package onnx: install eie\[onnx\]"):
        load_network(path)


def test_missing_and_damaged_files(path: Path):
    with pytest.raises(EieError, match=r"cannot read .*net.onnx: No such file"):
        load_network(path)
    write(path, model([node("Conv", "x k b", "y")], {**K, "b": values(3)}, IMAGE))
    assert_refuses_cuts(load_network, path, 3)
    assert_survives_damage(load_network, path, 500)


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


def test_rare_onnx_models(tmp_path: Path) -> None:
    onnx: Any = pytest.importorskip("onnx")
    path = tmp_path / "net.onnx"

    def refused(model: Any, sentence: str) -> None:
        path.write_bytes(model.SerializeToString())
        with pytest.raises(EieError, match=sentence):
            load_network(path)

    refused(onnx_model(loose_node("Concat", "", axis=1)), "it must take one value or more, got none")
    nothing = loose_node("Relu", "x")
    nothing.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="beta"))
    refused(onnx_model(nothing), "its attributes must have values, one has not")
    model = onnx_model(loose_node("Conv", "x k b"))
    del model.graph.input[0].type.tensor_type.shape.dim[:]
    for size in (1, 3, 4, 4):
        model.graph.input[0].type.tensor_type.shape.dim.add().dim_value = size
    del model.graph.initializer[:]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((2, 3, 1, 1), np.float32), "k"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3, np.float32), "b"))
    refused(model, r"the bias must have shape \(2,\), got \(3,\)")
