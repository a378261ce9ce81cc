"""Every value of an ONNX model for one input, as onnxruntime makes it: what parts of it are made from.

The sizes of all values are read off here, and the numbers of those that do not depend on the inputs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import reason
from sw.formats.onnx.model import OnnxFile
from sw.formats.onnx.old_pools import counted
from sw.formats.onnx.tensors import EXTERNAL
from sw.network.graph import MAX_VALUE, Shape
from sw.network.host_model import TYPES, check_model, run_session, session
from sw.network.host_turns import inner_graphs

# Results whose sizes are those of the numbers that they take, not of their sizes.
OF_NUMBERS = {"NonZero", "Compress", "Unique", "NonMaxSuppression", "StringSplit", "If", "Range", "ConstantOfShape"}
# Where whole numbers behind the first input leave the sizes as they are.
OF_SIZES = {
    *("Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "Where", "Concat", "Equal", "Less"),
    *("Greater", "LessOrEqual", "GreaterOrEqual", "Add", "Sub", "Mul", "Div", "Max", "Min", "Mod", "Pow", "Sum"),
}


class HostNode:
    """A node of the model's graph.

    proto : ONNX's.
    inputs : names of all that it takes, those of graphs inside it included.
    outputs : names of its results.
    """

    def __init__(self, proto: Any):
        self.proto = proto
        self.inputs = [name for name in (*proto.input, *captured(proto)) if name]
        self.outputs = [name for name in proto.output if name]


@dataclass(frozen=True)
class Trial:
    """What onnxruntime makes of one input.

    nodes : in the model's order, without those that make `known` values.
    inputs : of the model by name, with the batch, which is one: what they were for this run.
    values : every value of `nodes` that is an array.
    known : every value that is the same for all inputs, and of which the sizes are.
    outputs : names.
    """

    nodes: list[HostNode]
    inputs: Mapping[str, NDArray[Any]]
    values: dict[str, NDArray[Any]]
    known: dict[str, NDArray[Any]]
    outputs: list[str]


def try_model(
    file: OnnxFile, given: Mapping[str, NDArray[Any]], shape: Shape | None, say: Callable[[str], None]
) -> Trial:
    """Run a model, which is changed, once on random numbers, whole numbers being 1; EieError if it cannot be run.

    `given` are its initializers.
    """
    check_given(file, given)
    onnx, model = file.onnx, file.model
    graph = model.graph
    constants = {tensor.name: _array(onnx, tensor) for tensor in graph.initializer}
    values = [value for value in graph.input if value.name not in constants]
    _close(values, shape, say)
    feeds = {value.name: _example(value) for value in values}
    outputs = [value.name for value in graph.output]
    nodes = [HostNode(proto) for proto in graph.node]
    names = [name for node in nodes for name in node.outputs]
    del graph.output[:]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    del graph.value_info[:]
    try:
        data: bytes = model.SerializeToString()
    except Exception as error:  # too large for protobuf
        raise EieError(f"a model that runs in parts must have less than 2 GiB: {reason(error)}") from error
    made = dict(zip(names, run_session(session(data), names, feeds), strict=True))
    arrays = {name: value for name, value in made.items() if is_numbers(value)}
    known = _known(nodes, constants, set(feeds), arrays)
    rest = [node for node in nodes if any(name not in known for name in node.outputs)]
    return Trial(rest, feeds, arrays, known, outputs)


def is_numbers(value: object) -> bool:
    """Whether it is an array, and not of texts."""
    dtype: object = getattr(value, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind in "fiub"


def check_given(file: OnnxFile, given: Mapping[str, NDArray[Any]]) -> None:
    """Put constants that are not in the message into it; EieError for a model of which something must not be run."""
    onnx, model = file.onnx, file.model
    for number, tensor in enumerate(model.graph.initializer):
        if number in file.places or (tensor.HasField("data_location") and tensor.data_location == EXTERNAL):
            tensor.CopyFrom(onnx.numpy_helper.from_array(given[tensor.name], tensor.name))
    check_model(onnx, model)
    try:  # onnxruntime takes some attributes that contradict their operator
        import_module("onnx.shape_inference").infer_shapes(counted(onnx, model), check_type=True, strict_mode=True)
    except Exception as error:  # whatever the installed library raises
        raise EieError(f"its operators must fit together: {reason(error)}") from error


def captured(node: Any) -> list[str]:
    """Names that the graphs inside a node take from outside."""
    found: list[str] = []
    for graph in (each for attribute in node.attribute for each in inner_graphs(attribute)):
        own = {value.name for value in (*graph.input, *graph.initializer)}
        for inner in graph.node:
            found += [name for name in (*inner.input, *captured(inner)) if name and name not in own]
            own |= set(inner.output)
        found += [value.name for value in graph.output if value.name not in own]
    return found


def _known(
    nodes: Sequence[HostNode],
    constants: Mapping[str, NDArray[Any]],
    inputs: set[str],
    arrays: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    """Constants, what is computed from them, and from sizes that do not depend on numbers."""
    known, sized = dict(constants), set(constants) | inputs
    for node in nodes:
        kind = node.proto.op_type
        has_graphs = any(True for attribute in node.proto.attribute for _ in inner_graphs(attribute))
        is_known = not has_graphs and all(name in known for name in node.inputs)
        if kind in ("Shape", "Size"):
            is_known = node.inputs[0] in sized
        if is_known:
            known |= {name: arrays[name] for name in node.outputs if name in arrays}
        numbers = [name for name in node.inputs[1:] if name in arrays and arrays[name].dtype.kind in "iu"]
        numbers += [name for name in node.inputs[1:] if name in inputs]
        is_sized = all(name in sized for name in node.inputs) and not has_graphs
        if is_known or (
            is_sized and kind not in OF_NUMBERS and (kind in OF_SIZES or all(name in known for name in numbers))
        ):
            sized |= set(node.outputs)
    return known


def _array(onnx: Any, tensor: Any) -> NDArray[Any]:
    try:
        return onnx.numpy_helper.to_array(tensor)
    except Exception as error:  # the library raises whatever numpy raises
        raise EieError(f"constant {tensor.name[:80]} must hold as many numbers as its shape says") from error


def _close(values: Sequence[Any], given: Shape | None, say: Callable[[str], None]) -> None:
    """Give every open size of the inputs a number: the batch is one, the others must have been given."""
    if not values:
        raise EieError("an ONNX model must have an input, it has none")
    is_used = False
    firsts = [value.type.tensor_type.shape.dim[:1] for value in values]
    batches = {size.dim_param for first in firsts for size in first if size.dim_param}
    for value in values:
        sizes = value.type.tensor_type.shape.dim
        own = [size.dim_value for size in sizes]
        fits = given is not None and len(own) == len(given) + 1
        if fits and given is not None and all(a in (b, 0, -1) for a, b in zip(own[1:], given, strict=True)):
            is_used, own[1:] = True, given
        own[:1] = [max(size, 1) for size in own[:1]]
        own = [1 if size.dim_param in batches else each for size, each in zip(sizes, own, strict=True)]
        if any(size < 1 for size in own) or prod(own) > MAX_VALUE:
            raise EieError(
                f"input {value.name[:80]} leaves sizes open, got {own[:8]} (0: open): give the shape of one input "
                "(--input-shape)"
            )
        if len(own) > 1 and own[0] > 1:
            say(f"input {value.name} is taken whole, {' x '.join(map(str, own))}: the model fixes its first axis")
        for size, number in zip(sizes, own, strict=True):
            size.dim_value = number
    if given is not None and not is_used:
        raise EieError(f"the shape of one input must fit to one of the model's, got {given}")


def _example(value: Any) -> NDArray[Any]:
    """Numbers for a run."""
    kind = value.type.tensor_type.elem_type
    if kind not in TYPES:
        raise EieError(f"input {value.name[:80]} must be numbers, got ONNX's type {kind}")
    sizes = tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
    dtype = np.dtype(TYPES[kind])
    if dtype.kind != "f":
        return np.ones(sizes, dtype)
    return np.random.default_rng(0).standard_normal(sizes).astype(dtype)


def dependents(nodes: Sequence[HostNode]) -> dict[str, int]:
    """How often each value is taken."""
    found: dict[str, int] = {}
    for name in _taken(nodes):
        found[name] = found.get(name, 0) + 1
    return found


def _taken(nodes: Sequence[HostNode]) -> Iterator[str]:
    for node in nodes:
        yield from node.inputs
