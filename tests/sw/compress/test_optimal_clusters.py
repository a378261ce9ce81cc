from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sw.compress.optimal_clusters
from sw.compress.optimal_clusters import optimal_clusters, summarise


def cost(points: np.ndarray, weights: np.ndarray, starts: list[int]) -> float:
    parts = zip(np.split(points, starts[1:]), np.split(weights, starts[1:]), strict=True)
    return sum(
        (part_weights * (part - np.average(part, weights=part_weights)) ** 2).sum() for part, part_weights in parts
    )


@given(
    st.lists(st.tuples(st.integers(-1000, 1000), st.integers(1, 9)), min_size=2, max_size=9, unique_by=lambda p: p[0]),
    st.data(),
)
def test_no_clustering_costs_less(pairs: list[tuple[int, int]], data: st.DataObject):
    clusters = data.draw(st.integers(1, len(pairs) - 1))
    points, weights = (np.array(column) for column in zip(*sorted(pairs), strict=True))
    points = points.astype(np.float64)
    starts = optimal_clusters(points, weights, clusters).tolist()
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    least = min(cost(points, weights, [0, *cuts]) for cuts in combinations(range(1, len(pairs)), clusters - 1))
    assert cost(points, weights, starts) == pytest.approx(least, rel=1e-9, abs=1e-9)


def test_squares_of_very_different_sizes():
    points = np.array([-1e12, 0, 1e-3, 1, 1.001, 2, 1e12])
    starts = optimal_clusters(points, np.ones(7, np.int64), 5)
    assert starts.tolist() == [0, 1, 3, 5, 6]


def test_distinct_values_are_points():
    points, weights, exact = summarise(np.array([-2, -2, -0.0, 0.0, 5], np.float32), 3)
    assert (points.tolist(), weights.tolist(), exact) == ([-2, 0, 5], [2, 2, 1], True)


def test_bins_are_narrow_and_hold_few(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sw.compress.optimal_clusters, "MOST_STATES", 600)
    values = np.sort(np.random.default_rng(1).standard_cauchy(20_000).astype(np.float32))
    points, weights, exact = summarise(values, 3)
    assert not exact
    assert 100 <= points.size <= 200
    assert weights.sum() == values.size
    assert weights.max() <= 20_000 / 100
    ends = np.cumsum(weights)
    widths = values[ends - 1].astype(np.float64) - values[ends - weights]
    assert widths.max() <= (float(values[-1]) - float(values[0])) / 100 * (1 + 1e-6)
    assert points[-1] == pytest.approx(values[ends[-2] :].astype(np.float64).mean())
