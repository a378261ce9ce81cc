"""Training shared weights (Deep Compression, section 3.3): the gradient of a centroid is the sum over its cluster."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.evaluate import Batches
from sw.training.forms import Form, places_of_weights, restore_tensors
from sw.training.loop import Epoch, Settings, optimise
from sw.training.optimiser import Training
from sw.training.options import Options, by_name, check_names, flag, real, value_of, whole
from sw.training.parameters import is_bias, prunable

MOST_VALUES = 255  # distinct values of a parameter beside 0: 8-bit codes


@dataclass(frozen=True, kw_only=True)
class FineTuning(Options):
    """How shared weights are trained.

    Parameters
    ----------
    reassign : each weight also has a shadow that takes the weight's own gradient, and at every step the weight belongs
        to the centroid nearest to its shadow; else the clusters are fixed, as in the paper.
    mean_every : steps after which each centroid becomes the mean of its shadows, with `reassign`; 0 for centroids that
        follow their gradient instead.
    rate : learning rate of the centroids relative to that of everything else.
    grid : bits of a centroid, its sign included: centroids are rounded to multiples of the smallest power of two at
        which the largest one has that many bits, so that a file can store them small; for all shared parameters or by
        name, 0 for any float32 value.
    """

    reassign: bool = flag(False)
    mean_every: int = whole(0, 0, 1_000_000)
    rate: float = real(1.0, 0, 1e6)
    grid: int | Mapping[str, int] = by_name(0, 0, 24, integers=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mean_every and not self.reassign:
            raise EieError(f"centroids can be means of shadows only with reassign, got mean_every {self.mean_every}")


def fine_tune(
    module: nn.Module,
    data: Batches,
    shared: Mapping[str, Tensor],
    fine_tuning: FineTuning,
    training: Training,
    **settings: Unpack[Settings],
) -> list[Epoch]:
    """Train the shared values of `module` in place: equal weights stay equal and zeros stay zero.

    Parameters that are not shared are trained as they are. Returns every epoch's figures.

    Parameters
    ----------
    shared : what `share` returned: the names of the shared parameters, which take at most 255 values beside 0, and
        their weights before they were shared. With `reassign` these follow the training in place.
    settings : see `sw.training.loop.Settings`.
    """
    form = Shared(module, fine_tuning, shared)
    form.scatter()
    history = optimise(module, form, data, training, settings)
    form.update(shared)
    return history


class Shared(Form):
    """Centroids, and which of them each weight that is not zero takes."""

    def __init__(self, module: nn.Module, fine_tuning: FineTuning, shared: Mapping[str, Tensor]):
        super().__init__(module)
        candidates = prunable(module, biases=True)
        check_names(dict.fromkeys(shared, 0.0), list(candidates), "shared weights")
        check_names(fine_tuning.grid, list(shared), "the grid")
        self.fine_tuning, self.steps = fine_tuning, 0
        self.held = {name: candidates[name] for name in shared}
        self.clusters = {
            name: _Clusters(
                name, parameter, shared[name], fine_tuning.reassign, int(value_of(fine_tuning.grid, name) or 0)
            )
            for name, parameter in self.held.items()
        }
        self.trained = {}
        for name, clusters in self.clusters.items():
            self.trained[f"{name} centroids"] = clusters.centroids
            if clusters.shadows is not None:
                self.trained[f"{name} shadows"] = clusters.shadows

    def decays(self, name: str) -> bool:
        parameter, kind = name.split(" ")
        return kind == "shadows" and not is_bias(parameter)

    def rate(self, name: str) -> float:
        return self.fine_tuning.rate if name.endswith(" centroids") else 1.0

    def gather(self) -> None:
        for clusters in self.clusters.values():
            clusters.gather(not self.fine_tuning.mean_every)

    def scatter(self) -> None:
        for clusters in self.clusters.values():
            clusters.scatter()

    def advance(self, epoch: float, rate: float) -> bool:
        self.steps += 1
        if self.fine_tuning.mean_every and self.steps % self.fine_tuning.mean_every == 0:
            for clusters in self.clusters.values():
                clusters.move_to_means()
        return False

    def update(self, shared: Mapping[str, Tensor]) -> None:
        """Write the shadows to where they came from."""
        with torch.no_grad():
            for name, clusters in self.clusters.items():
                if clusters.shadows is not None:
                    places = tuple(place.to(shared[name].device) for place in clusters.places)
                    shared[name][places] = clusters.shadows.to(shared[name].device)

    def state(self) -> dict[str, Any]:
        return {
            "trained": {name: tensor.detach() for name, tensor in self.trained.items()},
            "steps": self.steps,
            "codes": {name: clusters.codes for name, clusters in self.clusters.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        restore_tensors(self.trained, state["trained"])
        self.steps = state["steps"]
        for name, clusters in self.clusters.items():
            clusters.codes.copy_(state["codes"][name])


class _Clusters:
    """One parameter: its centroids, and at `places` the weights that take them by their `codes`."""

    def __init__(self, name: str, parameter: nn.Parameter, before: Tensor, reassign: bool, grid: int):
        self.parameter, self.grid = parameter, grid
        self.places = places_of_weights(parameter)
        values, self.codes = _distinct(parameter.detach()[self.places])
        if len(values) > MOST_VALUES:
            raise EieError(
                f"{name} must take at most {MOST_VALUES} values beside 0, it takes {len(values)}: share it first"
            )
        self.centroids = values.clone().requires_grad_()
        self.shadows: Tensor | None = None
        if reassign:
            self.shadows = before.to(parameter.device)[self.places].clone().requires_grad_()

    def gather(self, centroids: bool) -> None:
        if self.parameter.grad is None:
            return
        gradient = self.parameter.grad[self.places]
        self.centroids.grad = None
        if centroids:
            self.centroids.grad = torch.zeros_like(self.centroids).index_add_(0, self.codes, gradient)
        if self.shadows is not None:
            self.shadows.grad = gradient

    def move_to_means(self) -> None:
        if self.shadows is not None:
            with torch.no_grad():
                self.centroids.copy_(cluster_means(self.centroids, self.shadows))

    def scatter(self) -> None:
        with torch.no_grad():
            if self.shadows is not None:
                self.codes = nearest(self.centroids, self.shadows)
            values = on_grid(self.centroids, self.grid) if self.grid else self.centroids
            self.parameter[self.places] = values[self.codes]


def _distinct(values: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct values, ascending, and the index of each value among them."""
    untyped: Any = torch
    return untyped.unique(values, return_inverse=True)


