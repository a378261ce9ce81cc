"""sw/training/methods/merge_neurons.py: costs of the paper, the cheapest pair first, like units without a trace."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from model.errors import EieError
from sw.training.methods.merge_neurons import MergeNeurons, merge_neurons, merged
from sw.training.optimiser import Training
from tests.support.networks.methods import check_file
from tests.support.networks.training import FEATURES, batches, perceptron

NONE = Training(epochs=0)


def test_the_cheapest_unit_goes_first_and_costs_follow() -> None:
    """Each merge against all pairs, costs written out."""
    torch.manual_seed(1)
    incoming, users = torch.randn(7, 3), torch.randn(4, 7, 2)
    outgoing, left = users.clone(), list(range(7))
    for count in range(6, 0, -1):
        pairs = {
            (i, j): float((outgoing[:, j] ** 2).sum() / 4 * ((incoming[i] - incoming[j]) ** 2).sum())
            for i in left for j in left if i != j
        }  # fmt: skip
        into, gone = min(pairs, key=lambda pair: pairs[pair])
        outgoing[:, into] += outgoing[:, gone]
        left.remove(gone)
        made = users.clone()
        assert merged(incoming, made, count).tolist() == left
        torch.testing.assert_close(made[:, left], outgoing[:, left])


def test_units_that_differ_by_a_factor_become_one_without_a_trace(tmp_path: Path) -> None:
    torch.manual_seed(2)
    module: Any = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3)
    )
    with torch.no_grad():
        for layer in (module[0], module[4]):
            layer.weight[::2] = 2.5 * layer.weight[1::2]
            layer.bias[::2] = 2.5 * layer.bias[1::2]
    images = torch.randn(20, 1, 6, 6)
    wanted = module(images).detach()
    merge_neurons(module, [], MergeNeurons(keep=0.5), NONE)
    assert [tuple(module[place].weight.shape) for place in (0, 4, 6)] == [(2, 1, 3, 3), (3, 8), (3, 3)]
    torch.testing.assert_close(module(images).detach(), wanted, rtol=1e-4, atol=1e-5)
    check_file(module, (1, 6, 6), tmp_path / "merged.eie")


def test_it_trains_what_is_left() -> None:
    module = perceptron()
    history = merge_neurons(
        module,
        batches(),
        MergeNeurons(keep={"0.weight": 0.25}, normalise=False),
        Training(epochs=15, learning_rate=0.05),
        validation=batches(seed=1),
    )
    assert module[0].weight.shape == (3, FEATURES)
    assert history[-1].error is not None
    assert history[-1].error < 0.1
    with pytest.raises(EieError, match=r"merge_neurons must name parameters of 0\.weight, got '2\.weight'"):
        merge_neurons(module, batches(), MergeNeurons(keep={"2.weight": 0.5}), NONE)
