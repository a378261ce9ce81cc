"""sw/training/methods/soft_sharing.py: the prior's gradient and minimum, merging, weights of few values."""

import math
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch

from sw.training.methods.soft_sharing import (
    Mixed,
    SoftSharing,
    merged,
    negative_log_prior,
    prior_gradient,
    soft_sharing,
    with_zero,
)
from sw.training.optimiser import Training
from tests.support.networks.methods import check_file, differences
from tests.support.networks.training import FEATURES, assert_equal, batches, perceptron

SMALL = SoftSharing(components=3, zero=0.7, zero_alpha=5.0, alpha=3.0)


def values() -> list[torch.Tensor]:
    torch.manual_seed(2)
    sizes = (6, 3, 4, 3)  # weights, means, precisions, shares
    return [torch.randn(size, dtype=torch.float64) for size in sizes]


def test_the_prior_is_that_of_the_paper() -> None:
    """Written out with normal densities and Gamma log densities, whose constants are left away."""
    weights, means, precisions, shares = values()
    pi = [0.7, *(0.3 * shares.softmax(0)).tolist()]
    mu, lam = [0.0, *means.tolist()], precisions.exp().tolist()
    total = 0.0
    for w in weights.tolist():
        terms = zip(pi, mu, lam, strict=True)
        total -= math.log(sum(p * math.sqrt(v / (2 * math.pi)) * math.exp(-v * (w - m) ** 2 / 2) for p, m, v in terms))
    for number, v in enumerate(lam):
        alpha, beta = (5.0, 2.0) if number == 0 else (3.0, 0.1)
        total -= (alpha - 1) * math.log(v) - beta * v
    assert float(negative_log_prior(weights, means, precisions, shares, SMALL)) == pytest.approx(total)


def test_the_gradient_is_that_of_the_prior() -> None:
    given = values()
    weights, means, precisions, shares = given
    made = prior_gradient(weights, means, precisions, shares, SMALL)
    for place, slope in enumerate(made):

        def moved(tensor: torch.Tensor, place: int = place) -> torch.Tensor:
            weights, means, precisions, shares = (
                tensor if number == place else each for number, each in enumerate(given)
            )
            return negative_log_prior(weights, means, precisions, shares, SMALL)

        torch.testing.assert_close(slope, differences(moved, given[place]), rtol=1e-6, atol=1e-7)


def test_the_prior_of_a_precision_is_least_at_its_mode() -> None:
    """Without weights, the Gamma density (alpha - 1) log v - beta v is largest at v = (alpha - 1) / beta."""
    modes = torch.tensor([4 / 2, 2 / 0.1, 2 / 0.1, 2 / 0.1], dtype=torch.float64).log()
    nothing = torch.zeros(0, dtype=torch.float64)
    zeros = torch.zeros(3, dtype=torch.float64)
    slope = prior_gradient(nothing, zeros, modes, zeros, SMALL)[2]
    torch.testing.assert_close(slope, torch.zeros(4, dtype=torch.float64), atol=1e-9, rtol=0)
    least = float(negative_log_prior(nothing, zeros, modes, zeros, SMALL))
    for shift in (-0.1, 0.1):
        assert float(negative_log_prior(nothing, zeros, modes + shift, zeros, SMALL)) > least


def test_equal_components_merge_and_those_at_zero_stay_there() -> None:
    means, precisions, shares = with_zero(
        torch.tensor([0.5, 0.5, -0.3, 0.001]), torch.tensor([4.0, 6.0, 6.0, 6.0, 4.0]), torch.zeros(4), 0.8
    )
    made = merged(means, precisions, shares, 1e-4)
    torch.testing.assert_close(made[0], torch.tensor([0.0, -0.3, 0.5]))
    torch.testing.assert_close(made[2].exp(), torch.tensor([0.85, 0.05, 0.1]))
    torch.testing.assert_close(made[1], torch.tensor([4.0, 6.0, 6.0]), atol=1e-3, rtol=0)
    assert len(merged(means, precisions, shares, 0.0)[0]) == 5


def test_a_weight_takes_the_mean_that_most_likely_drew_it() -> None:
    module = perceptron()
    form = Mixed(module, SoftSharing(components=2, span=0.3, deviation=0.1, zero=0.9), 100)
    form.present()
    for name, parameter in form.held.items():
        for weight, got in zip(form.trained[name].flatten().tolist(), parameter.flatten().tolist(), strict=True):
            likely = {
                m: p * math.exp(-((weight - m) ** 2) / 2 / 0.01) for m, p in ((0, 0.9), (-0.3, 0.05), (0.3, 0.05))
            }
            assert got == pytest.approx(max(likely, key=lambda mean: likely[mean]))
    form.scatter()
    assert torch.equal(module[0].weight, form.trained["0.weight"])


def test_it_draws_weights_together_and_its_file_has_few_values(tmp_path: Path) -> None:
    options = SoftSharing(
        components=6, span=0, tau=0.02, zero=0.6, zero_alpha=400.0, zero_beta=0.5, alpha=200.0, beta=0.5
    )
    training = Training(epochs=40, optimizer="adam", learning_rate=0.005)
    modules = [perceptron(), perceptron()]
    for module in modules:
        before, history = soft_sharing(module, batches(), options, training, validation=batches(seed=1))
    assert_equal(*modules)
    assert history[-1].error is not None
    assert history[-1].error < 0.1
    weights = torch.cat([parameter.flatten() for name, parameter in modules[0].named_parameters() if "weight" in name])
    assert len(weights[weights != 0].unique()) <= 6
    assert 0 < history[-1].density < 1
    assert set(before) == {"0.weight", "2.weight"}
    check_file(modules[0], (FEATURES,), tmp_path / "soft.eie", bits=4)
