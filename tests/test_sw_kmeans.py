import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sw.errors import EieError
from sw.kmeans import share


def lloyd(values: np.ndarray, clusters: int) -> np.ndarray:
    """k-means as the paper says it, value by value; the used centroids."""
    values = values.astype(np.float64)
    centroids = np.linspace(values.min(), values.max(), clusters)
    while True:
        nearest = np.abs(values[:, np.newaxis] - centroids).argmin(axis=1)
        moved = centroids.copy()
        for cluster in np.unique(nearest):
            moved[cluster] = values[nearest == cluster].mean()
        if np.array_equal(moved, centroids):
            return centroids[np.unique(nearest)]
        centroids = moved


@pytest.mark.parametrize("clusters", [1, 2, 3, 15, 63])
def test_equals_plain_k_means(clusters: int):
    values = np.random.default_rng(clusters).normal(size=700).astype(np.float32)
    centroids, codes = share(values, clusters)
    expected = lloyd(values, clusters)
    assert centroids == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert (codes == np.abs(values[:, np.newaxis] - expected).argmin(axis=1)).all()


@given(hnp.arrays(np.float32, st.integers(0, 60), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_every_centroid_is_used_and_lies_between_its_values(values: np.ndarray):
    centroids, codes = share(values, 7)
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


def test_small_values_survive_beside_large_ones():
    values = np.array([-3e38, 1, 2, 3, 4, 3e38], np.float32)
    centroids, codes = share(values, 3)
    assert centroids.tolist() == [np.float32(-3e38), 2.5, np.float32(3e38)]
    assert codes.tolist() == [0, 1, 1, 1, 1, 2]


def test_bad_input():
    with pytest.raises(EieError, match="between 1 and 256, got 0"):
        share(np.ones(1, np.float32), 0)
    with pytest.raises(EieError, match="finite"):
        share(np.array([np.nan], np.float32), 3)
