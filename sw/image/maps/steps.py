"""A graph as steps that an array with `maps` runs: what they read and make, with ReLU and limits folded into them.

Values are arrays of element numbers: flattening, reordering, slicing and joining only rearrange these. A step makes a
map of its own, whose elements have numbers of their own.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from model.fixed_point import bounds, to_fixed
from sw.image.maps.step import ACTIVE, Kind, Made, Step, Steps, Term, Value, as_map, elements_of
from sw.network.compressed import CompressedNetwork
from sw.network.execution import run_graph
from sw.network.float_operations import arrange
from sw.network.forward import window_counts
from sw.network.graph import Flatten, Graph, Lstm, Pool, Relu, Shape
from sw.network.host_part import HostPart
from sw.network.integer_operations import SLOPE_FRACTION_BITS, result_bits
from sw.network.integer_pooling import mean_factor
from sw.network.operations import (
    Clip,
    Elements,
    Elementwise,
    Function,
    LeakyRelu,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from sw.network.quantise import LayerFormat, source_bits, wanted_bits

FURTHEST_POINTS = 14  # bits between the binary points of two values that an array adds


def to_steps(network: CompressedNetwork, formats: Sequence[LayerFormat], activation_bits: int = 16) -> Steps:
    """EieError names the first layer or operation that the array lacks."""
    reader = _Reader(network, formats, activation_bits)
    shape = network.input_shape
    assert network.calibration is not None  # the reader asks for it
    source = Value(np.arange(prod(shape)).reshape(shape), source_bits(network.calibration, activation_bits))
    values = [source]
    reader.result.output = run_graph(network.connections, reader, source, values.append)
    made = reader.result.steps[-1].made if reader.result.steps else reader.result.source
    activity = np.full(made.first + prod(made.shape), ACTIVE)
    for value, shares in zip(values, network.calibration.activity, strict=False):
        activity[value.elements.reshape(-1)] = shares.reshape(-1)  # what folds into a step comes after it
    reader.result.activity = activity
    _arrange_input(reader.result)
    return reader.result


def _arrange_input(steps: Steps) -> None:
    """The input lies as the first step reads it, whatever its own axes: hosts put it where it belongs."""
    first = steps.steps[0].terms[0].elements if steps.steps else steps.inputs
    size = steps.inputs.size
    if first.size != size or not np.array_equal(np.sort(first.reshape(-1)), steps.inputs):
        return
    moved = np.empty(size, np.int64)
    moved[first.reshape(-1)] = np.arange(size)
    steps.source = Made(0, as_map(first.shape), 0)
    steps.inputs = moved
    steps.activity[moved] = steps.activity[:size].copy()
    for step in steps.steps:
        step.terms = [term._replace(elements=_moved(term.elements, moved)) for term in step.terms]
    if steps.output is not None:
        steps.output = steps.output._replace(elements=_moved(steps.output.elements, moved))


def _moved(elements: NDArray[np.int64], moved: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(elements < moved.size, moved[np.minimum(elements, moved.size - 1)], elements)


class _Reader:
    """`sw.network.execution.Arithmetic` on values that stand for where they come from."""

    def __init__(self, network: CompressedNetwork, formats: Sequence[LayerFormat], activation_bits: int) -> None:
        self._network, self._formats, self._activation_bits = network, formats, activation_bits
        self._least, self._greatest = bounds(activation_bits)
        assert network.calibration is not None  # `choose_formats` asks for it
        self._calibration = network.calibration
        shapes = network.shapes
        self._next = prod(shapes[0])
        self.result = Steps(Made(0, as_map(shapes[0]), 0), np.arange(prod(shapes[0])))
        self._operation = 0

    def layer(self, index: int, source: Value) -> Value:
        layer = self._network.layers[index]
        name = f"layer {layer.name}"
        if layer.convolution is None and source.elements.ndim != 1:
            raise EieError(f"{name}: an array with maps has no layers that take one step after another")
        shape = self._shape(name)
        chosen = self._formats[index]
        step = self._add("layer", layer.name, shape, [Term(source.elements, 1)])
        step.layer, step.relu = index, layer.relu
        return self._value(step, shape, chosen.output_fraction_bits)

    def lstm(self, index: int, operation: Lstm, source: Value) -> Value:
        name = self._network.layers[index].name
        shape = self._shape(f"layer {name}")
        alone = _alone(self._network.connections, self._operation, or_input=True)
        chosen = self._formats[index]
        steps, units = source.elements.shape[0], shape[-1]
        # Positions are steps. They are read once: h takes the place of what has been read.
        elements = source.elements.T[:, :, np.newaxis]
        if source.fraction_bits != chosen.input_fraction_bits or not (alone and self._is_sequence(elements)):
            copied = self._copy("sequence", source._replace(elements=elements), elements.shape)
            copied.shift = source.fraction_bits - chosen.input_fraction_bits
            elements = elements_of(copied.made).reshape(elements.shape)
        made = (units, steps if operation.sequence else 1, 1)
        step = self._add("recurrent", name, made, [Term(elements, 1)])
        step.layer, step.recurrent = index, operation
        values = self._value(step, made, chosen.input_fraction_bits)
        result = values.elements[:, :, 0].T if operation.sequence else values.elements.reshape(-1)
        return values._replace(elements=result)

    def _is_sequence(self, elements: NDArray[np.int64]) -> bool:
        """Whether (features, steps, 1) elements are a map that lies so, or may: the input, if it is read first."""
        flat = elements.reshape(-1)
        if not self.result.steps:
            return np.array_equal(np.sort(flat), self.result.inputs)
        return any(
            step.kind == "recurrent" and np.array_equal(flat, elements_of(step.made)) for step in self.result.steps
        )

    def relu(self, source: Value) -> Value:
        shape = self._shape("relu")
        step = self._foldable(source) or self._copy("ReLU", source, shape)
        step.relu = True
        return self._value(step, shape, source.fraction_bits)

    def pool(self, operation: Pool, source: Value) -> Value:
        shape = self._shape("pool")
        name = f"{operation.kind} pooling {self._operation}"
        step = self._add("pool", name, shape, [Term(source.elements, 1)])
        step.pool = operation
        if operation.kind == "average":
            counts = window_counts(operation, source.elements.shape[1:])
            if int(counts.min()) != int(counts.max()):
                raise EieError(f"{name}: all windows must be divided by one number, they are by several")
            factor = mean_factor(int(counts.max()))
            if factor is None:
                raise EieError(f"{name}: an array takes means of at most 256 elements, got {int(counts.max())}")
            step.pool_weight, step.shift = factor
        return self._value(step, shape, source.fraction_bits)

    def flatten(self, source: Value) -> Value:
        self._shape("flatten")
        return source._replace(elements=source.elements.reshape(-1))

    def concatenate(self, sources: Sequence[Value]) -> Value:
        self._shape("concatenate")
        fewest = min(source.fraction_bits for source in sources)
        aligned: list[NDArray[np.int64]] = []
        for source in sources:
            elements = self._rounded(source, fewest)
            if any(np.isin(elements, other).any() for other in aligned):  # nothing lies in two places
                elements = elements_of(self._copy("repeat", Value(elements, fewest), elements.shape).made)
            aligned.append(elements.reshape(source.elements.shape))
        return Value(np.concatenate(aligned), fewest)

    def apply(self, number: int, operation: Elements, sources: Sequence[Value]) -> Value:
        shape = self._shape("operation")
        first = sources[0]
        match operation:
            case Clip():
                return self._clip(operation, first, shape)
            case LeakyRelu():
                slope = round(operation.slope * (1 << SLOPE_FRACTION_BITS))
                if not 1 <= slope < 1 << SLOPE_FRACTION_BITS:
                    raise EieError(f"operation {self._operation}: a slope must be from 0 to 1, got {operation.slope}")
                rest = Term(first.elements, (1 << SLOPE_FRACTION_BITS) - slope, positive=True)
                name = f"leaky ReLU {self._operation}"
                step = self._add("sum", name, shape, [Term(first.elements, slope), rest])
                step.shift = SLOPE_FRACTION_BITS
                return self._value(step, shape, first.fraction_bits)
            case Elementwise(kind="add"):
                return self._sum(number, operation, sources, shape)
            case Reshape() | Transpose() | Slice():
                moved = arrange(operation, first.elements[np.newaxis])[0]
                return first._replace(elements=moved)
            case HostPart():
                raise EieError(
                    f"operation {self._operation} is a part of the host, in onnxruntime: an array with maps runs whole "
                    "networks; one without, such as eie64, takes the layers of this one by themselves"
                )
            case _:
                name = operation.kind if isinstance(operation, Elementwise) else type(operation).__name__.lower()
                name = operation.name if isinstance(operation, Function) else name
                hint = "; a network that ends before it can be run" if isinstance(operation, Softmax) else ""
                raise EieError(f"operation {self._operation} ({name}): an array with maps lacks it{hint}")

    def _clip(self, operation: Clip, source: Value, shape: Shape) -> Value:
        limits = np.array([operation.low, operation.high])
        low, high = to_fixed(limits, source.fraction_bits, self._activation_bits).tolist()
        if low not in (0, self._least):
            return self._clip_between(operation, source, shape, low, high)
        if high < 1:
            raise EieError(f"operation {self._operation}: an upper limit must be above 0, got {operation.high}")
        step = self._foldable(source) or self._copy("clip", source, shape)
        step.relu |= low == 0
        step.limit = min(step.limit or self._greatest, high)
        return self._value(step, shape, source.fraction_bits)

    def _clip_between(self, operation: Clip, source: Value, shape: Shape, low: int, high: int) -> Value:
        """The part above `low`, limited, and `low` again; or the smaller of it and `high`, and so once more negated."""
        bits = source.fraction_bits
        if 1 <= high - low <= self._greatest:
            above = self._copy("clip above", source, shape)
            above.offset, above.relu, above.limit = -low, True, high - low
            step = self._copy("clip", self._value(above, shape, bits), shape)
            step.offset = low
            return self._value(step, shape, bits)
        if not low < 0 < high:
            raise EieError(f"operation {self._operation}: limits must ascend, got {operation.low} and {operation.high}")
        below = self._foldable(source) or self._copy("clip below", source, shape)
        below.limit = min(below.limit or self._greatest, high)
        value = self._value(below, shape, bits)
        for limit in (-low, self._greatest):
            step = self._add("sum", f"clip {self._operation}", shape, [Term(value.elements, -1)])
            step.limit = limit
            value = self._value(step, shape, bits)
        return value

    def _sum(self, number: int, operation: Elementwise, sources: Sequence[Value], shape: Shape) -> Value:
        name = f"sum {self._operation}"
        if any(source.elements.shape != shape for source in sources):
            raise EieError(f"{name}: an array adds maps of one shape, got {[s.elements.shape for s in sources]}")
        bits = [source.fraction_bits for source in sources]
        chosen = result_bits(operation, bits, wanted_bits(self._calibration, number, self._activation_bits))
        if max(bits) - min(bits) > FURTHEST_POINTS:
            raise EieError(f"{name}: binary points must be at most {FURTHEST_POINTS} bits apart, they are {bits}")
        terms = [Term(source.elements, 1 << max(bits) - source.fraction_bits) for source in sources]
        step = self._add("sum", name, shape, terms)
        step.shift = max(bits) - chosen
        return self._value(step, shape, chosen)

    def _rounded(self, source: Value, fraction_bits: int) -> NDArray[np.int64]:
        """The elements with fewer fraction bits."""
        if source.fraction_bits == fraction_bits:
            return source.elements
        step = self._copy("align", source, source.elements.shape)
        step.shift = min(source.fraction_bits - fraction_bits, 31)
        return self._value(step, source.elements.shape, fraction_bits).elements

    def _copy(self, what: str, source: Value, shape: Shape) -> Step:
        return self._add("sum", f"{what} {self._operation}", shape, [Term(source.elements, 1)])

    def _foldable(self, source: Value) -> Step | None:
        """The step that makes all of the source and nothing else, if nothing but this operation reads it."""
        if not _alone(self._network.connections, self._operation):
            return None
        for step in self.result.steps:
            made = step.made
            if step.kind == "recurrent":
                continue
            if source.elements.flat[0] == made.first and np.array_equal(source.elements.reshape(-1), elements_of(made)):
                return step
        return None

    def _add(self, kind: Kind, name: str, shape: Shape, terms: list[Term]) -> Step:
        made = Made(len(self.result.steps) + 1, as_map(shape), self._next)
        self._next += prod(shape)
        step = Step(name=name, made=made, kind=kind, terms=terms)
        self.result.steps.append(step)
        return step

    def _value(self, step: Step, shape: Shape, fraction_bits: int) -> Value:
        return Value(elements_of(step.made).reshape(shape), fraction_bits)

    def _shape(self, what: str) -> Shape:
        """Of the result of the operation that is being read; one is read after the other."""
        self._operation += 1
        return self._network.shapes[self._operation]


def _alone(graph: Graph, operation: int, or_input: bool = False) -> bool:
    """Whether nothing but this operation reads what it takes, under whatever shape or limit.

    The network's input is never an operation's alone, unless `or_input`.
    """
    (value,) = graph.nodes[operation - 1].sources
    while True:
        if sum(node.sources.count(value) for node in graph.nodes) > 1:
            return False
        if value == 0:
            return or_input
        node = graph.nodes[value - 1]
        if not isinstance(node.operation, Relu | Clip | Flatten | Reshape):
            return True
        (value,) = node.sources
