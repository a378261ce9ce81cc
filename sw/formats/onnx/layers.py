"""ONNX operators with weights: Gemm, MatMul, Conv, ConvTranspose, BatchNormalization and the like."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.drafts import Padding, Scale, Weights
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.values import BatchOfOne, Lowering, Operators, Value
from sw.formats.tensors import layer_name, weight_key
from sw.network.graph import Convolution, Pads, Shape
from sw.network.layer import MAX_FEATURES
from sw.network.operations import Elementwise, Normalise, Product, Stretch

Floats = NDArray[np.float32]


def name_of(node: OnnxNode, place: int = 1) -> str:
    """The name of a layer: that of its weights if these are named like a layer's, else that of the node."""
    key = node.input(place)
    name = layer_name(key)
    return name if weight_key(name) == key else node.name


def scaled(
    it: Lowering, node: OnnxNode, value: Value, scale: NDArray[np.floating], offset: NDArray[np.floating]
) -> Value:
    """scale * x + offset, both broadcast the ONNX way to the value's own shape, which they must not enlarge."""
    more = max(scale.ndim, offset.ndim) - len(value.own)
    if more > 0:
        batch = None if value.batch is None else value.batch + more
        value = value._replace(own=(*(1 for _ in range(more)), *value.own), batch=batch)
    rank, batch = len(value.own), value.batch
    arrays: list[NDArray[np.float64]] = []
    for array in (scale, offset):
        wide = array.reshape((1,) * (rank - array.ndim) + array.shape) if array.ndim < rank else array
        if batch is not None and wide.ndim == rank and wide.shape[batch] > 1:
            rows = wide.shape[batch] if value.inside == 1 else 1
            shares = np.split(wide, it.batch, axis=batch) if rows % it.batch == 0 else [wide, wide + 1]
            if any(not np.array_equal(share, shares[0]) for share in shares):
                raise EieError(f"{node.what}: its constant must be the same for all inputs of a batch, it is not")
            wide = shares[0]
        if wide.ndim > rank or any(a not in (1, b) for a, b in zip(wide.shape, value.own, strict=True)):
            raise EieError(f"{node.what}: a constant of shape {array.shape} must fit to a value of {value.own}")
        arrays.append(wide.astype(np.float64))
    used = [axis for axis in range(rank) if any(array.shape[axis] > 1 for array in arrays)]
    first, last = (used[0], used[-1] + 1) if used else (0, 0)
    middle = (*(1 for _ in value.own[:first]), *value.own[first:last], *(1 for _ in value.own[last:]))
    if prod(middle) > MAX_FEATURES:
        raise EieError(f"{node.what}: its constants must be at most {MAX_FEATURES} numbers, got {prod(middle)}")
    own = Scale(
        name=node.name,
        scale=np.broadcast_to(arrays[0], middle).reshape(-1),
        offset=np.broadcast_to(arrays[1], middle).reshape(-1),
        outer=prod(value.own[:first]),
        inner=prod(value.own[last:]),
    )
    return value._replace(draft=it.drafts.add(node.what, own, value.draft))


def product_with(it: Lowering, node: OnnxNode, name: str, value: Value, weight: NDArray[np.float32]) -> Value:
    """The last axis of a value times a matrix (out, in)."""
    own = value.own
    if not own or own[-1] != weight.shape[1] or value.batch == len(own) - 1:
        fits = bool(own) and own[-1] == weight.shape[1]
        raise (BatchOfOne if fits else EieError)(
            f"{node.what}: its weights of {weight.shape[1]} rows must fit to a value of {own}"
        )
    rows = prod(own[:-1])
    source = it.indexed(value, own[-1:] if rows == 1 else (rows, own[-1]))
    layer = Weights(name=name, weight=weight, bias=np.zeros(len(weight), np.float32))
    return value._replace(draft=it.drafts.add(node.what, layer, source), own=(*own[:-1], len(weight)))


def swapped(it: Lowering, node: OnnxNode, value: Value) -> Value:
    """The last two axes of a value exchanged."""
    rank = len(value.own)
    if rank < 2:
        raise EieError(f"{node.what}: it must take a matrix, it gets {value.own}")
    order = (*range(rank - 2), rank - 1, rank - 2)
    index = it.drafts.transpose(node.what, it.indexed(value), order)
    batch = None if value.batch is None else order.index(value.batch)
    return Value(index, tuple(value.own[axis] for axis in order), batch)


def _matmul(it: Lowering, node: OnnxNode) -> None:
    for place in (0, 1):
        if it.is_constant(node, place):
            weight = it.numbers(node, place)
            narrow = weight.reshape(weight.shape[-2:]) if weight.ndim > 2 and prod(weight.shape[:-2]) == 1 else weight
            if narrow.ndim != 2:
                raise EieError(f"{node.what}: its weights must be one matrix, got shape {weight.shape}")
            value = it.value(node, 1 - place, merged=place == 1)
            if place:
                it.values[node.output] = product_with(it, node, name_of(node), value, narrow.T)
            else:  # W x is (x^T W^T)^T
                made = product_with(it, node, name_of(node, 0), swapped(it, node, value), narrow)
                it.values[node.output] = swapped(it, node, made)
            return
    it.values[node.output] = product_of(it, node, it.value(node, 0), it.value(node, 1))


