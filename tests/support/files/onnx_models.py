"""ONNX models written by hand, and networks compared with onnxruntime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sw.formats.network_file import load_network
from sw.network.network import Network

onnx: Any = pytest.importorskip("onnx")
helper: Any = pytest.importorskip("onnx.helper")
onnxruntime: Any = pytest.importorskip("onnxruntime", reason="the runtime of ONNX")
INPUTS = 3


def run(path: Path, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n, outputs) of onnxruntime without its optimisations, all outputs one after another, as many inputs at a time
    as the model takes."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([np.reshape(each, -1) for each in session.run(None, dict(inputs))])


def assert_equals_runtime(path: Path, shapes: Mapping[str, tuple[Any, ...]], batch: int = 0) -> Network:
    """Compare on random inputs; `shapes` are the model's, with "n" or a number in axis `batch`."""
    network = load_network(path)
    random = np.random.default_rng(0)
    for _ in range(INPUTS):
        own: list[np.ndarray] = []
        given: dict[str, np.ndarray] = {}
        for name, shape in shapes.items():
            one = random.normal(size=(*shape[:batch], *shape[batch + 1 :])).astype(np.float32)
            own.append(one.reshape(-1))
            copies = 1 if shape[batch] == "n" else shape[batch]
            given[name] = np.stack([one] * copies, axis=batch)
        found = network.forward(np.concatenate(own)[np.newaxis]).reshape(-1)
        wanted = run(path, given)
        wanted = wanted if wanted.size == found.size else wanted.reshape(wanted.size // found.size, -1)
        error = (
            np.abs(wanted - found).max() / np.abs(wanted).max() if wanted.ndim == 1 else np.abs(wanted[0] - found).max()
        )
        assert error <= 1e-5
    return network


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(operator, [name.replace("-", "") for name in inputs.split()], output.split(), **attributes)


def write(
    path: Path,
    nodes: list[Any],
    constants: dict[str, np.ndarray],
    shape: list[Any],
    outputs: str = "y",
    opset: int = 17,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs.split()],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path
