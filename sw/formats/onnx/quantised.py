"""ONNX's integers: operators that turn real numbers into 8- or 16-bit ones and back, and those that compute with them.

An integer stands here for itself, as a real number: QuantizeLinear is a division by the scale, rounding half to even,
the zero point and a clip to the integer's range, as exact as float32 is. Integer weights are read as the real numbers
that they mean.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.onnx.constants import check_spread
from sw.formats.onnx.elements import apply, clipped
from sw.formats.onnx.layers import convolved, name_of, product_with, scaled
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.values import Lowering, Operators, Value
from sw.network.operations import Function

ONE, ZERO = np.ones(1), np.zeros(1)


def _step(it: Lowering, node: OnnxNode, place: int, rank: int, axis: int) -> tuple[NDArray[Any], NDArray[Any], Any]:
    """The scale and the zero point at two places, for a value of so many axes, and the integers' type."""
    scale = it.numbers(node, place).astype(np.float64)
    zero = it.constant(node, place + 1) if node.input(place + 1) else np.zeros_like(scale, np.uint8)
    if (
        zero.dtype.kind not in "iu"
        or (zero.dtype.itemsize > 2 and zero.any())
        or zero.shape != scale.shape
        or scale.ndim > 1
    ):
        raise EieError(f"{node.what}: zero points must be integers of 8 or 16 bits, one for each scale")
    if not (scale > 0).all() or not np.isfinite(scale).all():
        raise EieError(f"{node.what}: scales must be above 0 and finite")
    shape = [1] * rank
    if scale.size > 1:
        shape[axis] = -1
    return scale.reshape(shape), zero.astype(np.float64).reshape(shape), zero.dtype


def _real(it: Lowering, node: OnnxNode, value: Value, place: int, axis: int) -> Value:
    scale, zero, _ = _step(it, node, place, len(value.own), axis)
    return scaled(it, node, value, scale, -zero * scale)


def _integer(it: Lowering, node: OnnxNode, value: Value, place: int, axis: int) -> Value:
    scale, zero, dtype = _step(it, node, place, len(value.own), axis)
    rounded = apply(it, node, Function(name="round"), scaled(it, node, value, 1 / scale, ZERO))
    limits = np.iinfo(dtype)
    return clipped(it, node, scaled(it, node, rounded, ONE, zero), float(limits.min), float(limits.max))


def _axis(it: Lowering, node: OnnxNode, value: Value) -> int:
    node.only("block_size", 0)
    return it.axis(node, value, node.attribute("axis", 1), mixes=False) if len(value.own) > 1 else 0


def _quantise(it: Lowering, node: OnnxNode) -> None:
    node.attribute("saturate")
    for name in ("output_dtype", "precision"):
        node.only(name, 0)
    if it.is_constant(node, 0):
        array = it.numbers(node, 0)
        scale, zero, dtype = _step(it, node, 1, array.ndim, node.attribute("axis", 1))
        check_spread(node, array, scale)
        limits = np.iinfo(dtype)
        it.constants[node.output] = np.clip(np.rint(array / scale) + zero, limits.min, limits.max).astype(dtype)
        return
    value = it.value(node)
    it.values[node.output] = _integer(it, node, value, 1, _axis(it, node, value))


def _dequantise(it: Lowering, node: OnnxNode) -> None:
    if it.is_constant(node, 0):
        node.only("block_size", 0)
        it.constants[node.output] = _weights(it, node, 0, node.attribute("axis", 1))
        return
    value = it.value(node)
    it.values[node.output] = _real(it, node, value, 1, _axis(it, node, value))


def _weights(it: Lowering, node: OnnxNode, place: int, axis: int) -> NDArray[np.float32]:
    """Integer weights with their scale and zero point behind them, as real numbers."""
    array = it.constant(node, place)
    if array.dtype.kind not in "iu":
        raise EieError(f"{node.what}: its weights must be integers, got {array.dtype}")
    scale, zero, _ = _step(it, node, place + 1, array.ndim, axis)
    check_spread(node, array, scale)
    return ((array.astype(np.float64) - zero) * scale).astype(np.float32)


def _convolution(it: Lowering, node: OnnxNode) -> None:
    value = _real(it, node, it.value(node), 1, 1)
    weight, bias = _weights(it, node, 3, 0), None
    if node.input(8):
        steps = it.numbers(node, 1).astype(np.float64) * it.numbers(node, 4).astype(np.float64)
        bias = (it.constant(node, 8).astype(np.float64) * steps).astype(np.float32)
    made = convolved(it, node, name_of(node, 3), value, weight, bias)
    it.values[node.output] = _integer(it, node, made, 6, 1)


def _product(it: Lowering, node: OnnxNode) -> None:
    value = _real(it, node, it.value(node), 1, -1)
    weight = _weights(it, node, 3, 1)
    if weight.ndim != 2:
        raise EieError(f"{node.what}: its weights must be one matrix, got shape {weight.shape}")
    made = product_with(it, node, name_of(node, 3), value, np.ascontiguousarray(weight.T))
    it.values[node.output] = _integer(it, node, made, 6, -1)


OPERATORS: Operators = {
    "DequantizeLinear": _dequantise,
    "QLinearConv": _convolution,
    "QLinearMatMul": _product,
    "QuantizeLinear": _quantise,
}
