from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sw.compress.optimal_clusters
from model.errors import EieError
from sw.compress.kmeans import INITS, Init, few_values, share


def lloyd(values: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """k-means as the paper says it, value by value; the used centroids."""
    values = values.astype(np.float64)
    while True:
        nearest = np.abs(values[:, np.newaxis] - centroids).argmin(axis=1)
        moved = centroids.copy()
        for cluster in np.unique(nearest):
            moved[cluster] = values[nearest == cluster].mean()
        if np.array_equal(moved, centroids):
            return centroids[np.unique(nearest)]
        centroids = moved


def squared_error(values: np.ndarray, centroids: np.ndarray, codes: np.ndarray) -> float:
    return float(((values.astype(np.float64) - centroids[codes]) ** 2).sum())


@pytest.mark.parametrize("clusters", [1, 2, 3, 15, 63])
@pytest.mark.parametrize("init", ["linear", "density", "forgy"])
def test_equals_plain_k_means(clusters: int, init: Init):
    values = np.random.default_rng(clusters).normal(size=700).astype(np.float32)
    centroids, codes = share(values, clusters, init=init, seed=3)
    ordered = np.sort(values).astype(np.float64)
    start = {
        "linear": np.linspace(ordered[0], ordered[-1], clusters),
        "density": ordered[[int(700 * (2 * index + 1) / (2 * clusters)) for index in range(clusters)]],
        "forgy": np.sort(ordered[np.random.default_rng(3).choice(700, clusters, replace=False)]),
    }
    expected = lloyd(values, start[init])
    assert centroids == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert (codes == np.abs(values[:, np.newaxis] - expected).argmin(axis=1)).all()


def test_the_seed_is_that_of_forgy():
    values = np.random.default_rng(0).normal(size=500).astype(np.float32)
    first, again, other = (share(values, 9, init="forgy", seed=seed)[0] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@given(
    hnp.arrays(np.float32, st.integers(2, 9), elements=st.floats(-100, 100, width=32)),
    st.integers(1, 8),
)
def test_exact_is_the_best_of_all_clusterings(values: np.ndarray, clusters: int):
    ordered = np.sort(values).astype(np.float64)
    least = min(
        sum(((part - part.mean()) ** 2).sum() for part in np.split(ordered, cuts))
        for count in range(min(clusters, ordered.size))
        for cuts in combinations(range(1, ordered.size), count)
    )
    error = squared_error(values, *share(values, clusters, init="exact"))
    assert error <= least * (1 + 1e-5) + 1e-9


@pytest.mark.parametrize("clusters", [3, 15, 255])
@pytest.mark.parametrize("states", [1 << 24, 1 << 12])
def test_exact_is_never_worse_than_another_start(clusters: int, states: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sw.compress.optimal_clusters, "MOST_STATES", states)
    random = np.random.default_rng(clusters)
    values = np.concatenate([random.normal(size=3000), random.normal(size=40) * 1e6]).astype(np.float32)
    errors = {init: squared_error(values, *share(values, clusters, init=init)) for init in INITS}
    assert errors["exact"] <= min(errors.values()) * (1 + 1e-6)


@pytest.mark.parametrize("init", INITS)
@given(hnp.arrays(np.float32, st.integers(0, 60), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_every_centroid_is_used_and_lies_between_its_values(init: Init, values: np.ndarray):
    centroids, codes = share(values, 7, init=init)
    assert centroids.dtype == np.float32
    assert codes.dtype == np.uint8
    assert np.unique(codes).tolist() == list(range(centroids.size))
    assert (np.diff(centroids) >= 0).all()
    for cluster in range(centroids.size):
        held = values[codes == cluster]
        assert held.min() <= centroids[cluster] <= held.max()


@given(st.integers(1, 256), st.integers(0, 100))
def test_few_distinct_values_are_kept(clusters: int, seed: int):
    random = np.random.default_rng(seed)
    distinct = np.unique(random.normal(size=clusters).astype(np.float32))
    values = random.choice(distinct, 300)
    centroids, codes = share(values, clusters)
    assert (centroids[codes] == values).all()


def test_few_values_come_back_bit_for_bit():
    values = np.array([1e-45, -3e38, 1e-45, 3e38, -1e-39], np.float32)
    assert few_values(values, 4) is not None
    assert few_values(values, 3) is None
    assert few_values(values[:0], 1) is not None
    centroids, codes = share(values, 4)
    assert centroids[codes].tobytes() == values.tobytes()


def test_both_zeros_are_one_value():
    centroids, codes = share(np.array([-0.0, 0.0, 1.0], np.float32), 2)
    assert centroids.tobytes() == np.array([0.0, 1.0], np.float32).tobytes()
    assert codes.tolist() == [0, 0, 1]


@pytest.mark.parametrize("init", ["linear", "exact"])
def test_small_values_survive_beside_large_ones(init: Init):
    values = np.array([-3e38, 1, 2, 3, 4, 3e38], np.float32)
    centroids, codes = share(values, 3, init=init)
    assert centroids.tolist() == [np.float32(-3e38), 2.5, np.float32(3e38)]
    assert codes.tolist() == [0, 1, 1, 1, 1, 2]


def test_bad_input():
    with pytest.raises(EieError, match="between 1 and 256, got 0"):
        share(np.ones(1, np.float32), 0)
    unknown: dict[str, Any] = {"init": "random"}
    with pytest.raises(EieError, match="one of linear, density, forgy, exact, got 'random'"):
        share(np.ones(1, np.float32), 1, **unknown)
    with pytest.raises(EieError, match="seed must not be negative, got -1"):
        share(np.ones(1, np.float32), 1, init="forgy", seed=-1)
    with pytest.raises(EieError, match="finite"):
        share(np.array([np.nan], np.float32), 3)
