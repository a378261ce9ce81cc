"""Shared values and biases on a grid as fine as a network needs: a file then stores them in a few bits each.

The step follows from a size that outliers do not move: the root mean square of a layer's weights, the spread of its
results. What rounding adds to the error is far below what pruning and sharing do, and an outlier only takes more bits.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHT_STEPS = 128  # of a root mean square
BIAS_STEPS = 256  # of a result's standard deviation
BIAS_BITS = 11  # significant ones, where the results say nothing; a half has as many


def round_weights(values: NDArray[Any], usual: float) -> NDArray[np.float32]:
    """Weights, or values that they share, as multiples of a power of two; zeros stay 0, and nothing else becomes 0.

    `usual` is the root mean square of the weights that are not zero.
    """
    if not usual > 0:
        return values.astype(np.float32)
    step = _power_of_two(usual / WEIGHT_STEPS)
    multiples = np.rint(values.astype(np.float64) / step)
    return (np.where(multiples == 0, np.sign(values), multiples) * step).astype(np.float32)


def round_biases(values: NDArray[Any], spread: float) -> NDArray[np.float32]:
    """(out,) biases of a layer whose results have this standard deviation; with `BIAS_BITS` bits each if it is 0."""
    if spread > 0:
        step = _power_of_two(spread / BIAS_STEPS)
        return (np.rint(values.astype(np.float64) / step) * step).astype(np.float32)
    parts, exponents = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(parts, BIAS_BITS)), exponents - BIAS_BITS).astype(np.float32)


def _power_of_two(most: float) -> float:
    return 2.0 ** max(math.floor(math.log2(most)), -120)
