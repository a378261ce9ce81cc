import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sw.errors import EieError
from sw.prune import prune


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


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"density": 0.0}, "above 0 and at most 1, got 0.0"),
        ({"density": 1.5}, "above 0 and at most 1, got 1.5"),
        ({"density": np.nan}, "above 0 and at most 1, got nan"),
        ({"threshold": -1.0}, "finite and not negative, got -1.0"),
        ({"threshold": np.inf}, "finite and not negative, got inf"),
        ({"density": 0.5, "threshold": 0.5}, "a density, a threshold or a sensitivity, got density and threshold"),
    ],
)
def test_options_are_checked(options: dict[str, float], sentence: str):
    with pytest.raises(EieError, match=sentence):
        prune(np.ones((2, 2), np.float32), **options)


def test_nan_is_refused():
    with pytest.raises(EieError, match="finite"):
        prune(np.array([np.nan], np.float32), density=1)
