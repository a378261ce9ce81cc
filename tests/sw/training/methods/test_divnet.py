"""sw/training/methods/divnet.py: sets drawn with the determinant's probability, greedy sets, least squares."""

from copy import deepcopy
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
import torch
from torch import nn

from sw.training.methods.divnet import Divnet, divnet, drawn, greedy, least_squares, similarity
from sw.training.optimiser import Training
from tests.support.networks.methods import check_file
from tests.support.networks.training import FEATURES, assert_equal, batches, blobs, perceptron

NONE = Training(epochs=0)


def test_the_kernel() -> None:
    units = torch.tensor([[1.0, 2.0], [1.5, 2.0], [0.0, -1.0]])
    made = similarity(units, 0.3, 1e-3)
    assert made[0, 1] == pytest.approx(np.exp(-0.3 * 0.25))
    assert made[0, 2] == pytest.approx(np.exp(-0.3 * 10))
    np.testing.assert_allclose(made.diagonal(), 1.001)


def test_sets_are_drawn_with_a_probability_proportional_to_their_determinant() -> None:
    kernel = similarity(torch.tensor([[0.0], [0.3], [1.0], [1.2], [3.0]]), 1.0, 1e-3)
    random = np.random.default_rng(0)
    for count in (1, 2, 3):
        sets = list(combinations(range(5), count))
        weights = np.array([np.linalg.det(kernel[np.ix_(each, each)]) for each in sets])
        draws = [tuple(drawn(kernel, count, random)) for _ in range(1000)]
        shares = np.array([draws.count(each) for each in sets]) / 1000
        np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.06)
    assert drawn(kernel, 5, random) == [0, 1, 2, 3, 4]


def test_greedy_takes_what_makes_the_determinant_largest() -> None:
    random = np.random.default_rng(2)
    kernel = similarity(torch.as_tensor(random.normal(size=(9, 3))), 0.5, 1e-6)
    chosen: list[int] = []
    for count in range(1, 7):
        rest = [unit for unit in range(9) if unit not in chosen]
        chosen.append(max(rest, key=lambda unit: np.linalg.det(kernel[np.ix_([*chosen, unit], [*chosen, unit])])))
        assert greedy(kernel, count) == sorted(chosen)


def test_the_next_layer_is_the_least_squares_fit() -> None:
    random = np.random.default_rng(3)
    given, wanted = random.normal(size=(40, 5)), random.normal(size=(40, 3)) + 2
    fitted, intercept = least_squares(torch.as_tensor(given), torch.as_tensor(wanted))
    best = np.linalg.lstsq(np.c_[given, np.ones(40)], wanted, rcond=None)[0]
    np.testing.assert_allclose(torch.cat([fitted, intercept[None]]).numpy(), best, atol=1e-9)


def convolutional() -> Any:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
        nn.Linear(32, 3),
    )  # fmt: skip


@pytest.mark.parametrize("select", ["dpp", "greedy"])
def test_copies_of_units_go_without_a_trace(select: str) -> None:
    """Every unit is there twice: half of them, one of each pair, give the outputs exactly once the rest is refitted."""
    module = convolutional()
    with torch.no_grad():
        for layer in (module[0], module[2]):
            layer.weight[::2] = layer.weight[1::2]
            layer.bias[::2] = layer.bias[1::2]
    images = torch.randn(60, 1, 6, 6)
    wanted = module(images).detach()
    divnet(module, [(images, images)], Divnet(keep=0.5, select=select, diagonal=1e-9), NONE)
    assert [tuple(module[place].weight.shape) for place in (0, 2, 6)] == [(3, 1, 3, 3), (4, 3, 3, 3), (3, 16)]
    torch.testing.assert_close(module(images).detach(), wanted, rtol=1e-3, atol=1e-4)


def test_refitting_helps_and_its_file_is_smaller(tmp_path: Path) -> None:
    inputs, _ = blobs()
    module = perceptron()
    sizes = [check_file(deepcopy(module), (FEATURES,), tmp_path / "whole.eie")]
    wanted = module(inputs).detach()
    errors: list[float] = []
    for refit in (False, True):
        made = deepcopy(module)
        divnet(made, batches(), Divnet(keep={"0.weight": 0.5}, refit=refit), NONE, seed=4)
        errors.append(float((made(inputs).detach() - wanted).square().mean()))
    assert errors[1] < 0.5 * errors[0]
    others = [deepcopy(module), deepcopy(module)]
    for made in others:
        divnet(made, batches(), Divnet(keep=0.5), Training(epochs=5, learning_rate=0.05), seed=4)
    assert_equal(*others)
    sizes.append(check_file(others[0], (FEATURES,), tmp_path / "half.eie"))
    assert sizes[1] < sizes[0]
