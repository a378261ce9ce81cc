import math

import numpy as np
import pytest

from sw.compress.candidates import Candidate, Choices, LayerCandidates
from sw.compress.prune import kept_positions
from sw.file.model_file import file_sizes
from sw.network.compressed import CompressedNetwork
from sw.network.layer import Layer


def candidates_of(weight: np.ndarray, choices: Choices) -> list[Candidate]:
    layer = Layer("fc", weight.astype(np.float32), np.linspace(-1, 1, len(weight), dtype=np.float32), relu=False)
    of, made = LayerCandidates(layer, kept_positions(layer.weight), choices).all()
    found = list(made)
    assert len(found) == of
    return found


@pytest.mark.parametrize("pruning", [False, True])
def test_bytes_and_errors_are_those_of_the_file(pruning: bool):
    weight = np.random.default_rng(1).normal(size=(40, 50)).astype(np.float32)
    candidates = candidates_of(weight, Choices(pruning=pruning))
    assert {candidate.share is None for candidate in candidates} == {True, not pruning}
    for candidate in candidates[::6]:
        sizes = file_sizes(CompressedNetwork(layers=(candidate.layer,)))
        assert sizes.layers[0].bytes - 2 <= candidate.bytes <= 1.05 * sizes.layers[0].bytes
        difference = weight.astype(np.float64) - candidate.layer.dense()
        error = math.sqrt((difference**2).sum() / (weight.astype(np.float64) ** 2).sum())
        assert candidate.error == pytest.approx(error, rel=1e-6)
        kept = weight.size if candidate.share is None else round(candidate.share * weight.size)
        assert candidate.layer.positions.size == kept


def test_shared_weights_have_an_exact_candidate():
    weight = np.random.default_rng(1).choice([-1.5, 0, 0.5, 2.5], (20, 30))
    candidates = candidates_of(weight, Choices())
    assert candidates[0].error == 0
    assert candidates[0].sharing == "2 bits"
    assert [candidate.sharing for candidate in candidates[1:2]] == ["1 bits"]


def test_code_bits_are_bounded():
    weight = np.random.default_rng(1).normal(size=(40, 50))
    assert max(candidate.layer.code_bits for candidate in candidates_of(weight, Choices(most_code_bits=3))) == 3


def test_a_layer_without_weights():
    for candidate in candidates_of(np.zeros((3, 4)), Choices(pruning=True)):
        assert (candidate.error, candidate.layer.positions.size) == (0, 0)
