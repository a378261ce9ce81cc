"""The mean of a window in integers, as an array takes it: a sum of products with one weight, rounded at the end.

The weight is 1 where the window has a power of two of elements, which makes the mean exact, rounded half up. Else it is
2**16 over the number of elements, rounded down, so that no sum leaves 32 bits: the mean is smaller than the exact one
by less than 1 / weight of it. Windows of more than 256 elements would lose too much; no array takes them, and the host
divides exactly.
"""

import numpy as np
from numpy.typing import NDArray

MEAN_BITS = 16
LEAST_WEIGHT = 256


def mean_factor(count: int) -> tuple[int, int] | None:
    """(weight, shift) of windows of `count` elements, whose mean is ``sum * weight / 2**shift``; None for none."""
    if count.bit_count() == 1:
        return 1, count.bit_length() - 1
    weight = (1 << MEAN_BITS) // count
    return (weight, MEAN_BITS) if weight >= LEAST_WEIGHT else None


def integer_mean(sums: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int16]:
    """Means of windows: exact sums of 16-bit numbers, and how many elements each is divided by, of the same shape."""
    counts = np.broadcast_to(counts, sums.shape)
    means = np.empty(sums.shape, np.int64)
    for count in np.unique(counts).tolist():
        of_count = counts == count
        factor = mean_factor(count)
        if factor is None:
            means[of_count] = (2 * sums[of_count] + count) // (2 * count)
            continue
        weight, shift = factor
        half = 1 << shift >> 1
        means[of_count] = (sums[of_count] * weight + half) >> shift
    return means.astype(np.int16)
