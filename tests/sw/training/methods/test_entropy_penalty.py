"""sw/training/methods/entropy_penalty.py: the grid, gradients of Phi and of the step, bits of a logistic density."""

import math
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from sw.training.methods.entropy_penalty import EntropyPenalty, Gridded, bits, entropy_penalty
from sw.training.optimiser import Training
from tests.support.networks.methods import check_file, differences
from tests.support.networks.training import FEATURES, assert_equal, batches, distinct, perceptron


def test_weights_are_whole_numbers_of_steps_up_to_the_levels() -> None:
    layer = nn.Linear(5, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.24, -0.26, 0.74, -5.0, 0.0]]))
    form = Gridded(layer, EntropyPenalty(step=0.1, levels=7))
    form.scatter()
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[0.2, -0.3, 0.7, -0.7, 0.0]]))
    form = Gridded(layer, EntropyPenalty(step=0.0, levels=7))
    assert float(form.step("weight")) == pytest.approx(0.1)


def test_gradients_pass_the_rounding_and_reach_the_step() -> None:
    """Of loss(W) = sum (W - target)**2 with W = step * k: by log step exactly; by Phi as if W were step * Phi."""
    layer = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.23, -0.48, 0.31]]))
    target = torch.tensor([[1.0, -2.0, 0.5]])
    form = Gridded(layer, EntropyPenalty(step=0.1, strength=3.0, alpha=0.5))
    form.scatter()
    (layer.weight - target).square().sum().backward()
    form.gather()
    whole = torch.tensor([[2.0, -5.0, 3.0]], dtype=torch.float64)

    def loss(log_step: torch.Tensor) -> torch.Tensor:
        return (log_step.exp() * whole - target).square().sum()

    slope = differences(loss, torch.tensor(math.log(0.1), dtype=torch.float64))
    torch.testing.assert_close(form.trained["weight step"].grad, slope.float(), rtol=1e-4, atol=1e-5)
    phi = form.trained["weight"].detach().double()

    def penalty(values: torch.Tensor) -> torch.Tensor:
        return 3.0 / 3 * ((values.abs() + 0.5) / 0.5).log().sum()

    wanted = 0.1 * 2 * (0.1 * whole - target) + differences(penalty, phi)
    torch.testing.assert_close(form.trained["weight"].grad, wanted.float(), rtol=1e-4, atol=1e-5)


def test_bits_are_those_of_the_mass_between_halves() -> None:
    phi, scale = torch.linspace(-6, 6, 25, dtype=torch.float64), 1.7

    def distribution(x: torch.Tensor) -> torch.Tensor:
        return 1 / (1 + (-x / scale).exp())

    mass = distribution(phi + 0.5) - distribution(phi - 0.5)
    torch.testing.assert_close(bits(phi, torch.tensor(math.log(scale), dtype=torch.float64)), -mass.log2())
    numbers = torch.arange(-200, 201, dtype=torch.float64)
    assert float(torch.exp2(-bits(numbers, torch.tensor(0.5, dtype=torch.float64))).sum()) == pytest.approx(1)
    assert torch.isfinite(bits(torch.tensor([60.0, -60.0]), torch.tensor(-1.0))).all()


@pytest.mark.parametrize("penalty", ["log", "bits"])
def test_the_penalty_makes_zeros_and_its_file_has_few_values(penalty: str, tmp_path: Path) -> None:
    kept: list[int] = []
    for strength in (0.0, 1.0):
        modules = [perceptron(), perceptron()]
        for module in modules:
            options = EntropyPenalty(strength=strength, penalty=penalty, step=0.1, rate=10.0)
            training = Training(epochs=15, optimizer="adam", learning_rate=0.005)
            before, history = entropy_penalty(module, batches(), options, training, validation=batches(seed=1))
        assert_equal(*modules)
        assert history[-1].error is not None
        assert history[-1].error < 0.1
        weights = [modules[0].get_parameter(name) for name in before]
        assert all(distinct(weight) <= 14 for weight in weights)
        kept.append(sum(int(weight.count_nonzero()) for weight in weights))
    assert kept[1] < 0.8 * kept[0]
    check_file(modules[0], (FEATURES,), tmp_path / "grid.eie", bits=4)
