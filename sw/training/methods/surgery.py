"""Dynamic network surgery by the authors' rule: weights go and come back by fixed thresholds, ever more rarely (Guo et
al., NIPS 2016, arXiv 1608.04493).

Forward W * T; the gradient of the loss at W * T changes all of W (equation 3). With a probability of
(1 + gamma * step)**-power a step also changes T: 0 where |w| <= 0.9 t, 1 where |w| > 1.1 t, as it was between
(equation 4). t = max(mean + c * deviation, 0) of |w|, taken once at the start, as in the authors' code. `prune` with
`splice` is the same idea with a density in the place of thresholds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import nn

from model.errors import EieError
from sw.training.evaluate import Batches
from sw.training.forms import restore_tensors, shadows
from sw.training.loop import Epoch, Settings, optimise
from sw.training.methods.shadowed import Shadowed
from sw.training.optimiser import Training
from sw.training.options import Options, by_name, check_names, real, value_of
from sw.training.parameters import prunable

LOW, HIGH = 0.9, 1.1  # of the threshold


@dataclass(frozen=True, kw_only=True)
class Surgery(Options):
    """What is cut.

    Parameters
    ----------
    c : deviations above the mean at which a weight counts, for all weights or by parameter names, biases among them.
    gamma, power : of the probability.
    stop : epoch after which nothing is cut or spliced; 0 for never.
    """

    c: float | Mapping[str, float] | None = by_name(None, -100, 100)
    gamma: float = real(1e-4, 0, 1000)
    power: float = real(1.0, 0, 100)
    stop: float | Mapping[str, float] = by_name(0.0, 0, 100_000)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.c is None:
            raise EieError("surgery needs c, got none")


def surgery(
    module: nn.Module, data: Batches, cuts: Surgery, training: Training, **settings: Unpack[Settings]
) -> list[Epoch]:
    """Cut and splice weights of `module` in place while it trains; what is zero at the start may come back.

    Returns every epoch's figures. Keywords: `sw.training.loop.Settings`.
    """
    return optimise(module, Spliced(module, cuts), data, training, settings)


class Spliced(Shadowed):
    """All of W, and T in `masks`."""

    def __init__(self, module: nn.Module, cuts: Surgery):
        super().__init__(module)
        candidates = prunable(module, biases=isinstance(cuts.c, Mapping))
        for option in (cuts.c, cuts.stop):
            check_names(option, list(candidates), "surgery")
        self.cuts, self.steps = cuts, 0
        self.held = {name: each for name, each in candidates.items() if value_of(cuts.c, name) is not None}
        self.trained = shadows(self.held)
        self.thresholds: dict[str, float] = {}
        with torch.no_grad():
            self.masks = {name: parameter != 0 for name, parameter in self.held.items()}
            for name, parameter in self.held.items():
                sizes = parameter[self.masks[name]].abs()
                c = value_of(cuts.c, name) or 0.0
                t = float(sizes.mean() + c * sizes.std(correction=0)) if len(sizes) else 0.0
                self.thresholds[name] = max(t, 0.0)

    def gather(self) -> None:
        for name, parameter in self.held.items():
            if parameter.grad is not None:
                self.trained[name].grad = parameter.grad

    def advance(self, epoch: float, rate: float) -> bool:
        probability = (1 + self.cuts.gamma * self.steps) ** -self.cuts.power
        self.steps += 1
        for name in self.held:
            stop = value_of(self.cuts.stop, name) or 0.0
            if float(torch.rand(())) < probability and not 0 < stop <= epoch:
                self.cut(name)
        self.scatter()
        return False

    def cut(self, name: str) -> None:
        """T of a parameter by its weights as they are."""
        t, sizes = self.thresholds[name], self.trained[name].detach().abs()
        self.masks[name] &= sizes > LOW * t
        self.masks[name] |= sizes > HIGH * t

    def state(self) -> dict[str, Any]:
        return {**super().state(), "masks": self.masks, "steps": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        restore_tensors(self.masks, state["masks"])
        self.steps = state["steps"]
