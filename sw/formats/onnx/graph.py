"""The graph of an ONNX model as a network: constants are computed, every other operator is lowered to drafts."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import reason
from sw.formats.draft_folding import network_of
from sw.formats.drafts import Drafts
from sw.formats.onnx import elements, layers, layout, qonnx, quantised, recurrent, windows
from sw.formats.onnx.constants import can_compute, compute
from sw.formats.onnx.model import OnnxFile
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.tensors import check_text, read_constant
from sw.formats.onnx.values import OPEN_BATCH, BatchOfOne, Lowering, NotLowered, Operators, Value
from sw.network.graph import Shape
from sw.network.network import Network
from sw.network.operations import Slice

OPERATORS: Operators = {
    **elements.OPERATORS,
    **layers.OPERATORS,
    **layout.OPERATORS,
    **quantised.OPERATORS,
    **recurrent.OPERATORS,
    **windows.OPERATORS,
}
DOMAINS: Mapping[str, Operators] = {
    **dict.fromkeys(("", "ai.onnx"), OPERATORS),
    **dict.fromkeys(qonnx.DOMAINS, qonnx.OPERATORS),
}
RECURRENT = ("LSTM", "GRU", "RNN")
MOST_AXES = 3  # of an input of a network


class OnnxGraph:
    """The graph of a model.

    Parameters
    ----------
    constants : its initializers.
    shape : of one input, for models that leave rows, columns or steps open.
    say : told what was assumed.
    open_batch : what a batch is computed with that the model leaves open.
    """

    def __init__(
        self,
        file: OnnxFile,
        constants: Mapping[str, NDArray[Any]],
        opset: int,
        shape: Shape | None = None,
        say: Callable[[str], None] = lambda _: None,
        open_batch: int = OPEN_BATCH,
    ):
        self._open_batch = open_batch
        graph = file.model.graph
        self._file, self._onnx, self._graph, self._opset, self._say = file, file.onnx, graph, opset, say
        check_text(*(value.name for value in (*graph.input, *graph.output)))
        if len(graph.sparse_initializer):
            raise EieError("constants of an ONNX model must be dense, got a sparse one")
        used = {name for node in graph.node for name in node.input}
        unused = [name for name, array in constants.items() if name not in used and array.dtype.kind == "f"]
        if unused:
            more = f" and {len(unused) - 8} more" if len(unused) > 8 else ""
            say(f"no operator uses the constants {', '.join(unused[:8])}{more}: they are left out")
        self._inputs = self._read_inputs([value for value in graph.input if value.name not in constants], shape)
        batches = {shape[axis] for _, shape, axis in self._inputs if axis is not None}
        if len(batches) > 1:
            raise NotLowered(f"all inputs of an ONNX model must have the same batch, got {sorted(batches)[:8]}")
        batch = batches.pop() if batches else 1
        one = [self._own(shape, axis) for _, shape, axis in self._inputs]
        flat = len(one) > 1 or len(one[0]) > MOST_AXES
        self._lowering = Lowering(
            Drafts((sum(prod(each) for each in one),) if flat else one[0]), dict(constants), batch, opset
        )
        if len(one) > 1:
            names = ", ".join(name for name, _, _ in self._inputs)
            say(f"its {len(one)} inputs are one after another in a vector: {names}")
        start = 0
        for (name, shape, axis), each in zip(self._inputs, one, strict=True):
            index, stop = 0, start + prod(each)
            if len(one) > 1:
                index = self._lowering.drafts.add(f"input {name}", Slice(axis=0, start=start, stop=stop), 0)
            own = tuple(size // batch if place == axis else size for place, size in enumerate(shape))
            self._lowering.values[name] = Value(index, own, axis if batch > 1 else None)
            start = stop

    def network(self) -> Network:
        """Read the nodes in their order; EieError for one that no network here can have."""
        it = self._lowering
        for proto in self._graph.node:
            node = OnnxNode(self._onnx, proto)
            if proto.domain not in DOMAINS:
                raise EieError(f"operator {proto.domain}.{node.operator} of node {node.name[:80]} is not supported")
            operators = DOMAINS[proto.domain]
            if not any(node.outputs):
                raise EieError(f"{node.what}: it must have a result")
            for name in filter(None, node.outputs):
                if name in it.values or name in it.constants:
                    raise EieError(f"{node.what}: its result must have a name of its own, {name[:80]!r} is taken")
            if operators is not OPERATORS or not self._constant(node):
                self._lower(node, operators)
            try:
                node.finish()
            except EieError as error:
                raise NotLowered(str(error)) from error
        return self._outputs()

    def _lower(self, node: OnnxNode, operators: Operators) -> None:
        if node.operator not in operators:
            known = ", ".join(sorted(operators))
            raise NotLowered(
                f"operator {node.operator[:80]} of node {node.name[:80]} is not supported; known are {known}"
            )
        try:
            with np.errstate(all="ignore"):  # layers refuse what is not finite
                operators[node.operator](self._lowering, node)
        except BatchOfOne:
            raise
        except EieError as error:
            raise NotLowered(str(error)) from error
        except (ValueError, TypeError, IndexError) as error:
            raise EieError(f"{node.what}: its inputs and attributes must fit together: {reason(error)}") from error

    def _constant(self, node: OnnxNode) -> bool:
        """Whether the node's results are constants, which they then are."""
        it = self._lowering
        if node.operator == "Constant":
            it.constants[node.output] = self._written(node)
            return True
        if node.operator in ("Shape", "Size") and node.input(0) in it.values:
            shape = it.shape(it.value(node, merged=True))
            part = slice(node.attribute("start", 0), node.attribute("end", len(shape)))
            it.constants[node.output] = np.array(shape[part] if node.operator == "Shape" else prod(shape), np.int64)
            return True
        names = [name for name in node.inputs if name]
        if not names or not can_compute(node.operator) or not all(name in it.constants for name in names):
            return False
        made = compute(self._onnx, node, self._opset, [it.constants.get(name) for name in node.inputs])
        it.constants.update((name, array) for name, array in zip(node.outputs, made, strict=False) if name)
        return True

    def _written(self, node: OnnxNode) -> NDArray[Any]:
        """The value of a Constant."""
        tensor = node.attribute("value")
        if isinstance(tensor, self._onnx.TensorProto):
            return read_constant(self._file, tensor)
        types: Mapping[str, type[np.generic]] = {
            "value_float": np.float32,
            "value_floats": np.float32,
            "value_int": np.int64,
            "value_ints": np.int64,
        }
        for name, dtype in types.items():
            value = node.attribute(name)
            if value is not None:
                return np.array(value, dtype)
        raise EieError(f"{node.what}: it must hold numbers")

    def _outputs(self) -> Network:
        """The network that makes all outputs, one after another in a vector if there are several."""
        it = self._lowering
        found: list[int] = []
        for output in self._graph.output:
            value = it.values.get(output.name)
            if value is None:
                raise EieError(f"the output {output.name[:80]} must be the result of an operator, it is not")
            shape = self._own(it.shape(value), value.batch)
            is_flat = len(it.drafts.shapes[value.draft]) == 1 or len(self._graph.output) > 1
            found.append(it.indexed(value, (prod(shape),) if is_flat else shape))
        if not found:
            raise EieError("an ONNX model must have an output, it has none")
        if len(found) > 1:
            names = ", ".join(output.name for output in self._graph.output)
            self._say(f"its {len(found)} outputs are one after another in a vector: {names}")
            found = [it.drafts.join("outputs", found, 0)]
        network, dropped = network_of(it.drafts, found[0])
        if dropped:
            self._say(f"nothing that is an output needs the layers {', '.join(dropped[:8])}: they are left out")
        return network

    def _own(self, shape: Shape, batch: int | None) -> Shape:
        """The shape of one input or output, without the batch."""
        if batch is None:
            return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
        return (*shape[:batch], *shape[batch + 1 :])

    def _read_inputs(self, values: Sequence[Any], given: Shape | None) -> list[tuple[str, Shape, int | None]]:
        """Name, shape with the batch, and the axis of the batch of every input."""
        if not values:
            raise EieError("an ONNX model must have an input, it has none")
        if given is not None and len(values) > 1:
            raise NotLowered(f"the shape of an input can be given for models with one, it has {len(values)}")
        return [self._read_input(value, given) for value in values]

    def _read_input(self, value: Any, given: Shape | None) -> tuple[str, Shape, int | None]:
        sizes = [max(each.dim_value, 0) for each in value.type.tensor_type.shape.dim]  # 0: open; some write -1
        if not sizes and given is not None:
            sizes = [0] * (len(given) + 1)
        if not sizes:
            raise EieError(f"input {value.name[:80]} must have axes, got {sizes[:8]}: give the shape of one input")
        if len(sizes) == 1:
            return value.name, self._filled(value.name, sizes, given), None
        takers = [node for node in self._graph.node if value.name in node.input]
        recurrent = [node for node in takers if node.op_type in RECURRENT]
        steps_first = (
            len(sizes) == 3
            and bool(recurrent)
            and all(
                node.op_type == "Shape" or not any(each.name == "layout" and each.i for each in node.attribute)
                for node in takers
                if node.op_type in (*RECURRENT, "Shape")
            )
        )
        steps_first = steps_first and len(recurrent) + sum(node.op_type == "Shape" for node in takers) == len(takers)
        batch = 1 if steps_first else sizes.index(0) if sizes.count(0) == 1 and given is None else 0
        rest = self._filled(value.name, [*sizes[:batch], *sizes[batch + 1 :]], given)
        return value.name, (*rest[:batch], sizes[batch] or self._open_batch, *rest[batch:]), batch

    def _filled(self, name: str, sizes: list[int], given: Shape | None) -> Shape:
        """Open sizes from what was given, which must agree with the others."""
        if given is None and min(sizes) < 1:
            raise EieError(
                f"input {name[:80]} leaves sizes open, got {sizes[:8]} (0: open): give the shape of one input "
                f"(--input-shape)"
            )
        if given is None:
            return tuple(sizes)
        if len(given) != len(sizes) or any(b not in (0, a) for a, b in zip(given, sizes, strict=True)):
            raise EieError(f"input {name[:80]}: the shape of one input must fit to {sizes[:8]} (0: open), got {given}")
        return given
