"""Structured sparsity learning: whole groups of weights become zero (Wen et al., NIPS 2016, arXiv 1608.03665).

The loss gets strength * sqrt(size) * |w_g| for every group g of weights (equation 2, a group lasso). A gradient would
never reach zero; the proximal step after each step of the optimiser does:
w_g *= max(0, 1 - rate * strength * sqrt(size) / |w_g|). The authors take the gradient and drop what is small. The root
of the group's size, as in Yuan and Lin (2006), keeps small groups from dying first.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.evaluate import Batches
from sw.training.loop import Epoch, Settings, optimise
from sw.training.methods.shadowed import Shadowed
from sw.training.optimiser import Training
from sw.training.options import Options, by_name, check_names, value_of

# Of each option: whether it is of matrices, and the axis along which groups lie beside each other.
GROUPS = {"filters": (False, 0), "channels": (False, 1), "shapes": (False, None), "neurons": (True, 0)}
GROUPS["columns"] = (True, 1)


@dataclass(frozen=True, kw_only=True)
class StructuredSparsity(Options):
    """The strength of each kind of group, for all parameters or by their names; 0 leaves it out.

    Parameters
    ----------
    filters, channels, shapes : of convolutions: w[n], w[:, c] and w[:, c, y, x].
    neurons, columns : of matrices: w[n] and w[:, c].
    """

    filters: float | Mapping[str, float] = by_name(0.0, 0, 1e6)
    channels: float | Mapping[str, float] = by_name(0.0, 0, 1e6)
    shapes: float | Mapping[str, float] = by_name(0.0, 0, 1e6)
    neurons: float | Mapping[str, float] = by_name(0.0, 0, 1e6)
    columns: float | Mapping[str, float] = by_name(0.0, 0, 1e6)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(getattr(self, kind) for kind in GROUPS):
            raise EieError(f"structured sparsity needs a strength of one of {', '.join(GROUPS)}, got none")


def structured_sparsity(
    module: nn.Module, data: Batches, groups: StructuredSparsity, training: Training, **settings: Unpack[Settings]
) -> list[Epoch]:
    """Train `module` in place until groups of weights are zero; `tidy` with `shrink` then makes its layers smaller.

    Returns every epoch's figures. Keywords: `sw.training.loop.Settings`.
    """
    if training.average:
        raise EieError("structured sparsity has no average of weights, which is never zero: training.average must be 0")
    return optimise(module, Grouped(module, groups), data, training, settings)


class Grouped(Shadowed):
    """Weights that each step of the optimiser moves, and then the penalty towards zero, group by group."""

    def __init__(self, module: nn.Module, groups: StructuredSparsity):
        super().__init__(module)
        self.strengths: dict[str, list[tuple[tuple[int, ...], float]]] = {name: [] for name in self.held}
        for kind, (matrix, axis) in GROUPS.items():
            option = getattr(groups, kind)
            fitting = [name for name, parameter in self.held.items() if (parameter.ndim == 2) == matrix]
            check_names(option, fitting, f"{kind} of structured sparsity")
            for name in fitting:
                strength = value_of(option, name) or 0.0
                if strength:
                    self.strengths[name].append((inside(self.held[name].ndim, axis), strength))
        self.pace = 0.0

    def advance(self, epoch: float, rate: float) -> bool:
        self.pace = rate
        return False

    def scatter(self) -> None:
        """After a step of the optimiser the penalty's as well; otherwise only what `Shadowed.scatter` does."""
        with torch.no_grad():
            for name, shadow in self.trained.items():
                for axes, strength in self.strengths[name]:
                    if self.pace:
                        shadow.copy_(shrunk(shadow, axes, self.pace * strength))
        self.pace = 0.0
        super().scatter()


def inside(axes: int, beside: int | None) -> tuple[int, ...]:
    """The axes inside a group of a weight tensor of so many: all but one, or the outputs' for None."""
    return (0,) if beside is None else tuple(axis for axis in range(axes) if axis != beside)


def shrunk(weight: Tensor, axes: tuple[int, ...], step: float) -> Tensor:
    """The proximal operator of step * sqrt(size) * sum of |w_g|, groups reaching over `axes`: v that minimises
    |v - w|**2 / 2 plus that."""
    size = math.prod(weight.shape[axis] for axis in axes)
    norms = weight.square().sum(dim=axes, keepdim=True).sqrt()
    return weight * (1 - step * math.sqrt(size) / norms.clamp_min(1e-30)).clamp_min(0)
