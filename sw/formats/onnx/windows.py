"""ONNX operators on windows: pooling, means and maxima along axes, and enlarging."""

from math import prod
from typing import Literal

import numpy as np

from model.errors import EieError
from sw.formats.enlarge import interpolated, repeated
from sw.formats.onnx.layers import image_of, imaged, scaled, unpadded
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.values import Lowering, Operators, Value
from sw.network.graph import MAX_WINDOW, Pool

Kind = Literal["max", "average"]
# Of Resize: coordinates, and what is nearest, where whole times as many repeat; of linear ones coordinates only.
WAYS = (
    (b"half_pixel", b"round_prefer_floor"),
    (b"half_pixel", b"round_prefer_ceil"),
    (b"asymmetric", b"floor"),
    (b"pytorch_half_pixel", b"round_prefer_floor"),
    (b"half_pixel", b""),
    (b"pytorch_half_pixel", b""),
)


def _pool(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    image = image_of(node, value)
    axes = len(value.own) - 2
    kind: Kind = "max" if node.operator == "MaxPool" else "average"
    kernel = node.kernel(axes)
    ceil = bool(node.attribute("ceil_mode", 0))
    stride, pads, dilation = node.windows((image[1], image[2]), kernel, axes, ceil=ceil)
    count = kind == "max" or bool(node.attribute("count_include_pad", 0))
    node.only("storage_order", 0)
    if dilation != (1, 1):
        raise EieError(f"{node.what}: dilations must be 1, got {dilation}")
    if len(node.outputs) > 1 and node.outputs[1]:
        raise EieError(f"{node.what}: where the maxima were is not supported, {node.outputs[1][:80]!r} is a result")
    source = it.indexed(value, image)
    if kind == "average" and not any(pads):
        before, more = unpadded(it, source)
        if more[0] < kernel[0] > more[2] and more[1] < kernel[1] > more[3] and not ceil:
            source, pads, count = before, more, True
    pool = Pool(kind=kind, kernel=kernel, stride=stride, padding=pads, ceil=ceil, count_padding=count)
    it.values[node.output] = imaged(it, it.drafts.add(node.what, pool, source), value)


def _global_pool(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    channels, rows, columns = image_of(node, value)
    kind: Kind = "max" if node.operator == "GlobalMaxPool" else "average"
    it.values[node.output] = imaged(it, _reduced(it, node, it.indexed(value, (channels, rows, columns)), kind), value)


def _reduced(it: Lowering, node: OnnxNode, index: int, kind: Kind) -> int:
    """All rows and columns of an image to one; of more than a window can have, in two steps."""
    channels, rows, columns = it.drafts.shapes[index]
    if max(rows, columns) > MAX_WINDOW:
        size = rows * columns
        side = max((each for each in range(1, MAX_WINDOW + 1) if size % each == 0), default=1)
        if size // side > MAX_WINDOW:
            raise EieError(f"{node.what}: at most {MAX_WINDOW} rows and columns can become one, got {rows} x {columns}")
        index, rows, columns = it.drafts.reshape(node.what, index, (channels, size // side, side)), size // side, side
    if kind == "average" and rows * columns > 1 << 16:
        each = Pool(kind=kind, kernel=(1, columns), stride=(1, 1))
        index, columns = it.drafts.add(node.what, each, index), 1
    return it.drafts.add(node.what, Pool(kind=kind, kernel=(rows, columns), stride=(1, 1)), index)


def _reduce(it: Lowering, node: OnnxNode) -> None:
    """The mean, the sum or the maximum along some axes."""
    value = it.value(node)
    rank = len(value.own)
    keep = node.attribute("keepdims", 1)
    axes = it.whole(node, 1, "axes")
    is_noop = node.attribute("noop_with_empty_axes", 0)
    if not axes and is_noop:
        it.values[node.output] = value
        return
    gone = sorted({it.axis(node, value, axis) for axis in axes or range(rank)})
    count = prod(value.own[axis] for axis in gone)
    order = (*(axis for axis in range(rank) if axis not in gone), *gone)
    kept = [value.own[axis] for axis in order[: rank - len(gone)]]
    wide = [axis for axis in gone if value.own[axis] > 1]
    between = value.own[wide[0] : wide[-1] + 1] if wide else ()
    if prod(between) == count:  # the axes lie side by side
        outer = prod(value.own[: wide[0]]) if wide else prod(kept)
        inner = prod(kept) // outer
        image = (outer, count, inner)
        if inner == 1 and len(wide) == 2:
            image = (outer, value.own[wide[0]], value.own[wide[1]])
        index = it.indexed(value, image)
    else:
        turned = it.drafts.transpose(node.what, it.indexed(value), order)
        inner, index = 1, it.drafts.reshape(node.what, turned, (prod(kept), count, 1))
    kind: Kind = "max" if node.operator == "ReduceMax" else "average"
    if inner == 1:
        index = _reduced(it, node, index, kind)
    else:
        if count > MAX_WINDOW:
            raise EieError(f"{node.what}: at most {MAX_WINDOW} elements can become one, got {count}")
        index = it.drafts.add(node.what, Pool(kind=kind, kernel=(count, 1), stride=(1, 1)), index)
    own = tuple(1 if axis in gone else size for axis, size in enumerate(value.own))
    made = Value(index, own, value.batch)
    if node.operator == "ReduceSum":
        made = scaled(it, node, made, np.array([count], np.float64), np.zeros(1))
    if not keep:
        left = [axis for axis in range(rank) if axis not in gone]
        batch = None if value.batch is None else left.index(value.batch)
        made = Value(made.draft, tuple(value.own[axis] for axis in left), batch)
    it.values[node.output] = made


def _resize(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    image = image_of(node, value)
    way = node.attribute("coordinate_transformation_mode", b"half_pixel")
    near = node.attribute("nearest_mode", b"round_prefer_floor")
    modes = [b"nearest", b"linear"] if node.operator == "Resize" and it.opset > 10 else [b"nearest"]
    mode = node.attribute("mode", b"nearest")
    if mode not in modes:
        raise EieError(f"{node.what}: mode must be nearest, or linear from opset 11 on, got {str(mode)[:80]}")
    if node.operator == "Resize" and (way, near if mode == b"nearest" else b"") not in WAYS:
        raise EieError(
            f"{node.what}: it must repeat rows and columns, or have pixels in their middle (half_pixel), "
            f"got {str(way)[:80]} and {str(near)[:80]}"
        )
    node.only("keep_aspect_ratio_policy", b"stretch")
    for name in ("cubic_coeff_a", "exclude_outside", "extrapolation_value", "antialias"):
        node.attribute(name)
    rank = len(value.own)
    place = 1 if node.operator == "Upsample" or it.opset < 11 else 2
    given = it.constant(node, place).reshape(-1).tolist() if node.input(place) else []
    if not given and node.input(3):
        sizes = it.constant(node, 3).reshape(-1).tolist()
        given = [size / own for size, own in zip(sizes, it.shape(value), strict=False)]
    times = [round(each) for each in given]
    if times != given or len(times) != rank or times[:2] != [1, 1] or not 1 <= min(times) <= max(times) <= 255:
        raise EieError(f"{node.what}: rows and columns must become whole times as many, got {given[:8]}")
    index = it.indexed(value, image)
    both = (times[2] if rank == 4 else 1), times[-1]
    enlarge = interpolated if mode == b"linear" else repeated
    it.values[node.output] = imaged(it, enlarge(it.drafts, node.what, node.name, index, both), value)


OPERATORS: Operators = {
    "AveragePool": _pool,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "MaxPool": _pool,
    "ReduceMax": _reduce,
    "ReduceMean": _reduce,
    "ReduceSum": _reduce,
    "Resize": _resize,
    "Upsample": _resize,
}
