"""Sharing weights gradually: each weight is pulled towards the nearest of a few values while it is trained.

The pull grows until every weight stands at its value, so that weights can still change clusters where the loss wants
them to; sharing at once and training the centroids leaves them where k-means put them. It is the quadratic penalty of
Carreira-Perpiñán and Idelbayev (2017), applied after each step.
"""

from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from sw.training.evaluate import Batches
from sw.training.fine_tune import cluster_means, nearest
from sw.training.forms import Form, places_of_weights, restore_tensors
from sw.training.loop import Epoch, Settings, optimise
from sw.training.optimiser import Training
from sw.training.options import choice, real, whole
from sw.training.parameters import is_bias
from sw.training.share import Sharing, cluster, shared_parameters

SQUARES_KEPT = 0.999  # of the moving average of squared gradients, per step
LEAST_SQUARE = 1e-9  # a weight without gradient counts little, not nothing


@dataclass(frozen=True, kw_only=True)
class Pulling(Sharing):
    """How weights are pulled, and what is shared how: see `Sharing`.

    Parameters
    ----------
    first, last : share of the way to its value that a weight goes after every step, at the start and the end of the
        training; it grows exponentially between.
    every : steps between two updates of the values, each to the mean of the weights nearest to it.
    until : share of the training after which the values stay.
    mean : weights count "equal" in that mean, or with the moving average of their squared gradients, "fisher".
    """

    first: float = real(1e-4, 1e-12, 1)
    last: float = real(0.05, 1e-12, 1)
    every: int = whole(20, 1, 1_000_000)
    until: float = real(0.9, 0, 1)
    mean: str = choice("fisher", "equal", "fisher")


def pull(
    module: nn.Module,
    data: Batches,
    pulling: Pulling,
    training: Training,
    **settings: Unpack[Settings],
) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Train `module` in place until its weights share few values; zeros stay zero, biases may become zero.

    Returns what `share` returns and every epoch's figures, which are those of the shared weights.
    """
    form = Pulled(module, pulling, training.epochs)
    history = optimise(module, form, data, training, settings)
    return form.before(), history


class Pulled(Form):
    """Weights between what the loss and what sharing wants, and the values that they are to share."""

    def __init__(self, module: nn.Module, pulling: Pulling, epochs: int):
        super().__init__(module)
        self.pulling, self.epochs, self.steps = pulling, epochs, 0
        self.held = shared_parameters(module, pulling)
        self.places = {name: places_of_weights(p) for name, p in self.held.items()}
        self.trained = {}
        self.values: dict[str, Tensor] = {}
        for name, parameter in self.held.items():
            weights = parameter.detach()[self.places[name]].clone()
            self.trained[name] = weights.requires_grad_()
            self.values[name] = cluster(weights, pulling, name)[0]
            if is_bias(name):  # a bias may become zero, which costs nothing
                self.values[name] = torch.cat([self.values[name], self.values[name].new_zeros(1)])
        self.squares = {name: torch.zeros_like(weights) for name, weights in self.trained.items()}

    def gather(self) -> None:
        for name, parameter in self.held.items():
            if parameter.grad is not None:
                gradient = parameter.grad[self.places[name]]
                self.trained[name].grad = gradient
                self.squares[name].mul_(SQUARES_KEPT).addcmul_(gradient, gradient, value=1 - SQUARES_KEPT)

    def scatter(self) -> None:
        with torch.no_grad():
            for name, weights in self.trained.items():
                self.held[name][self.places[name]] = weights

    def present(self) -> None:
        with torch.no_grad():
            for name, weights in self.trained.items():
                self.held[name][self.places[name]] = self._shared(name, weights)

    def advance(self, epoch: float, rate: float) -> bool:
        done = epoch / self.epochs
        share = self.pulling.first * (self.pulling.last / self.pulling.first) ** done
        with torch.no_grad():
            for name, weights in self.trained.items():
                if self.steps % self.pulling.every == 0 and done < self.pulling.until:
                    self._update_values(name, weights)
                if self.steps:
                    weights.lerp_(self._shared(name, weights), share)
        self.steps += 1
        return False

    def before(self) -> dict[str, Tensor]:
        """The parameters as they are without the last step to their values."""
        result = {name: parameter.detach().clone() for name, parameter in self.held.items()}
        for name, tensor in result.items():
            tensor[self.places[name]] = self.trained[name].detach()
        return result

    def state(self) -> dict[str, Any]:
        return {
            "trained": {name: tensor.detach() for name, tensor in self.trained.items()},
            "values": self.values,
            "squares": self.squares,
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        restore_tensors(self.trained, state["trained"])
        restore_tensors(self.values, state["values"])
        restore_tensors(self.squares, state["squares"])
        self.steps = state["steps"]

    def _shared(self, name: str, weights: Tensor) -> Tensor:
        values = self.values[name]
        return values[nearest(values, weights)]

    def _update_values(self, name: str, weights: Tensor) -> None:
        values = self.values[name]
        counts = self.squares[name] + LEAST_SQUARE if self.pulling.mean == "fisher" else None
        means = cluster_means(values, weights, counts)
        values.copy_(torch.where(values == 0, values, means))
