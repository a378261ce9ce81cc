"""sw/training/methods/binary_connect.py: the signs, their probabilities, gradients straight through, files."""

import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from sw.training.methods.binary_connect import Binary, BinaryConnect, binary_connect, glorot
from sw.training.optimiser import Training
from tests.support.networks.methods import check_file
from tests.support.networks.training import FEATURES, assert_equal, batches, distinct, perceptron

TRAINING = Training(epochs=12, optimizer="adam", learning_rate=0.02)


def single(weights: list[float]) -> Any:
    layer: Any = nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([weights]))
    return layer


def test_signs_times_the_scale() -> None:
    layer = single([0.3, -0.2, 0.1, 0.0])
    a = math.sqrt(1.5 / 5)
    assert glorot(layer.weight) == pytest.approx(a)
    assert glorot(torch.zeros(6, 4, 5, 5)) == pytest.approx(math.sqrt(1.5 / (25 * 10)))
    form = Binary(layer, BinaryConnect())
    form.scatter()
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[a, -a, a, 0.0]]))  # pruned weights stay
    torch.testing.assert_close(form.trained["weight"].detach(), torch.tensor([[0.3, -0.2, 0.1, 0.0]]))


def test_the_mean_magnitude_is_the_nearest_binary_weight() -> None:
    """sum of (w - a * sign(w))**2 is least at the mean of |w|, by search."""
    weights = torch.tensor([0.5, -0.1, 0.2, -0.9, 0.05])
    layer = single(weights.tolist())
    Binary(layer, BinaryConnect(scale="mean")).scatter()
    tried = torch.linspace(0, 1, 100_001)
    errors = (weights[:, None] - tried * weights.sign()[:, None]).square().sum(0)
    assert layer.weight[0, 0].item() == pytest.approx(tried[errors.argmin()].item(), abs=1e-4)


def test_probabilities_are_the_hard_sigmoid() -> None:
    a = glorot(torch.zeros(1, 4))
    weights = torch.tensor([-2 * a, -a / 2, a / 4, 2 * a])
    layer = single(weights.tolist())
    form = Binary(layer, BinaryConnect(stochastic=True))
    torch.manual_seed(0)
    total = torch.zeros(1, 4)
    for _ in range(4000):
        form.advance(0.0, 0.1)
        assert torch.allclose(layer.weight.abs(), torch.tensor(a))
        total += layer.weight.detach() > 0
    torch.testing.assert_close(total[0] / 4000, torch.tensor([0.0, 0.25, 0.625, 1.0]), atol=0.03, rtol=0)
    form.scatter()
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[-a, -a, a, a]]))


def test_the_gradient_of_the_sign_moves_the_real_weight_as_far_as_the_clip() -> None:
    """loss = 3 * output: the gradient is 3 * x whatever w is; a step of the rate moves w, and w_b only when w turns."""
    layer, seen = single([0.02, 0.5]), list[tuple[float, ...]]()
    form = Binary(layer, BinaryConnect())
    form.scatter()
    inputs, a = torch.tensor([[1.0, -1.0]]), glorot(layer.weight)
    for _ in range(2):
        layer.zero_grad()
        (3 * layer(inputs)).sum().backward()
        form.gather()
        torch.testing.assert_close(form.trained["weight"].grad, torch.tensor([[3.0, -3.0]]))
        with torch.no_grad():
            form.trained["weight"].sub_(torch.tensor([[0.3, -0.3]]))  # the rate of 0.1 times that
        form.scatter()
        seen.append(tuple(form.trained["weight"][0].tolist()))
    assert seen[0] == pytest.approx((-0.28, min(0.8, a)))
    assert seen[1] == pytest.approx((-0.58, a))
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[-a, a]]))


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("scale", ["glorot", "mean"])
def test_it_learns_and_its_file_has_two_values(stochastic: bool, scale: str, tmp_path: Path) -> None:
    options = BinaryConnect(stochastic=stochastic, scale=scale)
    modules = [perceptron(), perceptron()]
    for module in modules:
        before, history = binary_connect(module, batches(), options, TRAINING, validation=batches(seed=1))
    assert_equal(*modules)
    assert history[-1].error is not None
    assert history[-1].error < 0.1
    module = modules[0]
    for name in ("0.weight", "2.weight"):
        weight = module.get_parameter(name).detach()
        assert distinct(weight) == 2
        assert torch.equal(weight > 0, before[name] >= 0)
    check_file(module, (FEATURES,), tmp_path / "binary.eie", bits=2)
