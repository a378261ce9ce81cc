"""Which layer's units feed which layer's inputs, in a `torch.nn.Sequential`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from model.errors import EieError

Layer = nn.Linear | nn.Conv2d

# Modules that keep a unit's values to themselves and map a constant to a constant.
UNITWISE = (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Dropout, nn.Identity)


@dataclass(frozen=True, eq=False)
class Link:
    """Two layers, one fed by the other.

    Parameters
    ----------
    before, after : their names in the module.
    source, target : the layers.
    between : the modules between them.
    """

    before: str
    after: str
    source: Layer
    target: Layer
    between: tuple[nn.Module, ...]

    def by_unit(self, weight: Tensor) -> Tensor:
        """The target's weights, or a mask of them, as (out, units of the source, weights for this unit)."""
        return weight.reshape(len(weight), len(self.source.weight), -1)


def links(module: nn.Module) -> list[Link]:
    """Every pair of layers that follow each other, from input to output; EieError unless it is a Sequential.

    A pair with anything but ReLU, pooling, flattening and dropout between them, or with a grouped convolution, is left
    out.
    """
    modules = leaves(module)
    places = [index for index, (_, part) in enumerate(modules) if isinstance(part, Layer)]
    found: list[Link] = []
    for first, second in pairwise(places):
        (before, source), (after, target) = modules[first], modules[second]
        between = tuple(part for _, part in modules[first + 1 : second])
        assert isinstance(source, Layer)
        assert isinstance(target, Layer)
        grouped = isinstance(target, nn.Conv2d) and target.groups != 1
        if all(isinstance(part, UNITWISE) for part in between) and not grouped:
            found.append(Link(before, after, source, target, between))
    return found


def drop_dead_units(module: nn.Module, masks: dict[str, Tensor]) -> None:
    """Clear the masks of weights and biases of units whose outputs no weight takes, from the last layer backwards."""
    for link in reversed(links(module)):
        users = masks.get(f"{link.after}.weight")
        if users is None:
            continue
        dead = ~link.by_unit(users).any(dim=2).any(dim=0)
        for part in ("weight", "bias"):
            mask = masks.get(f"{link.before}.{part}")
            if mask is not None:
                mask[dead] = False


def leaves(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules of a Sequential with their names, nested ones opened; EieError for anything but a Sequential."""
    if not isinstance(module, nn.Sequential):
        raise EieError(f"layers can be followed through a torch.nn.Sequential only, got {type(module).__name__}")
    return list(_leaves(module, ""))


def _leaves(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    untyped: Any = module
    for name, part in untyped.named_children():
        inner = f"{path}{name}"
        if isinstance(part, nn.Sequential):
            yield from _leaves(part, f"{inner}.")
        else:
            yield inner, part


def constant(link: Link, values: Tensor) -> Tensor | None:
    """What units with constant outputs `values` give the next layer; None if its inputs would not be constant."""
    for part in link.between:
        if isinstance(part, nn.ReLU):
            values = torch.relu(values)
        elif isinstance(part, nn.MaxPool2d | nn.AvgPool2d) and part.padding not in (0, (0, 0)):
            return None
    if isinstance(link.target, nn.Conv2d) and link.target.padding not in (0, (0, 0)):
        return None
    return values
