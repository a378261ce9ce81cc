"""How many products a part of the host does for one input."""

from collections.abc import Mapping
from importlib import import_module
from math import prod
from typing import Any

from sw.network.host_model import package
from sw.network.host_turns import inner_graphs

MATRIX = {"MatMul": (0, 1), "MatMulInteger": (0, 1), "QLinearMatMul": (0, 3)}  # places of the two factors
WINDOWS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}  # place of the weights
CELLS = ("LSTM", "GRU", "RNN")
NOT_COUNTED = ("Attention", "Einsum", "DeformConv")

Sizes = tuple[int, ...] | None  # None: not known before the model runs


def host_macs(model: bytes) -> int | None:
    """Multiplications with additions of matrix products, convolutions and recurrent cells, of the larger of branches.

    `model` is one that `sw.network.host_model.describe` takes. None where a size is not known before it runs, or an
    operator has products that are not counted here.
    """
    onnx = package("onnx")
    parsed = onnx.load_model_from_string(model)
    inference = import_module("onnx.shape_inference")
    try:
        inferred = inference.infer_shapes(parsed, data_prop=True)
    except Exception:  # whatever the installed library raises; what it could not infer is not known
        inferred = parsed
    return _graph(inferred.graph, {})


def _graph(graph: Any, outer: Mapping[str, Sizes]) -> int | None:
    shapes: dict[str, Sizes] = dict(outer)
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = _sizes(value)
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Constant":
            shapes |= dict.fromkeys(node.output, next((tuple(a.t.dims) for a in node.attribute if a.HasField("t")), ()))
        branches = [_graph(each, shapes) for attribute in node.attribute for each in inner_graphs(attribute)]
        own = _node(node, shapes)
        if own is None or None in branches or (node.op_type == "Loop" and any(branches)):
            return None
        total += own + max((each for each in branches if each is not None), default=0)
    return total


def _node(node: Any, shapes: Mapping[str, Sizes]) -> int | None:
    kind = node.op_type
    result = shapes.get(node.output[0]) if node.output else None
    if kind in NOT_COUNTED:
        return None
    if kind in MATRIX:
        first, second = (shapes.get(node.input[place]) for place in MATRIX[kind])
        return None if first is None or second is None or result is None else prod(result) * first[-1]
    if kind == "Gemm":
        first = shapes.get(node.input[0])
        axis = 0 if any(each.name == "transA" and each.i for each in node.attribute) else 1
        return None if first is None or result is None else prod(result) * first[axis]
    if kind in WINDOWS:
        weight = shapes.get(node.input[WINDOWS[kind]])
        return None if weight is None or result is None else prod(result) * prod(weight[1:])
    if kind == "ConvTranspose":
        first, weight = shapes.get(node.input[0]), shapes.get(node.input[1])
        return None if weight is None or first is None else prod(first) * prod(weight[1:])
    if kind in CELLS:
        first, inner, outer = (shapes.get(node.input[place]) for place in range(3))
        if first is None or inner is None or outer is None:
            return None
        return first[0] * first[1] * (prod(inner) + prod(outer))
    return 0


def _sizes(value: Any) -> Sizes:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape") or any(size.dim_value < 1 for size in tensor.shape.dim):
        return None
    return tuple(size.dim_value for size in tensor.shape.dim)
