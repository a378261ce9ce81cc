"""Families are dealt so that the busiest lanes of all steps together have little to do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sw.image.maps.dealing import deal_families


def busiest(loads: NDArray[np.float64], lane: NDArray[np.int64], lanes: int) -> float:
    """The cost that dealing makes small."""
    return sum(float(np.bincount(lane, step, minlength=lanes).max()) for step in loads)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 20).flatmap(
        lambda families: arrays(np.float64, (3, families), elements=st.floats(0, 100, allow_subnormal=False))
    ),
    st.integers(1, 8),
)
def test_lanes_hold_as_many_and_no_swap_of_two_helps(loads: NDArray[np.float64], lanes: int) -> None:
    lane = deal_families(loads, lanes)
    assert set(lane.tolist()) <= set(range(lanes))
    assert np.bincount(lane, minlength=lanes).max() <= -(-loads.shape[1] // lanes)
    cost = busiest(loads, lane, lanes)
    for one in range(lane.size):
        for other in range(one):
            swapped = lane.copy()
            swapped[[one, other]] = lane[[other, one]]
            assert busiest(loads, swapped, lanes) >= cost * (1 - 1e-6) - 1e-6


def test_every_step_counts_by_itself() -> None:
    """The sums of all families are equal: only the steps by themselves tell them apart."""
    loads = np.array([[9, 9, 1, 1.0], [1, 1, 9, 9]])
    assert busiest(loads, deal_families(loads, 2), 2) == 20


@pytest.mark.parametrize("families", [1, 5, 8])
def test_nothing_known_is_dealt_in_turn(families: int) -> None:
    lanes = deal_families(np.zeros((2, families)), 4)
    np.testing.assert_array_equal(lanes, np.arange(families) % 4)
