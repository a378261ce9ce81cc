"""Sigmoid and tanh of the hardware (contract/architecture.md, section 13): the table, and both functions by it.

Arguments have 11 fraction bits, so that 16 is the furthest, where both functions have reached their limits to within
2**-23; results have 15. Straight lines between 513 nodes, rounded half up once.
"""

import numpy as np
from numpy.typing import NDArray

from model.fixed_point import write_back_array

ARGUMENT_FRACTION_BITS = 11
FUNCTION_FRACTION_BITS = 15
NODE_BITS = 6  # fraction bits of an argument between two nodes
TABLE_FRACTION_BITS = 17
TABLE_WORDS = 512
BASE_BITS = 18
SLOPE_BITS = 11
# sigmoid at 0, 1/32, .. 16, in units of 2**-17: with straight lines between these nodes it is right to within 2**-15.
SIGMOID_TABLE: NDArray[np.int64] = np.rint(
    (1 << TABLE_FRACTION_BITS) / (1 + np.exp(-np.arange(TABLE_WORDS + 1, dtype=np.float64) / 32))
).astype(np.int64)


def function_table() -> list[tuple[int, int]]:
    """The TABLE_WORDS words of the hardware's table: base and slope, of BASE_BITS and SLOPE_BITS bits."""
    slopes = np.diff(SIGMOID_TABLE)
    return list(zip(SIGMOID_TABLE[:-1].tolist(), slopes.tolist(), strict=True))


def sigmoid(x: NDArray[np.int16]) -> NDArray[np.int16]:
    """int16 arguments with 11 fraction bits to int16 with 15, 0 to 2**15 - 1; wrong by less than 2**-15."""
    wide = x.astype(np.int64)
    positive = _interpolated(np.abs(wide))
    whole = 1 << TABLE_FRACTION_BITS + NODE_BITS
    return write_back_array(np.where(wide < 0, whole - positive, positive), 8, relu=False)


def tanh(x: NDArray[np.int16]) -> NDArray[np.int16]:
    """int16 arguments with 11 fraction bits to int16 with 15, as 2 sigmoid(2x) - 1; wrong by less than 2**-14."""
    wide = x.astype(np.int64)
    # sigmoid(2x) - 1/2 in units of 2**-23 is tanh(x) in units of 2**-22.
    positive = _interpolated(np.minimum(2 * np.abs(wide), 1 << 15)) - (1 << TABLE_FRACTION_BITS + NODE_BITS - 1)
    return write_back_array(np.sign(wide) * positive, 7, relu=False)


def _interpolated(magnitude: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sigmoid of 0 to 2**15 with 11 fraction bits, in units of 2**-23."""
    node = np.minimum(magnitude >> NODE_BITS, TABLE_WORDS - 1)
    rest = magnitude - (node << NODE_BITS)
    low = SIGMOID_TABLE[node]
    return (low << NODE_BITS) + (SIGMOID_TABLE[node + 1] - low) * rest
