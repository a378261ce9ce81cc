"""ONNX models of a few nodes, and networks compared with onnx's own evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sw.formats.network_file import load_network

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
