"""The operations of a network's graph in words."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from sw.network.compressed import CompressedLayer
from sw.network.graph import (
    NO_PADS,
    ApplyLayer,
    Concatenate,
    Flatten,
    Graph,
    Gru,
    Lstm,
    Operation,
    Pads,
    Pool,
    Relu,
    Shape,
)
from sw.network.host_model import describe
from sw.network.host_part import HostPart
from sw.network.lstm import units_of
from sw.network.operation_fields import KINDS, kind_of
from sw.network.operations import Reshape


def operation_text(operation: Operation, waiting: Iterator[CompressedLayer]) -> str:
    """An operation for users; a layer that it applies is the next of those that are waiting."""
    match operation:
        case ApplyLayer():
            layer = next(waiting)
            return layer.name + _moves(layer) + ", ReLU" * layer.relu
        case Lstm():
            layer = next(waiting)
            result = "every step" if operation.sequence else "the last step"
            kind = "GRU" if isinstance(operation, Gru) else "LSTM"
            return f"{layer.name}: {kind} of {units_of(layer.shape)} units, {result}"
        case Relu():
            return "ReLU"
        case Flatten():
            return "flatten"
        case Concatenate():
            return "concatenate"
        case Pool():
            return (
                f"{operation.kind} of {sizes_text(operation.kernel)}, stride {sizes_text(operation.stride)}"
                + _padding(operation.padding)
                + ", rounded up" * operation.ceil
                + ", padding not counted" * (not operation.count_padding)
            )
        case HostPart():
            return f"host's part: {operators_text(describe(operation.model).operators)}"
        case _:
            name = kind_of(operation)
            fields = [f"{field} {_value(getattr(operation, field))}" for field in KINDS[name].fields]
            return ", ".join([name.replace("_", " "), *fields])


def host_works(graph: Graph) -> list[str]:
    """The kinds of operations that the host does if it runs a network layer by layer, in execution order.

    An activation of a layer is the array's, and what only renames elements takes no work.
    """
    works: list[str] = []
    for node in graph.nodes:
        match node.operation:
            case ApplyLayer() | Flatten() | Reshape():
                continue
            case Lstm():
                works.append(f"the cells of {'a GRU' if isinstance(node.operation, Gru) else 'an LSTM'}")
            case Relu():
                works.append("ReLU")
            case HostPart():
                works.append("parts in onnxruntime")
            case _:
                works.append(kind_of(node.operation).replace("_pool", "_pooling").replace("_", " "))
    return list(dict.fromkeys(works))


def operators_text(operators: Counter[str], most: int = 6) -> str:
    """The most frequent ones."""
    text = ", ".join(f"{number} {kind}" if number > 1 else kind for kind, number in operators.most_common(most))
    return text + (f" and {len(operators) - most} more" if len(operators) > most else "")


def _value(value: Any) -> str:
    return (
        sizes_text(cast("Shape", value))
        if isinstance(value, tuple)
        else f"{value:.6g}"
        if isinstance(value, float)
        else str(value)
    )


def _padding(pads: Pads) -> str:
    if pads == NO_PADS:
        return ""
    top, left, bottom, right = pads
    both = (top, left) == (bottom, right)
    return f", padding {top} x {left}" + f" before, {bottom} x {right} behind" * (not both)


def _moves(layer: CompressedLayer) -> str:
    moves = layer.convolution
    if moves is None:
        return ""
    return (
        f": stride {sizes_text(moves.stride)}"
        + _padding(moves.padding)
        + f", dilation {sizes_text(moves.dilation)}" * (moves.dilation != (1, 1))
        + f", {moves.groups} groups" * (moves.groups > 1)
    )


def sizes_text(sizes: Shape | list[int], between: str = " x ") -> str:
    """3 x 4."""
    return between.join(map(str, sizes))
