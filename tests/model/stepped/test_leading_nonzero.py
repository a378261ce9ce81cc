"""Leading-nonzero detection."""

import itertools

import numpy as np
import pytest

from model.stepped.leading_nonzero import leading_nonzeros


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("pes", [1, 2, 3, 4, 5, 9])
def test_every_pattern_of_small_arrays(pes, most):
    for pending in itertools.product([False, True], repeat=pes):
        assert leading_nonzeros(pending, most) == [pe for pe in range(pes) if pending[pe]][:most]


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("pes", [16, 17, 64, 255, 256])
def test_large_arrays(pes, most):
    rng = np.random.default_rng(pes)
    assert leading_nonzeros([False] * pes, most) == []
    for _ in range(20):
        pending = rng.random(pes) < 2 / pes
        pending[rng.integers(pes)] = True
        assert leading_nonzeros(pending.tolist(), most) == np.flatnonzero(pending)[:most].tolist()
