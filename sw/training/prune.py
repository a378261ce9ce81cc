"""Magnitude pruning with retraining (Deep Compression, section 2), and masks that can grow back.

With `Pruning.splice` dense shadow weights stand behind the pruned ones and take their gradient too, so that a weight
which becomes large again returns (Dynamic Network Surgery, Guo et al., NIPS 2016). Without it a pruned weight stays
exactly zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.evaluate import Batches
from sw.training.forms import Form, restore_tensors, shadows
from sw.training.links import drop_dead_units
from sw.training.loop import Epoch, Settings, optimise
from sw.training.optimiser import Training
from sw.training.options import Options, by_name, check_names, choice, flag, real, value_of
from sw.training.parameters import prunable

SQUARES_KEPT = 0.999  # of the moving average of squared gradients, per step


@dataclass(frozen=True, kw_only=True)
class Pruning(Options):
    """What is pruned when. One of `density` and `sensitivity` is given, for all parameters or by their names.

    Parameters
    ----------
    density : share of the weights that stay at the end: of all together, or of each parameter with a mapping.
    sensitivity : weights below this many standard deviations of their parameter go, as in the code of the method's
        authors; the standard deviation is that of the weights at the start.
    score : what is compared between parameters for one density: the "magnitude"; the magnitude "normalised" by the
        parameter's standard deviation at the start; or "lamp", the magnitude over the root of the sum of squares of
        all weights at least as large (Lee et al., ICLR 2021); or "fisher", the magnitude times the root of the moving
        average of the squared gradient, which estimates how much the loss rises without the weight.
    scale : multiplies the scores of a parameter.
    biases : prune biases as well; a mapping must name them to.
    start, end : epochs between which the target falls from all weights to its final value.
    every : epochs between two updates of the mask.
    exponent : of the fall, ``1 - (1 - t)**exponent``: 1 is linear, 3 is the cubic schedule of Zhu and Gupta (2017).
    splice : weights may return.
    hysteresis : by how much the score of a present weight counts more than that of an absent one.
    fade : absent weights shrink by this times the learning rate per step; with Adam they return too easily otherwise.
    freeze : epoch after which the mask no longer changes; it does until the last one if this is 0.
    reset_momentum : the optimiser forgets its momentum at every update of the mask.
    dead_units : a unit that no later layer uses loses its weights at once (for `torch.nn.Sequential`).
    """

    density: float | Mapping[str, float] | None = by_name(None, 0, 1)
    sensitivity: float | Mapping[str, float] | None = by_name(None, 0, 1000)
    score: str = choice("magnitude", "magnitude", "normalised", "lamp", "fisher")
    scale: float | Mapping[str, float] = by_name(1.0, 0, 1e9)
    biases: bool = flag(False)
    start: float = real(0.0, 0, 100_000)
    end: float = real(0.0, 0, 100_000)
    every: float = real(1.0, 1e-6, 100_000)
    exponent: float = real(3.0, 0.1, 10)
    splice: bool = flag(False)
    hysteresis: float = real(1.0, 1, 100)
    fade: float = real(0.0, 0, 1e6)
    freeze: float = real(0.0, 0, 100_000)
    reset_momentum: bool = flag(True)
    dead_units: bool = flag(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.density is None) == (self.sensitivity is None):
            raise EieError("pruning takes a density or a sensitivity, got both or neither")
        if self.end < self.start:
            raise EieError(f"pruning must end after it starts, got start {self.start:g} and end {self.end:g}")
        if self.freeze and self.freeze < self.end:
            raise EieError(f"the mask can freeze only once pruning ends, got end {self.end:g}, freeze {self.freeze:g}")
        if self.score == "fisher" and self.start == self.end:
            raise EieError("the fisher score needs epochs to see gradients: pruning must end after it starts")
        if self.sensitivity is not None and self.score != "magnitude":
            raise EieError(f"a sensitivity is compared with magnitudes, got score {self.score}")


def prune(
    module: nn.Module, data: Batches, pruning: Pruning, training: Training, **settings: Unpack[Settings]
) -> list[Epoch]:
    """Prune `module` in place while it trains; zeros that it has at the start count as pruned.

    Returns every epoch's figures. Keywords: `sw.training.loop.Settings`. Without epochs the final mask is applied once
    and nothing is retrained.
    """
    form = Masked(module, pruning)
    history = optimise(module, form, data, training, settings)
    form.finish()
    return history


class Masked(Form):
    """Shadow weights and the masks that let them through."""

    def __init__(self, module: nn.Module, pruning: Pruning):
        super().__init__(module)
        self.module, self.pruning = module, pruning
        targets = pruning.density if pruning.sensitivity is None else pruning.sensitivity
        named = isinstance(targets, Mapping)
        candidates = prunable(module, biases=pruning.biases or named)
        for option in (targets, pruning.scale):
            check_names(option, list(candidates), "pruning")
        self.held = {name: p for name, p in candidates.items() if value_of(targets, name) is not None}
        self.trained = shadows(self.held)
        with torch.no_grad():
            self.masks = {name: parameter != 0 for name, parameter in self.held.items()}
            self.deviations = {name: p.std(correction=0) for name, p in self.held.items()}
        self.squares = {name: torch.zeros_like(p) for name, p in self.held.items()} if pruning.score == "fisher" else {}
        self.initial = {name: int(mask.sum()) for name, mask in self.masks.items()}
        self.grows = pruning.splice
        self.settled = False
        self.updated: float | None = None

    def gather(self) -> None:
        for name, parameter in self.held.items():
            gradient = parameter.grad
            if gradient is not None:
                self.trained[name].grad = gradient if self.grows else gradient * self.masks[name]
                if self.squares:
                    self.squares[name].mul_(SQUARES_KEPT).addcmul_(gradient, gradient, value=1 - SQUARES_KEPT)

    def scatter(self) -> None:
        with torch.no_grad():
            for name, parameter in self.held.items():
                if not self.grows:
                    self.trained[name].mul_(self.masks[name])
                torch.mul(self.trained[name], self.masks[name], out=parameter)

    def advance(self, epoch: float, rate: float) -> bool:
        pruning = self.pruning
        if self.grows and pruning.fade:
            self._fade(min(pruning.fade * rate, 1.0))
        if self.settled and not (pruning.splice and (epoch < pruning.freeze or not pruning.freeze)):
            self.grows = False
            return False
        due = self.updated is None or epoch - self.updated >= pruning.every
        if epoch < pruning.start or not (due or (epoch >= pruning.end and not self.settled)):
            return False
        self.update(epoch)
        return pruning.reset_momentum

    def update(self, epoch: float) -> None:
        """The masks of this moment; the module's weights follow."""
        pruning = self.pruning
        span = pruning.end - pruning.start
        time = min(max((epoch - pruning.start) / span, 0.0), 1.0) if span else 1.0
        fallen = 1 - (1 - time) ** pruning.exponent
        if fallen:
            self._remask(fallen)
        self.updated, self.settled = epoch, time == 1
        self.scatter()

    def _fade(self, share: float) -> None:
        with torch.no_grad():
            for name, tensor in self.trained.items():
                tensor.lerp_(tensor * self.masks[name], share)

    def _remask(self, fallen: float) -> None:
        pruning = self.pruning
        with torch.no_grad():
            scores = {name: self.score(name) for name in self.held}
            if pruning.sensitivity is not None:
                for name, score in scores.items():
                    threshold = (value_of(pruning.sensitivity, name) or 0.0) * fallen * self.deviations[name]
                    self.masks[name].copy_((score >= threshold) & (score > 0))
            elif isinstance(pruning.density, Mapping):
                for name in scores:
                    self._keep_largest({name: scores[name]}, pruning.density[name], fallen)
            else:
                self._keep_largest(scores, pruning.density or 0.0, fallen)
            if pruning.dead_units:
                drop_dead_units(self.module, self.masks)

    def score(self, name: str) -> Tensor:
        """How much each weight of a parameter counts when weights are compared."""
        score = self.trained[name].abs()
        if self.pruning.score == "normalised":
            score = score / self.deviations[name].clamp_min(1e-30)
        elif self.pruning.score == "lamp":
            ordered, places = score.flatten().square().sort(descending=True, stable=True)
            shares = torch.empty_like(ordered)
            shares[places] = ordered / ordered.cumsum(0).clamp_min(1e-30)
            score = shares.sqrt().view_as(score)
        elif self.pruning.score == "fisher":
            score = score * self.squares[name].sqrt()
        score = score * (value_of(self.pruning.scale, name) or 1.0)
        return torch.where(self.masks[name], score * self.pruning.hysteresis, score)

    def finish(self) -> None:
        """Apply the final target if no epoch did."""
        if not self.settled:
            self.update(self.pruning.end)

    def state(self) -> dict[str, Any]:
        return {
            "trained": {name: tensor.detach() for name, tensor in self.trained.items()},
            "masks": self.masks,
            "deviations": self.deviations,
            "squares": self.squares,
            "initial": self.initial,
            "grows": self.grows,
            "settled": self.settled,
            "updated": self.updated,
        }

    def restore(self, state: dict[str, Any]) -> None:
        restore_tensors(self.trained, state["trained"])
        restore_tensors(self.masks, state["masks"])
        restore_tensors(self.deviations, state["deviations"])
        restore_tensors(self.squares, state["squares"])
        self.initial, self.grows = state["initial"], state["grows"]
        self.settled, self.updated = state["settled"], state["updated"]

    def _keep_largest(self, scores: dict[str, Tensor], density: float, fallen: float) -> None:
        """Masks of the parameters in `scores` that together let as many weights through as is due."""
        flat = torch.cat([score.flatten() for score in scores.values()])
        initial = sum(self.initial[name] for name in scores)
        wanted = round(initial + (density * flat.numel() - initial) * fallen)
        keep = largest(flat, wanted)
        start = 0
        for name, score in scores.items():
            self.masks[name].copy_(keep[start : start + score.numel()].view_as(score))
            start += score.numel()


def largest(scores: Tensor, count: int) -> Tensor:
    """Mask of the `count` largest scores above 0, of equal ones those that come first."""
    if count <= 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    smallest = torch.topk(scores, min(count, scores.numel()), sorted=False).values.min()
    keep = scores > smallest
    ties = torch.nonzero(scores == smallest).flatten()
    keep[ties[: count - int(keep.sum())]] = True
    return keep & (scores > 0)
