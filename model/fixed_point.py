"""The arithmetic of the datapath, in one place: integers of 16 or 8 bits, exact products, wide accumulators.

A value with f fraction bits stands for ``integer / 2**f``. Products have the fraction bits of both operands,
accumulators keep them, and the output drops ``shift`` of them with rounding half up.
"""

import numpy as np
from numpy.typing import NDArray

INT16_MIN = -(1 << 15)
INT16_MAX = (1 << 15) - 1


def bounds(bits: int) -> tuple[int, int]:
    """The least and the greatest number of `bits` bits."""
    half = 1 << (bits - 1)
    return -half, half - 1


def to_fixed(values: NDArray[np.floating], fraction_bits: int, bits: int = 16) -> NDArray[np.int16]:
    """Round to nearest (ties to even) and saturate to `bits` bits; fraction_bits may be negative."""
    scaled = np.rint(np.ldexp(values.astype(np.float64), fraction_bits))
    return np.clip(scaled, *bounds(bits)).astype(np.int16)


def leaves(values: NDArray[np.floating], fraction_bits: int, bits: int) -> NDArray[np.bool_]:
    """(n,), whether one of (n, ...) values is beyond what `to_fixed` gives without saturating."""
    least, greatest = bounds(bits)
    scaled = np.rint(np.ldexp(values.reshape(len(values), -1).astype(np.float64), fraction_bits))
    return np.logical_or(scaled.min(axis=1) < least, scaled.max(axis=1) > greatest)


def check_bits(values: NDArray[np.integer], bits: int) -> None:
    """ValueError unless these are activations of `bits` bits: of a wider number an array would take the low bits."""
    least, greatest = bounds(bits)
    if values.size and (int(values.min()) < least or int(values.max()) > greatest):
        raise ValueError(f"activations of {bits} bits wanted, got from {values.min()} to {values.max()}")


def from_fixed(values: NDArray[np.integer], fraction_bits: int) -> NDArray[np.float64]:
    """The exact real values."""
    return np.ldexp(values.astype(np.float64), -fraction_bits)


def wrap(value: int, bits: int) -> int:
    """Two's complement of `value` in `bits` bits."""
    half = 1 << (bits - 1)
    return ((value + half) & ((1 << bits) - 1)) - half


def write_back(accumulator: int, shift: int, relu: bool, limit: int = 0, bits: int = 16) -> int:
    """(accumulator + 2**(shift-1)) >> shift, saturated to `bits` bits, then ReLU, then at most `limit` unless it is 0.

    There is no rounding term at shift 0; `limit` is below 2**15.
    """
    least, greatest = bounds(bits)
    rounded = accumulator if shift == 0 else (accumulator + (1 << (shift - 1))) >> shift
    clipped = min(max(rounded, least), limit or greatest, greatest)
    return max(clipped, 0) if relu else clipped


def write_back_array(
    accumulators: NDArray[np.int64], shift: int, relu: bool, limit: int = 0, bits: int = 16
) -> NDArray[np.int16]:
    """`write_back` for arrays of accumulators (at most 48 bits, so the rounding term cannot overflow)."""
    least, greatest = bounds(bits)
    rounded = accumulators if shift == 0 else (accumulators + (1 << (shift - 1))) >> shift
    clipped = np.clip(rounded, 0 if relu else least, min(limit or greatest, greatest))
    return clipped.astype(np.int16)


def larger(operand: int, product: int) -> int:
    """What a maximum accumulates: the operand, its low 16 bits the larger of themselves and product + 2**15.

    Both as 16-bit unsigned numbers.
    """
    return operand & ~0xFFFF | max(operand & 0xFFFF, product + (1 << 15) & 0xFFFF)


def layer_reference(
    weights: NDArray[np.int16],
    biases: NDArray[np.int16],
    bias_scale: int,
    activations: NDArray[np.int16],
    shift: int,
    relu: bool,
    accumulator_bits: int,
    activation_bits: int = 16,
) -> tuple[NDArray[np.int16], bool]:
    """One layer on the integer datapath: the value every other engine is compared with.

    Parameters
    ----------
    weights : (rows, columns), int16, in the order in which the array accumulates (ascending column).
    biases : (rows,), int16, added last as ``bias * bias_scale``.
    activations : (columns,), int16, numbers of `activation_bits` bits.

    Returns
    -------
    outputs : (rows,), int16.
    overflow : whether any partial sum left the accumulator's range; the sums wrap.
    """
    products = weights.astype(np.int64) * activations.astype(np.int64)
    steps = np.concatenate([products, biases.astype(np.int64)[:, None] * bias_scale], axis=1)
    sums = np.cumsum(steps, axis=1)
    limit = 1 << (accumulator_bits - 1)
    overflow = bool(sums.size and ((sums < -limit) | (sums >= limit)).any())
    final = ((sums[:, -1] + limit) & ((limit << 1) - 1)) - limit
    return write_back_array(final, shift, relu, bits=activation_bits), overflow
