import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sw.compress.interval_sums import interval_sum, sum_tree


@given(st.integers(0, 400), st.integers(0, 1 << 16), st.data())
def test_sums_of_any_interval(size: int, seed: int, data: st.DataObject):
    values = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    low = data.draw(st.integers(0, size))
    high = data.draw(st.integers(low, size))
    expected = math.fsum(values[low:high].astype(np.float64))
    assert interval_sum(values, sum_tree(values), low, high) == pytest.approx(expected, abs=1e-12)


def test_small_values_are_not_lost_behind_large_ones():
    values = np.concatenate([np.full(1000, -3e38), np.full(1000, 0.1)]).astype(np.float32)
    assert interval_sum(values, sum_tree(values), 1000, 2000) == pytest.approx(1000 * float(values[-1]), rel=1e-12)
