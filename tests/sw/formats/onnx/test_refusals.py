"""ONNX models that are refused by name: operators, attributes, shapes, data elsewhere, damage."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network
from tests.attacks.graphs import node as loose_node
from tests.attacks.graphs import onnx_model
from tests.support.files.onnx_graphs import (
    Arrays,
    helper,
    model,
    node,
    onnx,
    values,
    write,
)
from tests.support.networks.formats import assert_refuses_cuts, assert_survives_damage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


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
            [node("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 2], auto_pad="VALID", ceil_mode=1)],
            {},
            IMAGE,
            "VALID and ceil_mode 1 leave elements over: read in two ways",
        ),
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
    with pytest.raises(EieError, match=r"reading ONNX needs the package onnx: pip install 'onnx>="):
        load_network(path)


def test_missing_and_damaged_files(path: Path):
    with pytest.raises(EieError, match=r"cannot read .*net.onnx: No such file"):
        load_network(path)
    write(path, model([node("Conv", "x k b", "y")], {**K, "b": values(3)}, IMAGE))
    assert_refuses_cuts(load_network, path, 3)
    assert_survives_damage(load_network, path, 500)


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