def nearest(centroids: Tensor, values: Tensor) -> Tensor:
    """(n,) index of the centroid nearest to each value; centroids in any order, of equally near ones the smaller."""
    if not centroids.numel():
        return torch.zeros_like(values, dtype=torch.int64)
    ordered, order = centroids.sort(stable=True)
    bounds = (ordered[1:] + ordered[:-1]) / 2
    return order[torch.bucketize(values, bounds)]


def cluster_means(centroids: Tensor, values: Tensor, counts: Tensor | None = None) -> Tensor:
    """Each centroid's mean of the values nearest to it, weighted by `counts`; one without values stays."""
    codes = nearest(centroids, values)
    counts = torch.ones_like(values) if counts is None else counts
    totals = torch.zeros_like(centroids).index_add_(0, codes, counts)
    means = torch.zeros_like(centroids).index_add_(0, codes, values * counts) / totals.clamp_min(1e-30)
    return torch.where(totals > 0, means, centroids)


def on_grid(values: Tensor, bits: int) -> Tensor:
    """Values rounded to m * 2**e, m of `bits` bits with its sign, e the smallest that suits the largest of them."""
    largest = float(values.detach().abs().max()) if values.numel() else 0.0
    most = max((1 << (bits - 1)) - 1, 1)
    if largest == 0:
        return values
    step = 2.0 ** math.ceil(math.log2(largest / (most + 0.5)))
    return (values / step).round().clamp(-most, most) * step
