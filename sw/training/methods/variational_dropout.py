"""Sparse variational dropout: each weight learns how much noise it bears, and what bears much leaves (Molchanov et al.,
ICML 2017, arXiv 1701.05369).

q(w) = N(theta, sigma**2), alpha = sigma**2 / theta**2. The loss gets KL(q || log-uniform) / cases (equation 14):
KL = -(k1 sigmoid(k2 + k3 log alpha) - log(1 + 1 / alpha) / 2 - k1) for each weight. While training a layer's outputs
are drawn from N(theta x, sigma**2 x**2), the local reparameterisation. Weights of log alpha above 3 are zero
afterwards, the others theta. The penalty begins late and grows, as in the authors' code.
"""

from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.errors import EieError
from sw.training.evaluate import Batches
from sw.training.loop import Epoch, Settings, optimise
from sw.training.methods.shadowed import Shadowed
from sw.training.methods.structure import layers_of
from sw.training.optimiser import Training
from sw.training.options import Options, real

K1, K2, K3 = 0.63576, 1.87320, 1.48695
BOUND = 8.0  # of log alpha
TINY = 1e-8


@dataclass(frozen=True, kw_only=True)
class VariationalDropout(Options):
    """The noise and its price.

    Parameters
    ----------
    log_variance : log sigma**2 at first.
    threshold : of log alpha, above which a weight is zero.
    begin, full : epochs between which the weight of the penalty grows from 0 to `strength`.
    strength : of the penalty; 1 as derived.
    """

    log_variance: float = real(-10.0, -30, 2)
    threshold: float = real(3.0, -BOUND, BOUND)
    begin: float = real(5.0, 0, 100_000)
    full: float = real(20.0, 0, 100_000)
    strength: float = real(1.0, 0, 1000)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.full < self.begin:
            raise EieError(f"the penalty is full after it begins, got begin {self.begin:g} and full {self.full:g}")


def variational_dropout(
    module: nn.Module, data: Batches, dropout: VariationalDropout, training: Training, **settings: Unpack[Settings]
) -> list[Epoch]:
    """Train the linear and convolutional layers of `module` in place with noise, until many weights are zero.

    Returns every epoch's figures, which are those of the sparse network without noise.
    """
    if not len(data):
        raise EieError("training data must have at least one batch, got none")
    inputs, _ = next(iter(data))
    form = Noisy(module, dropout, len(data) * len(inputs))
    try:
        return optimise(module, form, data, training, settings)
    finally:
        for handle in form.handles:
            handle.remove()


class Noisy(Shadowed):
    """theta and log sigma**2 of every weight; hooks give the layers' outputs their noise."""

    def __init__(self, module: nn.Module, dropout: VariationalDropout, cases: int):
        super().__init__(module)
        self.dropout, self.cases, self.weight = dropout, cases, 0.0
        layers = {**layers_of(module, nn.Linear), **layers_of(module, nn.Conv2d)}
        self.held = {name: parameter for name, parameter in self.held.items() if name in layers}
        self.trained = {name: self.trained[name] for name in self.held}
        self.handles = [layers[name][1].register_forward_hook(self._hook(name)) for name in self.held]
        for name, parameter in self.held.items():
            start = torch.full_like(parameter.detach(), dropout.log_variance)
            self.trained[f"{name} variance"] = start.requires_grad_()

    def decays(self, name: str) -> bool:
        return False

    def log_alpha(self, name: str) -> Tensor:
        """Of every weight of a parameter."""
        theta, variance = self.trained[name], self.trained[f"{name} variance"]
        return (variance - (theta.square() + TINY).log()).clamp(-BOUND, BOUND)

    def advance(self, epoch: float, rate: float) -> bool:
        begin, full = self.dropout.begin, self.dropout.full
        grown = 1.0 if epoch >= full else max(0.0, (epoch - begin) / (full - begin))
        self.weight = self.dropout.strength * grown
        for name in self.held:
            self.trained[f"{name} variance"].grad = None
        return False

    def gather(self) -> None:
        super().gather()
        if self.weight:
            for name in self.held:
                cost: Any = self.weight / self.cases * divergence(self.log_alpha(name))[self.masks[name]].sum()
                cost.backward()

    def present(self) -> None:
        with torch.no_grad():
            for name, parameter in self.held.items():
                parameter.mul_(self.log_alpha(name) <= self.dropout.threshold)

    def _hook(self, name: str) -> Any:
        def noise(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            if not layer.training or not torch.is_grad_enabled():
                return None
            variance = self.trained[f"{name} variance"].exp() * self.masks[name]
            squares = inputs[0].square()
            if isinstance(layer, nn.Linear):
                spread = functional.linear(squares, variance)
            else:
                spread = functional.conv2d(
                    squares, variance, None, layer.stride, layer.padding, layer.dilation, layer.groups
                )
            return output + (spread + TINY).sqrt() * torch.randn_like(output)

        return noise


def divergence(log_alpha: Tensor) -> Tensor:
    """KL of N(theta, alpha theta**2) from the log-uniform prior, its constant such that it is 0 for large alpha."""
    return K1 - K1 * torch.sigmoid(K2 + K3 * log_alpha) + functional.softplus(-log_alpha) / 2
