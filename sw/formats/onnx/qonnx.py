"""QONNX: Quant, BipolarQuant and Trunc, which say how real numbers are rounded to few bits.

A value stays the real number that its integer stands for. Of constants every way of rounding is known, of values only
half to even, and down for Trunc, which starts from integers.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.onnx.constants import check_spread
from sw.formats.onnx.elements import apply, clipped
from sw.formats.onnx.layers import scaled
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.values import Lowering, Operators, Value
from sw.network.operations import Affine, Function

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")  # of today, and of before
MOST_BITS = 24  # of a number that float32 holds exactly
ONE, ZERO = np.ones(1), np.zeros(1)
Array = NDArray[np.float64]
Rounding = Callable[[Array], Array]
ROUNDING: Mapping[str, Rounding] = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.fix,
    "ROUND_TO_ZERO": np.fix,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}
EVEN = ("ROUND", "HALF_EVEN")


def _number(it: Lowering, node: OnnxNode, place: int, name: str) -> float:
    array = it.constant(node, place)
    if array.size != 1 or not np.isfinite(array).all():
        raise EieError(f"{node.what}: its {name} must be one finite number, got shape {array.shape}")
    return float(array.reshape(-1)[0])


def _bits(it: Lowering, node: OnnxNode, place: int) -> int:
    bits = _number(it, node, place, "bit width")
    if bits != int(bits) or not 1 <= bits <= MOST_BITS:
        raise EieError(f"{node.what}: its bit width must be 1 to {MOST_BITS}, got {bits}")
    return int(bits)


def _scale(it: Lowering, node: OnnxNode, place: int) -> Array:
    scale = it.numbers(node, place).astype(np.float64)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise EieError(f"{node.what}: its scale must be above 0 and finite")
    return scale


def _limits(bits: int, signed: bool, narrow: bool) -> tuple[float, float]:
    half = 2.0 ** (bits - 1)
    return (-half + narrow, half - 1) if signed else (0.0, 2 * half - 1 - narrow)


def _mode(node: OnnxNode, default: bytes) -> str:
    value: Any = node.attribute("rounding_mode", default)
    mode = value.decode(errors="replace").upper() if isinstance(value, bytes) else ""
    if mode not in ROUNDING:
        raise EieError(f"{node.what}: rounding_mode must be one of {', '.join(ROUNDING)}, got {mode[:80]}")
    return mode


def _quant(it: Lowering, node: OnnxNode) -> None:
    scale, zero = _scale(it, node, 1), it.numbers(node, 2).astype(np.float64)
    bits, mode = _bits(it, node, 3), _mode(node, b"ROUND")
    signed, narrow = bool(node.attribute("signed", 1)), bool(node.attribute("narrow", 0))
    if bits == 1 and signed:  # as the library has it: -1 and 1, of what is at least 0
        _set(
            it, node, lambda x: _signs(x / scale + zero), lambda value: _sign(it, node, value, scale, zero), zero, scale
        )
        return
    low, high = _limits(bits, signed, narrow)

    def of_value(value: Value) -> Value:
        if mode not in EVEN:
            raise EieError(f"{node.what}: values must be rounded half to even (ROUND), got {mode}")
        moved = scaled(it, node, value, 1 / scale, zero)
        return apply(it, node, Function(name="round"), clipped(it, node, moved, low, high))

    _set(it, node, lambda x: ROUNDING[mode](np.clip(x / scale + zero, low, high)), of_value, zero, scale)


def _bipolar(it: Lowering, node: OnnxNode) -> None:
    scale = _scale(it, node, 1)
    _set(it, node, _signs, lambda value: _sign(it, node, value, ONE, ZERO), ZERO, scale)


def _signs(x: Array) -> Array:
    return np.where(x >= 0, 1.0, -1.0)


def _sign(it: Lowering, node: OnnxNode, value: Value, scale: Array, zero: Array) -> Value:
    """1 of what is at least 0, else -1: every negative number that float32 has is, so many times larger, below -1."""
    moved = scaled(it, node, value, 1 / scale, zero) if scale is not ONE else value
    below = apply(it, node, Affine(scale=2.0**127), moved)  # not part of the layer before
    return scaled(it, node, clipped(it, node, below, -1.0, 0.0), np.array([2.0]), ONE)


def _trunc(it: Lowering, node: OnnxNode) -> None:
    """The upper bits of an integer; the newer form, with six inputs, says the result's scale and clips it."""
    scale, zero = _scale(it, node, 1), it.numbers(node, 2).astype(np.float64)
    bits, mode = _bits(it, node, 3), _mode(node, b"FLOOR")
    newer = len(node.inputs) > 5
    signed, narrow = bool(node.attribute("signed", 1)), bool(node.attribute("narrow", 0))
    kept = _bits(it, node, 5 if newer else 4)
    result = _scale(it, node, 4) if newer else scale
    fewer = float(np.round(np.log2(result / scale)).max()) if newer else bits - kept
    if not 0 <= fewer < MOST_BITS or (newer and (np.round(np.log2(result / scale)) != fewer).any()):
        raise EieError(f"{node.what}: it must take away 0 to {MOST_BITS - 1} bits of every number, got {fewer}")
    step = 2.0**fewer
    low, high = _limits(kept, signed, narrow) if newer else (-np.inf, np.inf)

    def of_value(value: Value) -> Value:
        if mode not in ("FLOOR", *EVEN):
            raise EieError(f"{node.what}: values must be truncated down (FLOOR) or half to even, got {mode}")
        whole = apply(it, node, Function(name="round"), scaled(it, node, value, 1 / scale, zero))
        # Down from a multiple of the step and less than one more is to the nearest, when half of it is taken away.
        half = (step - 1) / 2 if mode == "FLOOR" else 0.0
        parts = scaled(it, node, whole, np.array([1 / step]), np.array([-half / step]))
        made = apply(it, node, Function(name="round"), parts)
        return clipped(it, node, made, low, high) if newer else made

    def of_constant(x: Array) -> Array:
        return ROUNDING[mode](np.clip(np.round(x / scale + zero) / step, low, high))

    _set(it, node, of_constant, of_value, zero / step if newer else zero, result)


def _set(
    it: Lowering,
    node: OnnxNode,
    of_constant: Callable[[Array], Array],
    of_value: Callable[[Value], Value],
    zero: Array,
    scale: Array,
) -> None:
    """The result is (integer - zero) * scale."""
    if it.is_constant(node, 0):
        array = it.numbers(node, 0)
        for place in range(1, len(node.inputs)):
            check_spread(node, array, it.numbers(node, place))
        integers = of_constant(array.astype(np.float64))
        it.constants[node.output] = ((integers - zero) * scale).astype(np.float32)
        return
    it.values[node.output] = scaled(it, node, of_value(it.value(node, merged=True)), scale, -zero * scale)


OPERATORS: Operators = {"BipolarQuant": _bipolar, "IntQuant": _quant, "Quant": _quant, "Trunc": _trunc}
