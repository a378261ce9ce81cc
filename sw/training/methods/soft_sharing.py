"""Soft weight-sharing: a mixture of Gaussians, trained along with the weights, draws them together (Ullrich et al.,
ICLR 2017, arXiv 1702.04008).

The loss gets tau / cases * -log p(w), p(w) = prod_i sum_j pi_j N(w_i; mu_j, 1 / lambda_j) (equation 9), with a Gamma
prior on each lambda_j. Component 0 has mu_0 = 0 and a fixed large pi_0, which prunes. Afterwards components that have
become equal are merged, and each weight takes the mean of the component that most likely drew it. Values are the
authors'.
"""

import math
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.evaluate import Batches
from sw.training.loop import Epoch, Settings, optimise
from sw.training.methods.shadowed import Shadowed
from sw.training.optimiser import Training
from sw.training.options import Options, real, whole

BLOCK = 1 << 15  # weights at a time: all components of each fit a processor's cache
MEANS, PRECISIONS, SHARES = "mixture means", "mixture precisions", "mixture shares"


@dataclass(frozen=True, kw_only=True)
class SoftSharing(Options):
    """The mixture; one holds for all layers.

    Parameters
    ----------
    components : beside the one at zero.
    span : their means are first evenly spaced from -span to span; 0 for the largest magnitude of a weight.
    deviation : of every component, at first.
    zero : pi_0.
    tau : how strongly it draws.
    zero_alpha, zero_beta, alpha, beta : of the Gamma priors on the precisions, of component 0 and of the others.
    means_rate, mixture_rate : learning rates of means, and of precisions and shares, relative to that of the weights.
    merge : components merge where both divergences (Kullback-Leibler) are below this.
    """

    components: int = whole(15, 1, 255)
    span: float = real(0.6, 0, 1000)
    deviation: float = real(0.25, 1e-6, 1000)
    zero: float = real(0.99, 0.001, 0.9999)
    tau: float = real(0.003, 0, 1000)
    zero_alpha: float = real(5000.0, 1, 1e9)
    zero_beta: float = real(2.0, 1e-6, 1e9)
    alpha: float = real(250.0, 1, 1e9)
    beta: float = real(0.1, 1e-6, 1e9)
    means_rate: float = real(0.2, 0, 1000)
    mixture_rate: float = real(6.0, 0, 1000)
    merge: float = real(1e-10, 0, 1000)


