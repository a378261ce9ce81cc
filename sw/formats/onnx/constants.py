"""What an ONNX model makes of its own constants and of shapes, computed while it is read."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import reason
from sw.formats.onnx.node import OnnxNode

MOST_ELEMENTS = 1 << 24  # of a result that is larger than what it is made of
# Operators that onnx.reference computes; their results are as large as one of their inputs.
PLAIN = frozenset(
    [
        "Abs",
        "And",
        "BitShift",
        "Cast",
        "CastLike",
        "Ceil",
        "Clip",
        "Concat",
        "Div",
        "Equal",
        "Exp",
        "Flatten",
        "Floor",
        "Greater",
        "GreaterOrEqual",
        "Identity",
        "Less",
        "LessOrEqual",
        "Log",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "Add",
        "Neg",
        "Not",
        "Or",
        "Pow",
        "Reciprocal",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Round",
        "Shape",
        "Sigmoid",
        "Sign",
        "Size",
        "Slice",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Tanh",
        "Transpose",
        "Unsqueeze",
        "Where",
        "Gather",
        "MatMul",
        "Expand",
        "ConstantOfShape",
        "Range",
        "Tile",
    ]
)


def can_compute(operator: str) -> bool:
    return operator in PLAIN


def compute(onnx: Any, node: OnnxNode, opset: int, inputs: list[NDArray[Any] | None]) -> list[NDArray[Any]]:
    """The results of an operator on constants; EieError if it has none or they would be too large."""
    given = [array for array in inputs if array is not None]
    most = max(MOST_ELEMENTS, *(array.size for array in given), 0)
    size = _elements(node.operator, given)
    if size > most:
        raise EieError(f"{node.what}: a result on constants must have at most {most} elements, it has {size}")
    names = [f"i{place}" if array is not None else "" for place, array in enumerate(inputs)]
    results = [f"o{place}" for place in range(len(node.outputs))]
    proto = onnx.helper.make_node(node.operator, names, results)
    proto.attribute.extend(node.taken_attributes())
    graph = onnx.helper.make_graph(
        [proto],
        "constants",
        [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in names if name],
        [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in results],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    try:
        with np.errstate(all="ignore"):
            evaluator = onnx.reference.ReferenceEvaluator(model)
            made = evaluator.run(None, {name: array for name, array in zip(names, inputs, strict=True) if name})
    except Exception as error:  # whatever numpy raises for inputs that do not fit
        raise EieError(f"{node.what}: it must have a result on its constants: {reason(error)}") from error
    return [np.asarray(array) for array in made]


def check_spread(node: OnnxNode, array: NDArray[Any], other: NDArray[Any]) -> None:
    """EieError if a constant would become larger by arithmetic with another one of several numbers."""
    own, shape = array.shape, other.shape
    behind = own[len(own) - len(shape) :] if len(shape) <= len(own) else ()
    fits = len(behind) == len(shape) and all(size in (1, there) for size, there in zip(shape, behind, strict=True))
    if other.size > 1 and not fits:
        raise EieError(f"{node.what}: constants of shape {shape[:8]} must fit to one of shape {own[:8]}")


def _elements(operator: str, given: list[NDArray[Any]]) -> int:
    """A bound on the elements of a result, for operators that enlarge."""
    try:
        match operator:
            case "ConstantOfShape":
                return prod(max(int(size), 0) for size in given[0].reshape(-1)[:64])
            case "Expand":
                sizes = [max(int(size), 1) for size in given[1].reshape(-1)[:64]]
                return prod(sizes) * given[0].size
            case "Tile":
                return given[0].size * prod(max(int(size), 0) for size in given[1].reshape(-1)[:64])
            case "Range":
                start, stop, step = (float(array.reshape(-1)[0]) for array in given)
                return int(abs(stop - start) / abs(step)) + 1 if step else 0
            case "Gather":
                return given[1].size * given[0].size // max(min(given[0].shape or (1,)), 1)
            case "MatMul":
                return given[0].size * given[1].size // max(given[1].shape[0] if given[1].ndim else 1, 1)
            case "Where" | "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Mod" | "Equal" | "Less" | "Greater":
                return prod(np.broadcast_shapes(*(array.shape for array in given)))
            case "And" | "Or" | "LessOrEqual" | "GreaterOrEqual":
                return prod(np.broadcast_shapes(*(array.shape for array in given)))
            case _:
                return 0
    except (IndexError, ValueError, OverflowError, TypeError) as error:
        raise EieError(f"the operator {operator} must have constants that fit it: {reason(error)}") from error
