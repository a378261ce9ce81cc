"""sw/training/methods/variational_dropout.py: the divergence against its integral, noise, gradients."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
import torch
from torch import nn

from model.errors import EieError
from sw.training.methods.variational_dropout import (
    Noisy,
    VariationalDropout,
    divergence,
    variational_dropout,
)
from sw.training.optimiser import Training
from tests.support.networks.methods import differences
from tests.support.networks.training import assert_equal, batches, perceptron


def test_the_divergence_is_that_from_the_log_uniform_prior() -> None:
    """KL = E log|1 + sqrt(alpha) z| - log(alpha) / 2 + constant, z normal; the paper's formula is within 0.02 of it."""

    z = np.linspace(-9, 9, 1_800_001)[:-1] + 5e-6  # middles: none of them is the pole
    normal = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * 1e-5

    def exact(log_alpha: float) -> float:
        mean = float(normal @ np.log(np.abs(1 + np.exp(log_alpha / 2) * z) + 1e-300))
        return mean - log_alpha / 2 + float(np.euler_gamma + np.log(2)) / 2

    for log_alpha in (-6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0):
        assert float(divergence(torch.tensor(log_alpha))) == pytest.approx(exact(log_alpha), abs=0.02)


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Linear(5, 3), (5,)), (nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), (2, 5, 5))]
)
def test_outputs_have_the_mean_of_the_weights_and_the_variance_of_their_noise(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    """Against outputs of weights that are drawn themselves."""
    torch.manual_seed(0)
    module: Any = nn.Sequential(layer)
    form = Noisy(module, VariationalDropout(log_variance=-3.0), 10)
    inputs = torch.randn(1, *shape).expand(3000, *shape)
    made = module(inputs).detach()
    module.eval()
    plain, weight = module(inputs[:1]).detach()[0], module[0].weight.detach().clone()
    drawn: list[torch.Tensor] = []
    for _ in range(500):
        with torch.no_grad():
            module[0].weight.copy_(weight + np.exp(-1.5) * torch.randn_like(weight))
            drawn.append(module(inputs[:1])[0])
    torch.testing.assert_close(made.mean(0), plain, atol=0.05, rtol=0)
    torch.testing.assert_close(made.std(0), torch.stack(drawn).std(0), atol=0.05, rtol=0.15)
    for handle in form.handles:
        handle.remove()


def test_gradients_are_those_of_loss_and_divergence() -> None:
    """The same noise at both sides of each difference, by the seed."""
    torch.manual_seed(3)
    module: Any = nn.Sequential(nn.Linear(3, 2)).double()
    form = Noisy(module, VariationalDropout(log_variance=-1.0, begin=0, full=0), 4)
    form.advance(1.0, 0.1)
    inputs = torch.randn(6, 3, dtype=torch.float64)
    names = ("0.weight", "0.weight variance")
    start = [form.trained[name].detach().clone() for name in names]

    def loss(values: list[torch.Tensor]) -> torch.Tensor:
        torch.manual_seed(5)
        with torch.no_grad():
            for name, value in zip(names, values, strict=True):
                form.trained[name].copy_(value)
        form.scatter()
        module.zero_grad()
        return module(inputs).square().mean()

    total: Any = loss(start)
    total.backward()
    form.gather()
    slopes = [form.trained[name].grad for name in names]
    for place, slope in enumerate(slopes):
        assert slope is not None

        def whole(value: torch.Tensor, place: int = place) -> float:
            values = [value if number == place else each for number, each in enumerate(start)]
            alphas = (values[1] - (values[0].square() + 1e-8).log()).clamp(-8, 8)
            return float(loss(values).detach() + divergence(alphas).sum() / 4)

        torch.testing.assert_close(slope, differences(whole, start[place]), rtol=1e-5, atol=1e-7)


def test_noise_grows_where_the_loss_allows_and_weights_leave() -> None:
    """Only the first of 8 inputs says which class it is."""
    torch.manual_seed(1)
    inputs = torch.randn(120, 8)
    labels = (inputs[:, 0] > 0).long()
    data = list(zip(inputs.split(30), labels.split(30), strict=True))
    modules: list[Any] = []
    for _ in range(2):
        torch.manual_seed(2)
        modules.append(nn.Sequential(nn.Linear(8, 2)))
        options = VariationalDropout(log_variance=-6.0, begin=3, full=20)
        training = Training(epochs=70, optimizer="adam", learning_rate=0.03)
        history = variational_dropout(modules[-1], data, options, training, validation=data)
    assert_equal(*modules)
    assert modules[0][0].weight[:, 0].all()
    assert int(modules[0][0].weight.count_nonzero()) <= 6
    assert history[-1].error is not None
    assert history[-1].error < 0.05
    assert history[-1].density < 0.5
    assert not modules[0][0]._forward_hooks


def test_the_penalty_grows_between_its_epochs() -> None:
    form = Noisy(perceptron(), VariationalDropout(begin=2, full=4, strength=3.0), 10)
    weights = [form.advance(epoch, 0.1) or form.weight for epoch in (0.0, 2.0, 3.0, 4.0, 9.0)]
    assert weights == [0, 0, 1.5, 3, 3]
    with pytest.raises(EieError, match="the penalty is full after it begins, got begin 5 and full 2"):
        VariationalDropout(full=2.0)
    with pytest.raises(EieError, match="at least one batch"):
        variational_dropout(perceptron(), [], VariationalDropout(), Training())
    assert len(batches()) == 6
