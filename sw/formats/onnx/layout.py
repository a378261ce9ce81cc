"""ONNX operators that only order elements: shapes, axes, parts and joins."""

from math import prod

import numpy as np

from model.errors import EieError
from sw.formats.drafts import Padding
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.values import BatchOfOne, Lowering, Operators, Value, viewed
from sw.network.graph import Shape
from sw.network.operations import Flip, Slice

MOST_DIMENSIONS = 8
MOST_PARTS = 64  # that a Gather may be made of


def _view(it: Lowering, node: OnnxNode, value: Value, shape: Shape) -> None:
    """The value in another shape of the model."""
    before = it.shape(value)
    if prod(shape) != prod(before):
        raise (EieError if value.batch is None else BatchOfOne)(
            f"{node.what}: its {prod(before)} elements of shape {before} must fit into {shape}"
        )
    made = viewed(it, value, shape)
    if made is None:
        raise EieError(f"{node.what}: inputs of a batch must stay apart, from {before} to {shape} they do not")
    it.values[node.output] = made


def _reshape(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node, merged=True)
    wanted = it.whole(node, 1, "shape")
    keep_zero = node.attribute("allowzero", 0)
    if wanted is None or len(wanted) > MOST_DIMENSIONS:
        raise EieError(f"{node.what}: the shape must be at most {MOST_DIMENSIONS} whole numbers")
    before = it.shape(value)
    if (keep_zero and 0 in wanted) or wanted.count(-1) > 1 or min(wanted, default=1) < -1:
        raise EieError(f"{node.what}: the shape must not be empty and have one -1 at most, got {wanted}")
    if any(size == 0 and axis >= len(before) for axis, size in enumerate(wanted)):
        raise EieError(f"{node.what}: a 0 in the shape must stand for a size that is there, got {wanted}")
    shape = [before[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    if -1 in shape:
        rest = prod(size for size in shape if size != -1)
        shape[shape.index(-1)] = max(prod(before) // rest, 1) if rest else 1
    _view(it, node, value, tuple(shape))


def _flatten(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node, merged=True)
    shape, axis = it.shape(value), node.attribute("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise EieError(f"{node.what}: axis must be one of {len(shape)}, got {axis}")
    axis += len(shape) * (axis < 0)
    _view(it, node, value, (prod(shape[:axis]), prod(shape[axis:])))


def _squeeze(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    shape = it.shape(value)
    axes = it.whole(node, 1, "axes")
    if axes is None:
        axes = [axis for axis, size in enumerate(shape) if size == 1]
    gone = {it.axis(node, value, axis, mixes=False) for axis in axes}
    if any(shape[axis] != 1 for axis in gone):
        raise EieError(f"{node.what}: axes that are removed must have one element, got {sorted(gone)} of {shape}")
    _view(it, node, value, tuple(size for axis, size in enumerate(shape) if axis not in gone))


def _unsqueeze(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    shape, axes = list(it.shape(value)), it.whole(node, 1, "axes", [])
    assert axes is not None
    rank = len(shape) + len(axes)
    if any(not -rank <= axis < rank for axis in axes) or len({axis % rank for axis in axes}) < len(axes):
        raise EieError(f"{node.what}: axes must be different ones of {rank}, got {axes[:8]}")
    for axis in sorted(axis % rank for axis in axes):
        shape.insert(axis, 1)
    _view(it, node, value, tuple(shape))


def _transpose(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    rank = len(value.own)
    order: list[int] = node.attribute("perm", list(range(rank))[::-1])
    if sorted(order) != list(range(rank)):
        raise EieError(f"{node.what}: perm must order {rank} axes, got {order[:8]}")
    index = it.drafts.transpose(node.what, it.indexed(value), tuple(order))
    own = tuple(value.own[axis] for axis in order)
    it.make(node, index, own, None if value.batch is None else order.index(value.batch))


def part(it: Lowering, what: str, value: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
    """Elements along one axis."""
    if (start, stop, step) == (0, value.own[axis], 1):
        return value
    own = (*value.own[:axis], -(-(stop - start) // step), *value.own[axis + 1 :])
    outer, inner = prod(value.own[:axis]), prod(value.own[axis + 1 :])
    if outer == 1 and step == 1:
        joined = it.drafts.joined_part(value.draft, start * inner, stop * inner)
        if joined is not None:
            return Value(joined, own, value.batch)
    narrow = (outer, value.own[axis], inner)
    if outer == 1:
        here = it.drafts.shapes[value.draft]
        narrow = here if here[0] == value.own[axis] else value.own[axis:]
    source = it.drafts.reshape(what, value.draft, narrow)
    made = it.drafts.add(what, Slice(axis=int(outer > 1), start=start, stop=stop, step=step), source)
    return Value(made, own, value.batch)


def _slice(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    if it.opset < 10:
        starts, ends = node.attribute("starts", [0]), node.attribute("ends", [0])
        axes, steps = node.attribute("axes", list(range(len(starts)))), [1] * len(starts)
    else:
        starts, ends = it.constant(node, 1).tolist(), it.constant(node, 2).tolist()
        has_axes, has_steps = bool(node.input(3)), bool(node.input(4))
        axes = it.constant(node, 3).tolist() if has_axes else list(range(len(starts)))
        steps = it.constant(node, 4).tolist() if has_steps else [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise EieError(f"{node.what}: starts, ends, axes and steps must be as many, got {len(starts)}, {len(ends)}")
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        own = it.axis(node, value, axis, mixes=False)
        size = it.shape(value)[own]
        first, stop, _ = slice(start, end, step).indices(size)
        if step == -1 and (first, stop) == (size - 1, -1) and own != value.batch:
            value = _flipped(it, node, value, own)
            continue
        if step < 1:
            raise EieError(f"{node.what}: steps must be at least 1, or -1 from end to end, got {step}")
        if first >= stop:
            raise EieError(f"{node.what}: a part must not be empty, got {start} to {end} of {size}")
        if own == value.batch:
            if (first, stop, step) != (0, size, 1):
                raise EieError(f"{node.what}: it must take every input of a batch, it takes {start} to {end}")
            continue
        value = part(it, node.what, value, own, first, stop, step)
    it.values[node.output] = value


def _flipped(it: Lowering, node: OnnxNode, value: Value, axis: int) -> Value:
    outer, inner = prod(value.own[:axis]), prod(value.own[axis + 1 :])
    image = (value.own[axis], inner) if outer == 1 else (outer, value.own[axis], inner)
    source = it.drafts.reshape(node.what, value.draft, image)
    return value._replace(draft=it.drafts.add(node.what, Flip(axis=int(outer > 1)), source))


def _gather(it: Lowering, node: OnnxNode) -> None:
    """Elements along one axis, chosen by constants."""
    value, index = it.value(node), it.constant(node, 1)
    axis = it.axis(node, value, node.attribute("axis", 0))
    size = value.own[axis]
    if index.dtype.kind != "i" or index.ndim > 1 or index.size == 0 or (index < -size).any() or (index >= size).any():
        raise EieError(f"{node.what}: its index must be whole numbers in one row, of {size} elements")
    numbers: list[int] = (index.reshape(-1) % size).tolist()
    steps = set(np.diff(numbers).tolist())
    if not steps or (len(steps) == 1 and min(steps) > 0):
        taken = part(it, node.what, value, axis, numbers[0], numbers[-1] + 1, min(steps, default=1))
    elif len(numbers) <= MOST_PARTS:
        parts = [part(it, node.what, value, axis, number, number + 1) for number in numbers]
        taken = _joined(it, node, parts, axis)
    else:
        raise EieError(f"{node.what}: its index must be a range or at most {MOST_PARTS} numbers, got {len(numbers)}")
    if index.ndim:
        it.values[node.output] = taken
        return
    batch = taken.batch if taken.batch is None or taken.batch < axis else taken.batch - 1
    it.make(node, taken.draft, (*taken.own[:axis], *taken.own[axis + 1 :]), batch)


def _split(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    axis = it.axis(node, value, node.attribute("axis", 0))
    size, count = value.own[axis], len(node.outputs)
    outputs = node.attribute("num_outputs")
    if outputs is not None and outputs != count:
        raise EieError(f"{node.what}: num_outputs must be its {count} results, got {outputs}")
    each = -(-size // count)
    sizes = it.whole(node, 1, "split", [min(each, size - each * number) for number in range(count)])
    assert sizes is not None
    if len(sizes) != count or min(sizes) < 1 or sum(sizes) != size:
        raise EieError(f"{node.what}: it must split {size} elements into {count} parts, got {sizes[:8]}")
    start = 0
    for name, length in zip(node.outputs, sizes, strict=True):
        if name:
            it.values[name] = part(it, node.what, value, axis, start, start + length)
        start += length


def _joined(it: Lowering, node: OnnxNode, values: list[Value], axis: int) -> Value:
    index = it.drafts.join(node.what, [it.indexed(value) for value in values], axis)
    own = list(values[0].own)
    own[axis] = sum(value.own[axis] for value in values)
    return Value(index, tuple(own), values[0].batch)


def _concat(it: Lowering, node: OnnxNode) -> None:
    values = [it.value(node, place) for place in range(len(node.inputs))]
    if not values:
        raise EieError(f"{node.what}: it must take one value or more, got none")
    if any(len(value.own) != len(values[0].own) or value.batch != values[0].batch for value in values):
        raise EieError(f"{node.what}: values to be joined must have the same axes")
    axis = it.axis(node, values[0], node.attribute("axis", 1))
    it.values[node.output] = _joined(it, node, values, axis)


def _pad(it: Lowering, node: OnnxNode) -> None:
    """Zeros around rows and columns; they go into the window behind them where that means the same."""
    value = it.value(node)
    node.only("mode", b"constant")
    rank = len(value.own)
    pads = it.whole(node, 1, "pads", [])
    assert pads is not None
    filling = it.constant(node, 2).reshape(-1).tolist() if node.input(2) else [node.attribute("value", 0.0)]
    axes = it.whole(node, 3, "axes", list(range(rank)))
    assert axes is not None
    if len(pads) != 2 * len(axes) or min(pads, default=0) < 0 or filling != [0]:
        raise EieError(f"{node.what}: it must put zeros around {len(axes)} axes, got {pads[:8]} of {filling[:1]}")
    before, behind = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        own = it.axis(node, value, axis, mixes=False)
        before[own], behind[own] = pads[place], pads[place + len(axes)]
    padded = [axis for axis in range(rank) if before[axis] or behind[axis]]
    if not padded:
        it.values[node.output] = value
        return
    first = max(rank - 2, 0) if rank > 3 or padded[0] == rank - 2 else rank - 1
    if padded[0] < first or value.batch in padded:
        raise EieError(f"{node.what}: it must pad rows and columns, got axes {padded}")
    image = (prod(value.own[:first]), *([1] * (2 - (rank - first))), *value.own[first:])
    rows = (0, 0) if rank - first == 1 else (before[first], behind[first])
    pad = Padding(pads=(rows[0], before[-1], rows[1], behind[-1]))
    index = it.drafts.add(node.what, pad, it.indexed(value, image))
    own = tuple(size + before[axis] + behind[axis] for axis, size in enumerate(value.own))
    it.make(node, index, own, value.batch)


OPERATORS: Operators = {
    "Concat": _concat,
    "Flatten": _flatten,
    "Gather": _gather,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