def product_of(it: Lowering, node: OnnxNode, first: Value, second: Value) -> Value:
    """The matrix product of two values."""
    rank = len(first.own)
    if rank != len(second.own) or first.batch != second.batch or (first.batch is not None and first.batch >= rank - 2):
        raise EieError(f"{node.what}: it must multiply matrices of the same input, got {first.own} and {second.own}")
    lead = prod(first.own[:-2])
    shapes = [value.own[-2:] if lead == 1 else (lead, *value.own[-2:]) for value in (first, second)]
    sources = [it.indexed(value, shape) for value, shape in zip((first, second), shapes, strict=True)]
    index = it.drafts.add(node.what, Product(), *sources)
    return Value(index, (*first.own[:-1], second.own[-1]), first.batch)


def _gemm(it: Lowering, node: OnnxNode) -> None:
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    trans_a, trans_b = node.attribute("transA", 0), node.attribute("transB", 0)
    if it.is_constant(node, 1):
        weight = it.numbers(node, 1, 2)
        value = it.value(node, merged=not trans_a)
        value = swapped(it, node, value) if trans_a else value
        made = product_with(it, node, name_of(node), value, weight if trans_b else weight.T)
    else:
        first, second = it.value(node, 0), it.value(node, 1)
        first, second = (
            (swapped(it, node, first) if trans_a else first),
            (swapped(it, node, second) if trans_b else second),
        )
        made = product_of(it, node, first, second)
    if node.input(2) and not it.is_constant(node, 2):
        made = scaled(it, node, made, np.array([alpha], np.float64), np.zeros(1))
        other = scaled(it, node, it.value(node, 2), np.array([beta], np.float64), np.zeros(1))
        index = it.drafts.add(node.what, Elementwise(kind="add"), it.indexed(made), it.indexed(other))
        it.make(node, index, made.own, made.batch)
        return
    bias = beta * it.numbers(node, 2).astype(np.float64) if node.input(2) else np.zeros(1)
    if alpha != 1 or bias.any():
        made = scaled(it, node, made, np.array([alpha], np.float64), bias)
    it.values[node.output] = made


def image_of(node: OnnxNode, value: Value) -> tuple[int, int, int]:
    """(channels, rows, columns) of a value (n, channels, rows, columns) or (n, channels, columns)."""
    if len(value.own) not in (3, 4) or value.own[0] != 1 or value.batch not in (None, 0):
        raise EieError(
            f"{node.what}: it must take (n, channels, rows, columns) or (n, channels, columns), it gets a value of "
            f"shape {value.own} with the batch in axis {value.batch}"
        )
    rows = value.own[2] if len(value.own) == 4 else 1
    return value.own[1], rows, value.own[-1]


def imaged(it: Lowering, index: int, like: Value) -> Value:
    """(channels, rows, columns) with the axes of a value."""
    channels, rows, columns = it.drafts.shapes[index]
    own: Shape = (1, channels, rows, columns) if len(like.own) == 4 else (1, channels, columns)
    return Value(index, own, like.batch)


def unpadded(it: Lowering, index: int) -> tuple[int, Pads]:
    """The value before padding with zeros, if it is such, and that padding."""
    step = it.drafts.step(index)
    if step is None or not isinstance(step.draft, Padding):
        return index, (0, 0, 0, 0)
    return step.sources[0], step.draft.pads


