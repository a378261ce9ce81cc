"""sw/training/pull.py: weights that come together while they are trained."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from sw.training.optimiser import Training
from sw.training.pull import Pulled, Pulling, pull
from tests.support.networks.training import assert_equal, batches, distinct, perceptron

EVERYTHING = {"0.weight": 4, "2.weight": 4, "0.bias": 2}


def test_weights_end_on_few_values_and_zeros_stay() -> None:
    module = perceptron()
    with torch.no_grad():
        module[0].weight[module[0].weight.abs() < 0.1] = 0
    zeros = module[0].weight == 0
    training = Training(epochs=20, optimizer="adam", learning_rate=0.02)
    shared, history = pull(module, batches(), Pulling(values=EVERYTHING), training, validation=batches(seed=1))
    assert history[-1].error is not None
    assert history[-1].error < 0.05
    assert list(shared) == ["0.weight", "0.bias", "2.weight"]
    for name, most in EVERYTHING.items():
        assert 1 <= distinct(module.get_parameter(name)) <= most
        before = shared[name]
        assert distinct(before) > most
        assert torch.equal(before == 0, module.get_parameter(name) == 0) or name == "0.bias"
    assert torch.equal(module[0].weight == 0, zeros)
    assert distinct(module[2].bias) == 3


def test_the_pull_grows_exponentially() -> None:
    layer: Any = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 1.0, 3.0]]))
    form = Pulled(layer, Pulling(values=1, first=0.01, last=1.0, every=1000), epochs=4)
    assert form.values["weight"].tolist() == [2.0]
    form.advance(0.0, 0.1)
    assert form.trained["weight"].tolist() == [1.0, 3.0]
    form.advance(2.0, 0.1)
    torch.testing.assert_close(form.trained["weight"].detach(), torch.tensor([1.1, 2.9]))
    form.scatter()
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[0.0, 1.1, 2.9]]))
    form.present()
    assert layer.weight.tolist() == [[0.0, 2.0, 2.0]]


@pytest.mark.parametrize(("mean", "expected"), [("equal", 2.0), ("fisher", 2.8)])
def test_values_are_means_of_their_weights(mean: str, expected: float) -> None:
    layer: Any = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 3.0]]))
    form = Pulled(layer, Pulling(values=1, every=1, mean=mean, until=0.5), epochs=1)
    form.values["weight"].fill_(7.0)
    form.squares["weight"].copy_(torch.tensor([1.0, 9.0]))
    form.advance(0.6, 0.1)
    assert form.values["weight"].tolist() == [7.0]
    form.advance(0.4, 0.1)
    torch.testing.assert_close(form.values["weight"], torch.tensor([expected]), rtol=1e-3, atol=0)


def test_a_bias_may_become_zero_and_zero_does_not_move() -> None:
    layer: Any = nn.Linear(1, 4)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.1, 0.2, 5.0, 5.2]))
    form = Pulled(layer, Pulling(values={"bias": 1}, every=1), epochs=1)
    with torch.no_grad():
        form.values["bias"][0] = 5.0
    form.advance(0.0, 0.1)
    form.present()
    torch.testing.assert_close(layer.bias.detach(), torch.tensor([0.0, 0.0, 5.1, 5.1]))


def test_equal_runs_are_equal() -> None:
    first, second = perceptron(), perceptron()
    for module in (first, second):
        pull(module, batches(), Pulling(bits=2, init="density"), Training(epochs=3, learning_rate=0.05), seed=4)
    assert_equal(first, second)
