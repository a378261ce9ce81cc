"""Leading-nonzero detection."""

import itertools

import numpy as np
import pytest

from model.stepped.leading_nonzero import leading_nonzero


@pytest.mark.parametrize("pes", [1, 2, 3, 4, 5])
def test_every_pattern_of_small_arrays(pes):
    for pending in itertools.product([False, True], repeat=pes):
        wanted = pending.index(True) if any(pending) else None
        assert leading_nonzero(pending) == wanted


@pytest.mark.parametrize("pes", [16, 17, 64, 255, 256])
def test_large_arrays(pes):
    rng = np.random.default_rng(pes)
    assert leading_nonzero([False] * pes) is None
    for _ in range(20):
        pending = rng.random(pes) < 2 / pes
        pending[rng.integers(pes)] = True
        assert leading_nonzero(pending.tolist()) == int(np.argmax(pending))
