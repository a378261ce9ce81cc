"""Changes to a `torch.nn.Sequential` that leave its function as it is and its file smaller."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sw.training.links import Layer, Link, constant, links
from sw.training.options import Options, choice, flag


@dataclass(frozen=True, kw_only=True)
class Tidying(Options):
    """Which changes are made.

    Parameters
    ----------
    fold : a unit all of whose weights are zero is a constant: it moves into the next layer's biases.
    drop : a unit that nothing uses loses its weights and its bias.
    reorder : hidden units in another order: "none"; or those with most weights in both layers first, "weights", which
        leaves the unused ones together at the end.
    shrink : a unit that nothing uses leaves, so that both its layers get smaller.
    """

    fold: bool = flag(True)
    drop: bool = flag(True)
    reorder: str = choice("none", "none", "weights")
    shrink: bool = flag(False)


def tidy(module: nn.Module, tidying: Tidying) -> None:
    """Change the linear and convolutional layers of `module` in place; outputs stay equal up to rounding.

    Folding gives biases new values, so it comes before biases are shared.
    """
    chain = links(module)
    with torch.no_grad():
        if tidying.fold:
            for link in chain:
                _fold(link)
        if tidying.drop:
            for link in reversed(chain):
                _drop(link)
        if tidying.reorder == "weights":
            for link in chain:
                _reorder(link)
        if tidying.shrink:
            for link in chain:
                _shrink(link)


def _fold(link: Link) -> None:
    if link.source.bias is None or link.target.bias is None:
        return
    units = ~(link.source.weight != 0).flatten(1).any(dim=1)
    values = constant(link, torch.where(units, link.source.bias, 0))
    if values is None:
        return
    users = link.by_unit(link.target.weight).clone()
    link.target.bias.add_(users.sum(dim=2) @ values)
    users[:, units] = 0
    link.target.weight.copy_(users.reshape(link.target.weight.shape))
    link.source.bias[units] = 0


def _drop(link: Link) -> None:
    unused = ~(link.by_unit(link.target.weight) != 0).any(dim=2).any(dim=0)
    link.source.weight[unused] = 0
    if link.source.bias is not None:
        link.source.bias[unused] = 0


def _reorder(link: Link) -> None:
    users = link.by_unit(link.target.weight)
    weights = (link.source.weight != 0).flatten(1).sum(dim=1) + (users != 0).sum(dim=(0, 2))
    order = torch.argsort(weights, descending=True, stable=True)
    link.target.weight.copy_(users[:, order].reshape(link.target.weight.shape))
    link.source.weight.copy_(link.source.weight[order])
    if link.source.bias is not None:
        link.source.bias.copy_(link.source.bias[order])


def _shrink(link: Link) -> None:
    users = link.by_unit(link.target.weight)
    used = (users != 0).any(dim=2).any(dim=0)
    if not used.any():
        used[0] = True  # a layer has at least one unit
    keep_units(link, used)


def keep_units(link: Link, kept: Tensor) -> None:
    """Leave the units of a link's source in both its layers that a mask (units,) or indices say, in their order."""
    source, target = link.source, link.target
    users = link.by_unit(target.weight)[:, kept]
    kernel = target.weight.shape[2:]
    _put(source, source.weight[kept], None if source.bias is None else source.bias[kept])
    _put(target, users.reshape(len(users), -1, *kernel), target.bias)


def _put(layer: Layer, weight: Tensor, bias: Tensor | None) -> None:
    layer.weight = nn.Parameter(weight.detach().clone(memory_format=torch.contiguous_format))
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    outputs, inputs = weight.shape[:2]
    if isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = outputs, inputs
    else:
        layer.out_channels, layer.in_channels = outputs, inputs * layer.groups
