import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model.errors import EieError
from sw.compress.entropy_sharing import share_by_entropy
from sw.compress.kmeans import share


def error_and_bits(values: np.ndarray, centroids: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    shares = np.bincount(codes) / codes.size
    error = ((values.astype(np.float64) - centroids[codes]) ** 2).mean()
    return float(error), float(-(shares * np.log2(shares)).sum())


def test_no_value_would_rather_be_elsewhere():
    values = np.random.default_rng(1).normal(size=3000).astype(np.float32)
    step = 0.4
    centroids, codes = share_by_entropy(values, 255, step)
    scale = step * math.sqrt((values.astype(np.float64) ** 2).mean())
    bits = -np.log2(np.bincount(codes) / codes.size)
    costs = (values[:, np.newaxis].astype(np.float64) - centroids) ** 2 + scale**2 * math.log(2) / 6 * bits
    best = costs.min(axis=1)
    assert costs[np.arange(codes.size), codes] == pytest.approx(best, rel=1e-5, abs=1e-9)
    for code, centroid in enumerate(centroids):
        assert centroid == pytest.approx(values[codes == code].astype(np.float64).mean(), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_fewer_bits_than_the_best_k_means_at_less_error(bits: int):
    values = np.random.default_rng(2).standard_t(5, 50_000).astype(np.float32)
    error, rate = error_and_bits(values, *share(values, (1 << bits) - 1, init="exact"))
    step = math.sqrt(error * 12 / (values.astype(np.float64) ** 2).mean())
    error_here, rate_here = error_and_bits(values, *share_by_entropy(values, 255, 0.97 * step))
    assert error_here <= error
    assert rate_here < rate - 0.1


def test_a_smaller_step_costs_bits_and_saves_error():
    values = np.random.default_rng(3).normal(size=20_000).astype(np.float32)
    points = [error_and_bits(values, *share_by_entropy(values, 255, step)) for step in (1.0, 0.5, 0.2, 0.1)]
    errors, bits = zip(*points, strict=True)
    assert list(errors) == sorted(errors, reverse=True)
    assert list(bits) == sorted(bits)


@given(
    hnp.arrays(np.float32, st.integers(0, 60), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
    st.integers(1, 9),
    st.sampled_from([1e-3, 0.3, 1.0, 30.0]),
)
def test_every_centroid_is_used_and_lies_between_its_values(values: np.ndarray, clusters: int, step: float):
    centroids, codes = share_by_entropy(values, clusters, step)
    assert centroids.dtype == np.float32
    assert codes.dtype == np.uint8
    assert centroids.size <= clusters
    assert np.unique(codes).tolist() == list(range(centroids.size))
    assert (np.diff(centroids) >= 0).all()
    for cluster in range(centroids.size):
        held = values[codes == cluster]
        assert held.min() <= centroids[cluster] <= held.max()


def test_bad_input():
    with pytest.raises(EieError, match="between 1 and 256, got 257"):
        share_by_entropy(np.ones(1, np.float32), 257, 1)
    with pytest.raises(EieError, match="finite"):
        share_by_entropy(np.array([np.inf], np.float32), 3, 1)
    for step in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(EieError, match="step must be positive and finite"):
            share_by_entropy(np.ones(2, np.float32), 3, step)


@pytest.mark.parametrize("scale", [2.0**-126, 2.0**120])
def test_the_size_of_the_values_does_not_matter(scale: float):
    values = (np.random.default_rng(1).integers(-99, 99, 500) / 16).astype(np.float32)
    centroids, codes = share_by_entropy(values, 255, 0.3)
    scaled, scaled_codes = share_by_entropy(values * np.float32(scale), 255, 0.3)
    np.testing.assert_array_equal(scaled_codes, codes)
    assert scaled == pytest.approx(centroids * np.float64(scale), rel=1e-6, abs=2.0**-149)