def _conv(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    bias = it.numbers(node, 2, 1) if node.input(2) else None
    it.values[node.output] = convolved(it, node, name_of(node), value, it.numbers(node, 1), bias)


def convolved(it: Lowering, node: OnnxNode, name: str, value: Value, weight: Floats, bias: Floats | None) -> Value:
    """A convolution with the node's attributes."""
    image = image_of(node, value)
    axes = len(value.own) - 2
    if weight.ndim != axes + 2:
        raise EieError(
            f"{node.what}: weights and biases must be floating-point numbers with {axes + 2} axes, "
            f"got {weight.dtype} of shape {weight.shape}"
        )
    weight = weight.reshape(*weight.shape[:2], 1, weight.shape[2]) if axes == 1 else weight
    kernel = (weight.shape[2], weight.shape[3])
    node.only("kernel_shape", list(kernel[2 - axes :]))
    stride, pads, dilation = node.windows((image[1], image[2]), kernel, axes)
    source, more = unpadded(it, it.indexed(value, image))
    top, left, bottom, right = (own + other for own, other in zip(pads, more, strict=True))
    convolution = Convolution(
        stride=stride, padding=(top, left, bottom, right), dilation=dilation, groups=node.attribute("group", 1)
    )
    bias = np.zeros(len(weight), np.float32) if bias is None else bias
    _check_bias(node, bias, len(weight))
    layer = Weights(name=name, weight=weight, bias=bias, convolution=convolution)
    return imaged(it, it.drafts.add(node.what, layer, source), value)


def _conv_transpose(it: Lowering, node: OnnxNode) -> None:
    """A transposed convolution is a convolution with the turned kernel over its input with zeros between."""
    value = it.value(node)
    image = image_of(node, value)
    axes = len(value.own) - 2
    weight, groups = it.numbers(node, 1, axes + 2), node.attribute("group", 1)
    weight = weight.reshape(*weight.shape[:2], 1, weight.shape[2]) if axes == 1 else weight
    inputs, outputs, *kernel = weight.shape
    if groups < 1 or inputs % groups or inputs != image[0]:
        raise EieError(f"{node.what}: weights of {inputs} channels in {groups} groups must fit to {image[0]} channels")
    node.only("kernel_shape", kernel[2 - axes :])
    node.only("auto_pad", b"NOTSET")
    if node.attribute("output_shape") is not None:
        raise EieError(f"{node.what}: it must have pads and output_padding, not output_shape")
    more = node.sizes("output_padding", [0] * axes)
    below, behind = (0, more[0]) if axes == 1 else (more[0], more[1])
    stride, pads, dilation = node.windows((image[1], image[2]), (kernel[0], kernel[1]), axes)
    reach = [(size - 1) * apart for size, apart in zip(kernel, dilation, strict=True)]
    own: Pads = (reach[0] - pads[0], reach[1] - pads[1], reach[0] - pads[2] + below, reach[1] - pads[3] + behind)
    if min(own) < 0:
        raise EieError(f"{node.what}: pads must be smaller than its kernel, got {pads}")
    grouped = weight.reshape(groups, inputs // groups, outputs, *kernel).swapaxes(1, 2)[..., ::-1, ::-1]
    turned = np.ascontiguousarray(grouped).reshape(groups * outputs, inputs // groups, *kernel)
    bias = it.numbers(node, 2, 1) if node.input(2) else np.zeros(len(turned), np.float32)
    _check_bias(node, bias, len(turned))
    convolution = Convolution(padding=own, dilation=dilation, groups=groups)
    layer = Weights(name=name_of(node), weight=turned, bias=bias, convolution=convolution)
    source = it.indexed(value, image)
    if stride != (1, 1):
        source = it.drafts.add(node.what, Stretch(stride=stride), source)
    it.values[node.output] = imaged(it, it.drafts.add(node.what, layer, source), value)


def _check_bias(node: OnnxNode, bias: NDArray[np.float32], outputs: int) -> None:
    if bias.shape != (outputs,):
        raise EieError(f"{node.what}: the bias must have shape {(outputs,)}, got {bias.shape}")


def _batch_normalisation(it: Lowering, node: OnnxNode) -> None:
    node.only("training_mode", 0)
    node.only("spatial", 1)
    node.attribute("momentum")
    value = it.value(node)
    gamma, beta, mean, variance = (it.numbers(node, place, 1).astype(np.float64) for place in (1, 2, 3, 4))
    scale = gamma / np.sqrt(variance + node.attribute("epsilon", 1e-5))
    if len(value.own) < 2 or any(each.shape != (value.own[1],) for each in (gamma, beta, mean, variance)):
        raise EieError(f"{node.what}: it must have a number for every channel of {value.own}")
    shape = (-1, *(1 for _ in value.own[2:]))
    it.values[node.output] = scaled(it, node, value, scale.reshape(shape), (beta - mean * scale).reshape(shape))


def _normalised(it: Lowering, node: OnnxNode, value: Value, axes: int) -> Value:
    """The value with its last axes normalised."""
    if value.batch is not None and value.batch >= len(value.own) - axes:
        raise EieError(f"{node.what}: it must not mix the inputs of a batch")
    operation = Normalise(axes=axes, epsilon=node.attribute("epsilon", 1e-5))
    return value._replace(draft=it.drafts.add(node.what, operation, it.indexed(value)))


def _layer_normalisation(it: Lowering, node: OnnxNode) -> None:
    node.only("stash_type", 1)
    value = it.value(node)
    axis = it.axis(node, value, node.attribute("axis", -1))
    made = _normalised(it, node, value, len(value.own) - axis)
    offset = it.numbers(node, 2) if node.input(2) else np.zeros(1)
    it.values[node.output] = scaled(it, node, made, it.numbers(node, 1), offset)


def _instance_normalisation(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    made = _normalised(it, node, value, len(value.own) - 2)
    shape = (-1, *(1 for _ in value.own[2:]))
    it.values[node.output] = scaled(
        it, node, made, it.numbers(node, 1, 1).reshape(shape), it.numbers(node, 2, 1).reshape(shape)
    )


OPERATORS: Operators = {
    "BatchNormalization": _batch_normalisation,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "InstanceNormalization": _instance_normalisation,
    "LayerNormalization": _layer_normalisation,
    "MatMul": _matmul,
}
