"""What the operations of `sw.network.operations` do to integers of 16 or 8 bits with a binary point.

What only orders elements keeps the binary point of its source, and so do Clip, whose bounds are rounded to it, and
LeakyRelu, whose slope has 15 fraction bits. The results of `RANGED` operations get a binary point from their calibrated
range (`result_bits`). Sums, differences and products of two values are exact before they are rounded, the others are
computed in float64 from the exact numbers. Everything is rounded half up, once, and saturates.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.fixed_point import bounds, from_fixed, to_fixed, write_back_array
from sw.network.float_operations import apply_float, arrange
from sw.network.operations import Clip, Elementwise, Layout, LeakyRelu, Ranged

SLOPE_FRACTION_BITS = 15
FURTHEST = 31  # bits between the binary points of two values that are added; of the finer one the rest is rounded off


def result_bits(operation: Ranged, sources: Sequence[int], wanted: int) -> int:
    """Fraction bits of a result whose range has room for `wanted`, of sources with these."""
    if isinstance(operation, Elementwise):
        match operation.kind:
            case "add" | "subtract":
                return min(wanted, max(sources))
            case "multiply":
                return min(wanted, sum(sources))
            case "divide":
                return wanted
    return wanted


def keep_point(
    operation: Layout | Clip | LeakyRelu, x: NDArray[np.int16], fraction_bits: int, wide: int = 16
) -> NDArray[np.int16]:
    """The result of (n, ...) numbers of `wide` bits, with the same fraction bits."""
    match operation:
        case Clip():
            low, high = to_fixed(np.array([operation.low, operation.high]), fraction_bits, wide)
            return np.clip(x, low, high)
        case LeakyRelu():
            slope = round(operation.slope * (1 << SLOPE_FRACTION_BITS))
            below = write_back_array(x.astype(np.int64) * slope, SLOPE_FRACTION_BITS, relu=False, bits=wide)
            return np.where(x > 0, x, below)
        case _:
            return arrange(operation, x)


def make_ranged(
    operation: Ranged, sources: Sequence[NDArray[np.int16]], bits: Sequence[int], result: int, wide: int = 16
) -> NDArray[np.int16]:
    """The result, of `wide` bits, `result` of them of its fraction, of (n, ...) sources with `bits` in theirs."""
    if isinstance(operation, Elementwise) and operation.kind != "divide":
        first, second = (source.astype(np.int64) for source in sources)
        if operation.kind == "multiply":
            return _rounded(first * second, sum(bits), result, wide)
        point = min(max(bits), min(bits) + FURTHEST)
        first, second = (
            values << point - own if own <= point else _shifted(values, own - point)
            for values, own in zip((first, second), bits, strict=True)
        )
        return _rounded(first + second if operation.kind == "add" else first - second, point, result, wide)
    numbers = [from_fixed(source, own) for source, own in zip(sources, bits, strict=True)]
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.floor(np.ldexp(apply_float(operation, *numbers), result) + 0.5)
    # A quotient 0 / 0, and whatever else has no value, is 0.
    return np.clip(np.nan_to_num(scaled, nan=0.0), *bounds(wide)).astype(np.int16)


def _shifted(values: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    """Rounded half up to `shift` fraction bits fewer."""
    shift = min(shift, 62)
    return values if shift == 0 else (values + (1 << shift - 1)) >> shift


def _rounded(values: NDArray[np.int64], point: int, result: int, wide: int) -> NDArray[np.int16]:
    """Numbers with `point` fraction bits, at most 48 bits wide, with `result` of them, which are not more."""
    return np.clip(_shifted(values, point - result), *bounds(wide)).astype(np.int16)
