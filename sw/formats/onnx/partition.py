"""An ONNX model in parts for array and host, also one that no network here can be: layers with constant weights are
products for the array, all between them is the host's, in onnxruntime.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any, Literal

from model.errors import EieError
from sw.formats.onnx.constants import can_compute, compute
from sw.formats.onnx.model import damaged, open_model
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.old_pools import counted
from sw.network.graph import Shape

VALUE_BYTES = 2  # of an activation between host and array
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
CELLS = ("LSTM", "GRU", "RNN")
DEEPEST = 8  # graphs inside each other
MOST_FOLDED = 1 << 12  # elements of a constant that sizes may be computed from
LARGEST_SHAPED = (1 << 31) - 1  # bytes of a model, but for large constants, of which the library computes shapes

Sizes = tuple[int | None, ...]  # None: not known before the model runs


@dataclass
class OnnxPart:
    """A layer, or operators of the host that follow each other.

    Parameters
    ----------
    name : of the layer's node; empty for the host's.
    operators : how many of each kind.
    macs, vectors, bytes_moved : as in `sim.simulation.plan`; None where a size is not known.
    """

    place: Literal["array", "array, its cell on the host", "host"]
    name: str = ""
    operators: Counter[str] = field(default_factory=Counter[str])
    macs: int | None = 0
    vectors: int | None = 0
    bytes_moved: int | None = 0


def partition(path: Path, shape: Shape | None = None) -> list[OnnxPart]:
    """The parts in the file's order, branches and bodies of loops among them.

    `shape` is that of one input, for the first input with an axis more than it has; other open sizes are one. EieError
    if the file is no ONNX model.
    """
    file = open_model(path)
    onnx, model = file.onnx, file.model
    _close(model.graph.input, {tensor.name for tensor in model.graph.initializer}, shape)
    if file.size <= LARGEST_SHAPED:
        try:
            import_module("onnx.reference")
            _fold(onnx, model)
            model = import_module("onnx.shape_inference").infer_shapes(counted(onnx, model), data_prop=True)
        except Exception as error:  # whatever the installed libraries raise
            raise damaged(error) from error
    walk = _Walk()
    walk.graph(model.graph, {}, 0)
    if not walk.parts:
        raise EieError("an ONNX model must compute something from an input, this one does not")
    return walk.parts


def _close(inputs: Sequence[Any], constants: set[str], shape: Shape | None) -> None:
    """Give every open size of the inputs a number."""
    waiting = shape
    for value in inputs:
        if value.name in constants:
            continue
        sizes = value.type.tensor_type.shape.dim
        own: Sequence[int] = ()
        if waiting is not None and len(sizes) == len(waiting) + 1:
            own, waiting = (1, *waiting), None
        for axis, size in enumerate(sizes):
            if size.dim_value < 1 or own:
                size.dim_value = own[axis] if own else 1
    if waiting is not None:
        raise EieError(f"the shape of one input must have an axis less than an input of the model, got {waiting}")


def _fold(onnx: Any, model: Any) -> None:
    """Make constants of what is computed from small ones, on which sizes may depend."""
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    graph = model.graph
    small = [tensor for tensor in graph.initializer if prod(tensor.dims) <= MOST_FOLDED]
    constants: dict[str, Any] = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in small}
    kept: list[Any] = []
    for proto in graph.node:
        tensors = [each.t for each in proto.attribute if proto.op_type == "Constant" and each.HasField("t")]
        if tensors and prod(tensors[0].dims) <= MOST_FOLDED:
            constants[proto.output[0]] = onnx.numpy_helper.to_array(tensors[0])
        elif can_compute(proto.op_type) and proto.input and all(name in constants for name in proto.input if name):
            with suppress(EieError):
                node = OnnxNode(onnx, proto)
                made = compute(onnx, node, opset, [constants.get(name) for name in proto.input])
                constants.update(zip(proto.output, made, strict=False))
                graph.initializer.extend(
                    onnx.numpy_helper.from_array(array, name) for name, array in zip(proto.output, made, strict=False)
                )
                continue
        kept.append(proto)
    del graph.node[:]
    graph.node.extend(kept)


class _Walk:
    """Collects the parts of graphs; `shapes` are of what a graph sees, those of its constants known for certain."""

    def __init__(self) -> None:
        self.parts: list[OnnxPart] = []

    def graph(self, graph: Any, outer: dict[str, Sizes], depth: int) -> None:
        if depth > DEEPEST:
            raise EieError(f"graphs must be at most {DEEPEST} deep inside each other")
        constants = dict(outer)
        constants |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        shapes = {
            value.name: tuple(size.dim_value or None for size in value.type.tensor_type.shape.dim)
            for value in (*graph.input, *graph.value_info, *graph.output)
            if value.type.tensor_type.HasField("shape")
        }
        for node in graph.node:
            names = [name for name in node.input if name]
            inner = [each for attribute in node.attribute for each in _graphs(attribute)]
            if not inner and all(name in constants for name in names) and not node.op_type.startswith("Random"):
                sizes = _written(node) if node.op_type == "Constant" else None
                constants |= {name: sizes or shapes.get(name, (None,)) for name in node.output}
                continue
            weights = [constants.get(name) for name in node.input]
            if node.op_type in PRODUCTS and any(weights[:2]):
                self.parts.append(_product(node, shapes, weights))
            elif node.op_type in CELLS and len(weights) > 2 and weights[1] and weights[2]:
                self.parts.append(_cell(node, shapes, weights[1], weights[2]))
            else:
                if not self.parts or self.parts[-1].place != "host":
                    self.parts.append(OnnxPart("host"))
                self.parts[-1].operators[node.op_type[:80]] += 1
            for each in inner:
                self.graph(each, constants, depth + 1)


def _graphs(attribute: Any) -> Iterator[Any]:
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs


def _written(node: Any) -> Sizes | None:
    tensors = [attribute.t for attribute in node.attribute if attribute.HasField("t")]
    return tuple(tensors[0].dims) if tensors else None


def _known(sizes: Sizes | None) -> int | None:
    """Elements of a value."""
    found = [size for size in sizes or (None,) if size is not None]
    return prod(found) if sizes is not None and len(found) == len(sizes) else None


def _product(node: Any, shapes: dict[str, Sizes], weights: list[Sizes | None]) -> OnnxPart:
    first = weights[1] is None
    weight = (weights[0] if first else weights[1]) or ()
    size, result = _known(weight), _known(shapes.get(node.output[0]))
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1) or 1
    part = OnnxPart("array", _name(node), Counter([node.op_type]), None, None, None)
    if not size or not result or len(weight) < 2 or min(side or 0 for side in weight) < 1:
        return part
    sides = [side or 1 for side in weight]
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    if node.op_type == "Conv":
        outputs, positions = sides[0], result // sides[0]
    elif node.op_type == "ConvTranspose":
        # Every output position takes of each channel one weight of so many as the stride leaves.
        outputs, positions = sides[1] * groups, result // (sides[1] * groups)
    else:
        outputs = sides[-2] if transposed or first else sides[-1]
        positions = result // outputs
    inputs = size // outputs * (groups if node.op_type == "Conv" else 1)
    part.macs = positions * size
    part.vectors = positions * groups
    part.bytes_moved = positions * (inputs + outputs) * VALUE_BYTES
    return part


def _cell(node: Any, shapes: dict[str, Sizes], inner: Sizes, outer: Sizes) -> OnnxPart:
    part = OnnxPart("array, its cell on the host", _name(node), Counter([node.op_type]), None, None, None)
    source, sizes = shapes.get(node.input[0]), (*inner, *outer)
    if source is None or len(source) != 3 or None in (*source, *sizes) or len(inner) != 3 or len(outer) != 3:
        return part
    steps = (source[0] or 1) * (source[1] or 1)
    directions, rows, features = (size or 1 for size in inner)
    units = outer[2] or 1
    part.vectors = steps * directions
    part.macs = part.vectors * rows * (features + units)
    part.bytes_moved = part.vectors * (features + units + rows) * VALUE_BYTES
    return part


def _name(node: Any) -> str:
    text = node.name or (node.output[0] if node.output else "")
    return "".join(each if each.isprintable() else "?" for each in text[:200])
