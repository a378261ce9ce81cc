"""sw/formats/onnx/qonnx.py: the network of a QONNX model computes what the package qonnx computes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network
from tests.support.files.onnx_models import node, values

onnx: Any = pytest.importorskip("onnx")
helper: Any = pytest.importorskip("onnx.helper")
DOMAIN = "qonnx.custom_op.general"
BITS = {
    "one": np.float32(1),
    "zero": np.float32(0),
    "b1": np.float32(1),
    "b2": np.float32(2),
    "b4": np.float32(4),
    "b8": np.float32(8),
    "ws": np.float32(0.125),
    "xs": np.float32(0.0625),
    "ys": np.float32(0.25),
    "zp": np.float32(3),
    "each": np.array([[0.1], [0.2], [0.15], [0.3], [0.05], [0.25]], np.float32),
    "channels": np.array([0.5, 0.25], np.float32).reshape(1, 2, 1, 1),
    "w": values(6, 8),
    "v": values(5, 6, seed=1),
    "k": values(4, 2, 3, 3),
}


def q(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    return node(operator, inputs, output, domain=DOMAIN, **attributes)


def layer(weights: Any, *behind: Any, source: str = "x") -> list[Any]:
    return [weights, node("Gemm", f"{source} wq", "h" if behind else "y", transB=1), *behind]


FLAT, IMAGE = [1, 8], [1, 2, 6, 5]
SIGNED = q("Quant", "w ws zero b4", "wq", signed=1, narrow=1, rounding_mode="ROUND")
CASES: Mapping[str, tuple[list[Any], list[Any]]] = {
    "weights": (layer(SIGNED), FLAT),
    "a scale for each row": (
        layer(q("Quant", "w each zero b8", "wq", signed=1, narrow=0, rounding_mode="ROUND")),
        FLAT,
    ),
    "unsigned weights": (layer(q("Quant", "w ws zp b4", "wq", signed=0, narrow=0, rounding_mode="FLOOR")), FLAT),
    **{
        f"weights rounded {mode}": (
            layer(q("IntQuant", "w ws zero b4", "wq", signed=1, narrow=0, rounding_mode=mode)),
            FLAT,
        )
        for mode in ("CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "HALF_EVEN")
    },
    "weights of one bit": (layer(q("Quant", "w ws zero b1", "wq", signed=1, narrow=0, rounding_mode="ROUND")), FLAT),
    "bipolar weights": (layer(q("BipolarQuant", "w each", "wq")), FLAT),
    "values": (
        [
            q("Quant", "x xs zero b8", "xq", signed=1, narrow=0, rounding_mode="ROUND"),
            *layer(SIGNED, node("Relu", "h", "r"), source="xq"),
            q("Quant", "r ys zero b4", "y", signed=0, narrow=0, rounding_mode="ROUND"),
        ],
        FLAT,
    ),
    "values with a zero point": (
        layer(SIGNED, q("Quant", "h ys zp b4", "y", signed=0, narrow=1, rounding_mode="ROUND")),
        FLAT,
    ),
    "bipolar values": (
        layer(SIGNED, q("BipolarQuant", "h one", "s"), node("Gemm", "s v", "y", transB=1)),
        FLAT,
    ),
    "values of one bit": (
        layer(
            SIGNED, q("Quant", "h ys zero b1", "s", signed=1, narrow=0, rounding_mode="ROUND"), node("Relu", "s", "y")
        ),
        FLAT,
    ),
    "channels": (
        [
            q("Quant", "x channels zero b4", "xq", signed=1, narrow=0, rounding_mode="ROUND"),
            q("Quant", "k ws zero b4", "kq", signed=1, narrow=1, rounding_mode="ROUND"),
            node("Conv", "xq kq", "y"),
        ],
        IMAGE,
    ),
    "truncated": (
        layer(
            SIGNED,
            q("Quant", "h xs zero b8", "hq", signed=1, narrow=0, rounding_mode="ROUND"),
            q("Trunc", "hq xs zero b8 ys b4", "y", rounding_mode="FLOOR", signed=1, narrow=0),
        ),
        FLAT,
    ),
}


def model(nodes: list[Any], shape: list[Any], version: int = 2) -> Any:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in BITS.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def of_package(content: Any, x: np.ndarray) -> np.ndarray:
    """What the package computes, node by node."""
    reference: Any = pytest.importorskip("onnx.reference")
    registry: Any = pytest.importorskip("qonnx.custom_op.registry")
    known = {name: np.asarray(array) for name, array in BITS.items()} | {"x": x}
    for each in content.graph.node:
        if each.domain:
            registry.getCustomOp(each, onnx_opset_version=2).execute_node(known, content.graph)
            continue
        (known[each.output[0]],) = reference.ReferenceEvaluator(each).run(
            None, {name: known[name] for name in each.input}
        )
    return known["y"]


@pytest.mark.parametrize("name", CASES)
def test_computes_what_qonnx_computes(name: str, tmp_path: Path) -> None:
    os.environ.setdefault("XDG_CACHE_HOME", str(tmp_path))
    nodes, shape = CASES[name]
    content = model(nodes, shape)
    path = tmp_path / "model.onnx"
    path.write_bytes(content.SerializeToString())
    network = load_network(path)
    random = np.random.default_rng(0)
    for _ in range(8):
        x = random.normal(size=shape).astype(np.float32)
        wanted = of_package(content, x)
        np.testing.assert_allclose(network.forward(x), wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        (layer(SIGNED, q("Quant", "h ys zero b4", "y", rounding_mode="FLOOR")), "rounded half to even"),
        (layer(q("Quant", "w ws zero w", "wq")), "bit width must be one finite number"),
        (layer(q("Quant", "w zero zero b4", "wq")), "scale must be above 0"),
        (layer(q("Quant", "w ws zero b4", "wq", rounding_mode="SIDEWAYS")), "rounding_mode must be one of"),
        (layer(q("FloatQuant", "w ws zero b4", "wq")), "FloatQuant.*not supported; known are BipolarQuant"),
        (layer(SIGNED, q("Trunc", "h ys zero b4 b8", "y")), "take away 0 to 23 bits"),
    ],
)
def test_refused(nodes: list[Any], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model(nodes, FLAT).SerializeToString())
    with pytest.raises(EieError, match=sentence):
        load_network(path)
