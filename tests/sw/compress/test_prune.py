import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model.errors import EieError
from sw.compress.prune import kept_positions, prune


def test_hand_example():
    weight = np.array([[1, -3, 2], [0, 3, -1]], np.float32)
    assert prune(weight, density=0.5).tolist() == [[0, -3, 2], [0, 3, 0]]
    assert prune(weight, threshold=2).tolist() == [[0, -3, 2], [0, 3, 0]]
    assert prune(weight).tolist() == weight.tolist()
    assert prune(weight, threshold=0).tolist() == weight.tolist()


@given(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=12), elements=st.integers(-3, 3)),
    st.floats(0, 1, exclude_min=True),
)
def test_the_largest_survive_and_ties_go_to_the_first(weight: np.ndarray, density: float):
    pruned = prune(weight, density=density).ravel()
    flat = weight.ravel()
    by_size = sorted(range(flat.size), key=lambda i: (-abs(flat[i]), i))[: round(density * flat.size)]
    assert np.flatnonzero(pruned).tolist() == sorted(i for i in by_size if flat[i] != 0)
    assert (pruned[pruned != 0] == flat[pruned != 0]).all()


@given(
    hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
    st.floats(0, 1, exclude_min=True),
)
def test_any_magnitude_is_ranked(weight: np.ndarray, density: float):
    kept = kept_positions(weight, density=density)
    wanted = min(round(density * weight.size), np.count_nonzero(weight))
    assert kept.size == wanted
    order = np.argsort(-np.abs(weight), kind="stable")
    assert kept.tolist() == sorted(order[:wanted].tolist())


@given(hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-9, 9, width=32)), st.floats(0, 3))
def test_sensitivity_is_a_threshold_in_standard_deviations(weight: np.ndarray, sensitivity: float):
    threshold = sensitivity * weight.std(dtype=np.float64)
    kept = set(kept_positions(weight, sensitivity=sensitivity).tolist())
    magnitude = np.abs(weight).astype(np.float64)
    assert kept.issuperset(np.flatnonzero((magnitude > threshold * (1 + 1e-6)) & (weight != 0)).tolist())
    assert kept.isdisjoint(np.flatnonzero(magnitude < threshold * (1 - 1e-6)).tolist())


def test_neither_zero_is_kept_and_the_smallest_number_is():
    weight = np.array([0.0, -0.0, 1e-45, -1e-45], np.float32)
    assert kept_positions(weight, threshold=0).tolist() == [2, 3]
    assert kept_positions(weight).tolist() == [2, 3]
    assert kept_positions(weight, density=0.5).tolist() == [2, 3]
    assert kept_positions(weight, threshold=1e39).tolist() == []


def test_a_transposed_weight_is_read_row_by_row():
    weight = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert kept_positions(weight, threshold=3).tolist() == [1, 3, 5]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"density": 0.0}, "above 0 and at most 1, got 0.0"),
        ({"density": 1.5}, "above 0 and at most 1, got 1.5"),
        ({"density": np.nan}, "above 0 and at most 1, got nan"),
        ({"threshold": -1.0}, "finite and not negative, got -1.0"),
        ({"threshold": np.inf}, "finite and not negative, got inf"),
        ({"sensitivity": -0.5}, "sensitivity must be finite and not negative, got -0.5"),
        ({"density": 0.5, "threshold": 0.5}, "a density, a threshold or a sensitivity, got density and threshold"),
    ],
)
def test_options_are_checked(options: dict[str, float], sentence: str):
    with pytest.raises(EieError, match=sentence):
        prune(np.ones((2, 2), np.float32), **options)


@pytest.mark.parametrize("options", [{}, {"density": 1}, {"threshold": 0.5}, {"sensitivity": 0.5}])
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad: float, options: dict[str, float]):
    with pytest.raises(EieError, match="finite"):
        prune(np.array([1, bad], np.float32), **options)
