import math

import numpy as np
import pytest

from model.errors import EieError
from sw.compress.bounds import ClassificationBound, OutputBound, outputs_of
from sw.network.layer import Layer
from sw.network.network import Network

SCORES = np.array([[2, 1], [0, 1], [3, 0], [0, 1]], np.float32)
LABELS = np.array([0, 1, 1, 1])


def test_wrong_answers_are_a_share():
    bound = ClassificationBound(SCORES, LABELS, 0.25)
    assert bound.reference == 0.25
    assert bound.error(-SCORES) == 0.75
    assert 0.5 <= bound.limit < 0.5 + 1e-6


def test_outputs_differ_relative_to_the_reference():
    bound = OutputBound(SCORES, 0.1)
    assert bound.error(SCORES) == bound.reference == 0
    assert bound.error(SCORES * np.float32(1.5)) == pytest.approx(0.5)
    nothing = OutputBound(np.zeros((1, 2), np.float32), 0.1)
    assert nothing.error(np.zeros((1, 2), np.float32)) == 0
    assert nothing.error(np.ones((1, 2), np.float32)) == math.inf


def test_outputs_of_a_network():
    layer = Layer("fc", np.array([[1, 2], [3, 4]], np.float32), np.array([1, -1], np.float32), relu=False)
    inputs = np.array([[1, 0], [0, 1]], np.float32)
    assert outputs_of(Network((layer,)), inputs).tolist() == [[2, 2], [3, 3]]
    huge = Layer("fc", np.full((1, 2), 3e38, np.float32), np.zeros(1, np.float32), relu=False)
    with pytest.raises(EieError, match="must be finite"):
        outputs_of(Network((huge,)), np.ones((1, 2), np.float32))


@pytest.mark.parametrize("limit", [-0.1, math.nan, math.inf])
def test_limits_are_finite(limit: float):
    with pytest.raises(EieError, match="an increase of the error that is allowed must be finite and not negative"):
        ClassificationBound(SCORES, LABELS, limit)
    with pytest.raises(EieError, match="an error of the outputs that is allowed must be finite and not negative"):
        OutputBound(SCORES, limit)


def test_labels_name_outputs():
    with pytest.raises(EieError, match="labels must be 0 to 1"):
        ClassificationBound(SCORES, LABELS + 1, 0)