def soft_sharing(
    module: nn.Module, data: Batches, mixture: SoftSharing, training: Training, **settings: Unpack[Settings]
) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Train `module` in place until its weights share few values; biases stay as they are.

    Returns the weights before the last step to their values, and every epoch's figures, which are those of the shared
    weights. `tau` is divided by the number of inputs: batches times the size of the first.
    """
    if not len(data):
        raise EieError("training data must have at least one batch, got none")
    inputs, _ = next(iter(data))
    form = Mixed(module, mixture, len(data) * len(inputs))
    history = optimise(module, form, data, training, settings)
    if not training.epochs:
        form.present()
    return form.before(), history


class Mixed(Shadowed):
    """Weights, and the mixture that they are drawn to."""

    def __init__(self, module: nn.Module, mixture: SoftSharing, cases: int):
        super().__init__(module)
        self.mixture, self.strength = mixture, mixture.tau / cases
        weights = self.flat()
        span = mixture.span or float(weights.abs().max())
        count, device = mixture.components, weights.device
        means = torch.linspace(-span, span, count, device=device)
        precisions = torch.full((count + 1,), -2 * math.log(mixture.deviation), device=device)
        for name, tensor in ((MEANS, means), (PRECISIONS, precisions), (SHARES, torch.zeros_like(means))):
            self.trained[name] = tensor.requires_grad_()

    def flat(self) -> Tensor:
        """All weights that are not pruned, (n,)."""
        return torch.cat([self.trained[name].detach()[self.masks[name]] for name in self.held])

    def decays(self, name: str) -> bool:
        return name in self.held and super().decays(name)

    def rate(self, name: str) -> float:
        if name in self.held:
            return 1.0
        return self.mixture.means_rate if name == MEANS else self.mixture.mixture_rate

    def gather(self) -> None:
        super().gather()
        slopes = prior_gradient(self.flat(), *self.components(), self.mixture)
        start = 0
        for name in self.held:
            mask, gradient = self.masks[name], self.trained[name].grad
            count = int(mask.sum())
            if gradient is not None:
                gradient[mask] += self.strength * slopes[0][start : start + count]
            start += count
        for name, slope in zip((MEANS, PRECISIONS, SHARES), slopes[1:], strict=True):
            self.trained[name].grad = self.strength * slope

    def components(self) -> tuple[Tensor, Tensor, Tensor]:
        """Free means (J,), log precisions (J + 1,) and unnormalised log shares (J,)."""
        means, precisions, shares = (self.trained[name].detach() for name in (MEANS, PRECISIONS, SHARES))
        return means, precisions, shares

    def present(self) -> None:
        means, precisions, shares = merged(*with_zero(*self.components(), self.mixture.zero), self.mixture.merge)
        with torch.no_grad():
            for name, parameter in self.held.items():
                mask = self.masks[name]
                weights = self.trained[name][mask]
                likeliest = torch.cat([
                    _likelihoods(part, means, precisions, shares).argmax(dim=1) for part in _blocks(weights)
                ])  # fmt: skip
                parameter[mask] = means[likeliest]


def with_zero(means: Tensor, precisions: Tensor, shares: Tensor, zero: float) -> tuple[Tensor, Tensor, Tensor]:
    """Means, log precisions and log shares (J + 1,) of all components, that at zero first."""
    rest = shares.log_softmax(0) + math.log1p(-zero)
    return nn.functional.pad(means, (1, 0)), precisions, nn.functional.pad(rest, (1, 0), value=math.log(zero))


def _blocks(weights: Tensor) -> list[Tensor]:
    untyped: Any = weights
    return list(untyped.split(BLOCK))


def _likelihoods(weights: Tensor, means: Tensor, precisions: Tensor, shares: Tensor) -> Tensor:
    """(n, J + 1) log of pi_j N(w_i; mu_j, 1 / lambda_j)."""
    squares = (weights[:, None] - means).square_().mul_(-precisions.exp() / 2)
    return squares.add_(shares + precisions / 2 - math.log(2 * math.pi) / 2)


def negative_log_prior(
    weights: Tensor, means: Tensor, precisions: Tensor, shares: Tensor, mixture: SoftSharing
) -> Tensor:
    """-log p(w) - log of the Gamma priors, up to their constants, as a scalar; see `with_zero` for the arguments."""
    likelihoods = _likelihoods(weights, *with_zero(means, precisions, shares, mixture.zero))
    alphas, betas = _gamma(precisions, mixture)
    return -likelihoods.logsumexp(1).sum() + ((1 - alphas) * precisions + betas * precisions.exp()).sum()


def prior_gradient(
    weights: Tensor, means: Tensor, precisions: Tensor, shares: Tensor, mixture: SoftSharing
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradient of `negative_log_prior` by weights (n,), means (J,), precisions (J + 1,) and shares (J,)."""
    all_means, _, all_shares = with_zero(means, precisions, shares, mixture.zero)
    by_weight: list[Tensor] = []
    by_mean, by_precision, drawn = (torch.zeros_like(all_means) for _ in range(3))
    scale = precisions.exp()
    for part in _blocks(weights):
        share = _likelihoods(part, all_means, precisions, all_shares).softmax(1)
        distance = part[:, None] - all_means
        pull = share * distance * scale
        by_weight.append(pull.sum(1))
        by_mean -= pull.sum(0)
        by_precision -= (share.sum(0) - (pull * distance).sum(0)) / 2
        drawn += share.sum(0)
    alphas, betas = _gamma(precisions, mixture)
    by_precision += 1 - alphas + betas * scale
    by_share = shares.softmax(0) * drawn[1:].sum() - drawn[1:]
    return torch.cat(by_weight), by_mean[1:], by_precision, by_share


def _gamma(precisions: Tensor, mixture: SoftSharing) -> tuple[Tensor, Tensor]:
    alphas, betas = torch.full_like(precisions, mixture.alpha), torch.full_like(precisions, mixture.beta)
    alphas[0], betas[0] = mixture.zero_alpha, mixture.zero_beta
    return alphas, betas


def merged(means: Tensor, precisions: Tensor, shares: Tensor, limit: float) -> tuple[Tensor, Tensor, Tensor]:
    """Components of which no two are closer than `limit`; the one at zero is first and stays there.

    Two that merge become one with their share, mean and variance.
    """
    parts: list[list[float]] = []
    columns: Any = torch.stack([means.double(), (-precisions).double().exp(), shares.double().exp()], 1)
    listed: list[list[float]] = columns.tolist()
    for part in [listed[0], *sorted(listed[1:])]:
        near = next(
            (each for each in reversed(parts) if max(_divergence(each, part), _divergence(part, each)) < limit), None
        )
        if near is None:
            parts.append(part)
            continue
        share = near[2] + part[2]
        mean = 0.0 if near is parts[0] else (near[0] * near[2] + part[0] * part[2]) / share
        variance = sum(w * (v + (m - mean) ** 2) for m, v, w in (near, part)) / share
        near[:] = mean, variance, share
    made = torch.tensor(parts, dtype=means.dtype, device=means.device)
    return made[:, 0], -made[:, 1].log(), made[:, 2].log()


def _divergence(one: list[float], other: list[float]) -> float:
    """Kullback-Leibler divergence of two Gaussians (mean, variance, ..)."""
    ratio = one[1] / other[1]
    return (ratio - 1 - math.log(ratio) + (one[0] - other[0]) ** 2 / other[1]) / 2
