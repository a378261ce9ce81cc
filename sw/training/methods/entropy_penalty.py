"""Entropy-penalised reparameterisation: weights on a grid whose steps and bits are trained (Oktay et al., ICLR 2020,
arXiv 1906.06624).

W = step * round(Phi), the gradient passing the rounding straight through, and step = exp(trained). The loss gets
strength times the mean over all weights of a penalty of Phi: "log", log((|Phi| + alpha) / alpha), as in the public
tutorial; or "bits" of Phi + U(-1/2, 1/2) (equation 5) under a logistic density of trained width in each layer. Phi is
clipped to whole numbers of steps, so that codes of few bits hold them.
"""

import math
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from sw.training.evaluate import Batches
from sw.training.loop import Epoch, Settings, optimise
from sw.training.methods.shadowed import Shadowed
from sw.training.optimiser import Training
from sw.training.options import Options, choice, real, whole


@dataclass(frozen=True, kw_only=True)
class EntropyPenalty(Options):
    """The grid and what its values cost.

    Parameters
    ----------
    strength : of the penalty.
    penalty : "log" or "bits".
    alpha : of "log".
    step : of the grid, at first; 0 for the largest weight of a parameter over `levels`.
    levels : most steps from zero: 7 makes 15 values.
    rate : learning rate of Phi relative to that of everything else.
    """

    strength: float = real(2.0, 0, 1e6)
    penalty: str = choice("log", "log", "bits")
    alpha: float = real(1.0, 1e-6, 1e6)
    step: float = real(math.exp(-4), 0, 1000)
    levels: int = whole(7, 1, 127)
    rate: float = real(1.0, 0, 1e6)


def entropy_penalty(
    module: nn.Module, data: Batches, entropy: EntropyPenalty, training: Training, **settings: Unpack[Settings]
) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Train `module` in place with weights on a grid of each parameter's own; biases stay as they are.

    Returns step * Phi, and every epoch's figures.
    """
    form = Gridded(module, entropy)
    form.scatter()
    history = optimise(module, form, data, training, settings)
    return form.before(), history


class Gridded(Shadowed):
    """Phi in the place of each weight, and of each parameter the logarithms of its step and of its density's width."""

    def __init__(self, module: nn.Module, entropy: EntropyPenalty):
        super().__init__(module)
        self.entropy = entropy
        self.count = sum(parameter.numel() for parameter in self.held.values())
        for name, parameter in self.held.items():
            step = entropy.step or float(parameter.detach().abs().max()) / entropy.levels or 1.0
            with torch.no_grad():
                self.trained[name].div_(step)
            for what, value in (("step", math.log(step)), ("width", 0.0)):
                self.trained[f"{name} {what}"] = torch.tensor(value, device=parameter.device).requires_grad_()

    def decays(self, name: str) -> bool:
        return name in self.held and super().decays(name)

    def rate(self, name: str) -> float:
        return self.entropy.rate if name in self.held else 1.0

    def step(self, name: str) -> Tensor:
        """The grid's step of a parameter."""
        return self.trained[f"{name} step"].detach().exp()

    def made(self, name: str, shadow: Tensor) -> Tensor:
        return self.step(name) * shadow.round()

    def gather(self) -> None:
        for name, parameter in self.held.items():
            if parameter.grad is None:
                continue
            gradient, mask = parameter.grad * self.masks[name], self.masks[name]
            phi, width = self.trained[name], self.trained[f"{name} width"]
            phi.grad, width.grad = None, None
            cost: Any = self.entropy.strength / self.count * self.cost(phi, width)[mask].sum()
            cost.backward()
            slope = self.step(name) * gradient
            phi.grad = slope if phi.grad is None else slope + phi.grad
            self.trained[f"{name} step"].grad = (gradient * parameter.detach()).sum()

    def cost(self, phi: Tensor, width: Tensor) -> Tensor:
        """The penalty of each Phi."""
        if self.entropy.penalty == "log":
            return (1 + phi.abs() / self.entropy.alpha).log()
        return bits(phi + torch.rand_like(phi) - 0.5, width)

    def scatter(self) -> None:
        with torch.no_grad():
            for name in self.held:
                self.trained[name].clamp_(-self.entropy.levels, self.entropy.levels)
        super().scatter()

    def before(self) -> dict[str, Tensor]:
        return {name: self.step(name) * phi for name, phi in super().before().items()}


def bits(phi: Tensor, width: Tensor) -> Tensor:
    """-log2 of the mass of [phi - 1/2, phi + 1/2] under a logistic density around 0; `width` is the log of its scale.

    The mass is sigmoid(b) - sigmoid(a) = sigmoid(b) * sigmoid(-a) * (1 - exp(a - b)), which loses no digits.
    """
    scale = width.exp()
    below, above = (phi - 0.5) / scale, (phi + 0.5) / scale
    inside = functional.logsigmoid(above) + functional.logsigmoid(-below) + torch.log(-torch.expm1(below - above))
    return -inside / math.log(2)
