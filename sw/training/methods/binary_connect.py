"""BinaryConnect: weights of two values in both passes, real ones behind them (Courbariaux et al., NIPS 2015,
arXiv 1511.00363).

Deterministic, w_b = a if w >= 0, else -a (equation 1). Stochastic, w_b = a with probability clip((w / a + 1) / 2, 0, 1)
(equations 2 and 3), drawn anew at every step. The gradient of w_b changes w, which is clipped to [-a, a]. a is Glorot's
bound as in the authors' code, where batch normalisation takes the scale out again; without one it is what the file
holds. Weights of [-1, 1], a rate multiplied by 1 / a and outputs multiplied by a are the same.
"""

import math
from dataclasses import dataclass
from typing import Unpack

import torch
from torch import Tensor, nn

from sw.training.evaluate import Batches
from sw.training.loop import Epoch, Settings, optimise
from sw.training.methods.shadowed import Shadowed
from sw.training.optimiser import Training
from sw.training.options import Options, choice, flag


@dataclass(frozen=True, kw_only=True)
class BinaryConnect(Options):
    """How weights are made binary.

    Parameters
    ----------
    stochastic : while training; validation and what is handed over are always deterministic.
    scale : a of a parameter: "glorot", sqrt(1.5 / (inputs + outputs)), or the "mean" magnitude of its weights, which
        makes the binary weights nearest to them (Rastegari et al., 2016); those are clipped to [-1, 1] then.
    """

    stochastic: bool = flag(False)
    scale: str = choice("glorot", "glorot", "mean")


def binary_connect(
    module: nn.Module, data: Batches, binary: BinaryConnect, training: Training, **settings: Unpack[Settings]
) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Train `module` in place with weights of two values in each parameter; biases stay as they are.

    Returns the real weights behind them, and every epoch's figures, which are those of the deterministic network.
    """
    form = Binary(module, binary)
    form.scatter()
    history = optimise(module, form, data, training, settings)
    return form.before(), history


class Binary(Shadowed):
    """Real weights, and their signs in the forward pass."""

    def __init__(self, module: nn.Module, binary: BinaryConnect):
        super().__init__(module)
        self.binary = binary
        self.bounds = {name: glorot(parameter) for name, parameter in self.held.items()}

    def scale(self, name: str) -> Tensor | float:
        """a of a parameter."""
        if self.binary.scale == "glorot":
            return self.bounds[name]
        mask = self.masks[name]
        return (self.trained[name].abs() * mask).sum() / mask.sum().clamp_min(1)

    def made(self, name: str, shadow: Tensor) -> Tensor:
        return torch.where(shadow >= 0, 1.0, -1.0) * self.scale(name)

    def advance(self, epoch: float, rate: float) -> bool:
        if self.binary.stochastic:
            with torch.no_grad():
                for name, parameter in self.held.items():
                    drawn = self.drawn(name, self.trained[name])
                    torch.mul(drawn, self.masks[name], out=parameter)
        return False

    def drawn(self, name: str, shadow: Tensor) -> Tensor:
        """The weights of one step, at random."""
        a = self.scale(name)
        up = torch.rand_like(shadow) < ((shadow / a + 1) / 2).clamp(0, 1)
        return torch.where(up, 1.0, -1.0) * a

    def scatter(self) -> None:
        with torch.no_grad():
            for name, shadow in self.trained.items():
                bound = self.bounds[name] if self.binary.scale == "glorot" else 1.0
                shadow.clamp_(-bound, bound)
        super().scatter()


def glorot(weight: Tensor) -> float:
    """sqrt(1.5 / (inputs + outputs)): half the bound from which Glorot and Bengio (2010) draw weights uniformly."""
    kernel = math.prod(weight.shape[2:])
    return math.sqrt(1.5 / (kernel * (weight.shape[0] + weight.shape[1])))
