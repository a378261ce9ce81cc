"""Integer means against fractions: exact where the weight is, and never further off than said."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from sw.network.integer_pooling import integer_mean, mean_factor


def plain_mean(total: int, count: int) -> int:
    """The definition, in exact numbers."""
    factor = mean_factor(count)
    weight, bits = factor if factor else (1, 0)
    mean = Fraction(total * weight, 1 << bits) if factor else Fraction(total, count)
    return floor(mean + Fraction(1, 2))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9, 16, 49, 64, 125, 256, 257, 3136])
def test_means(count):
    random = np.random.default_rng(count)
    sums = random.integers(-count << 15, (count << 15) - count + 1, 200)
    sums[:2] = -count << 15, (count << 15) - count
    means = integer_mean(sums, np.array(count))
    assert means.tolist() == [plain_mean(int(total), count) for total in sums]
    exact = np.array([floor(Fraction(int(total), count) + Fraction(1, 2)) for total in sums])
    factor = mean_factor(count)
    off = np.abs(means - exact)
    if factor is None or factor[0] == 1:
        assert off.max() == 0
    else:
        assert (off <= np.abs(exact) / factor[0] + 1).all()


def test_no_sum_of_a_window_leaves_32_bits():
    for count in range(1, 1 << 16):
        factor = mean_factor(count)
        if factor is not None:
            assert count * factor[0] << 15 <= 1 << 31
            assert factor[0] == 1 or 256 <= factor[0] < 1 << 15


def test_windows_of_different_sizes():
    means = integer_mean(np.array([[10, 10], [9, 12]]), np.array([[4, 3], [2, 1]]))
    assert means.tolist() == [[3, 3], [5, 12]]
