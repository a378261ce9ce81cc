"""The benchmark of weight sharing, on few values."""

import numpy as np
import pytest

from benchmarks.bench_kmeans import compare, squared_error, tails


def test_values_are_the_tails_of_a_gaussian():
    values = tails(5000, 1)
    assert values.dtype == np.float32
    assert np.abs(values).min() > 1.6
    assert abs(values.mean()) < 0.1
    assert tails(5000, 1).tolist() == values.tolist()


def test_nothing_has_less_error_than_exact():
    values = tails(2000, 2)
    rows = {row["method"]: row for row in compare(values, 15, 1)}
    assert {"ours, exact", "ours, linear", "ours, density", "ours, forgy", "scikit-learn"} <= set(rows)
    assert min(row["error_over_exact"] for row in rows.values()) >= 1 - 1e-6
    # scikit-learn fills the clusters that stay empty in the hole around zero, ours are dropped.
    assert rows["scikit-learn"]["used"] == 15 > rows["ours, linear"]["used"]
    if "kmeans1d" in rows:
        assert rows["kmeans1d"]["error_over_exact"] == pytest.approx(1, rel=1e-5)


def test_the_error_is_summed_over_all_values():
    values = np.array([1, 2, 4], np.float32)
    assert squared_error(values, np.array([1.5, 5]), np.array([0, 0, 1])) == 0.25 + 0.25 + 1
