"""What methods that remove units share: how many stay, and what the next layer is given."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.errors import EieError
from sw.training.evaluate import Batches, to_device
from sw.training.links import Link, links
from sw.training.options import check_names, value_of


def reducible(module: nn.Module, keep: float | Mapping[str, float], what: str) -> list[tuple[Link, int]]:
    """The layers that lose units, first to last, each with the number that stays: a share of them, at least one."""
    chain = links(module)
    check_names(keep, [f"{link.before}.weight" for link in chain], what)
    found: list[tuple[Link, int]] = []
    for link in chain:
        share, units = value_of(keep, f"{link.before}.weight"), len(link.source.weight)
        if share is not None and max(1, round(share * units)) < units:
            found.append((link, max(1, round(share * units))))
    return found


def received(module: nn.Module, link: Link, data: Batches, count: int) -> Tensor:
    """What the link's target is given for up to `count` inputs: (n, features) or (n, channels, rows, columns)."""
    if not len(data):
        raise EieError("data must have at least one batch, got none")
    seen: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].detach())

    was_training, device = module.training, next(module.parameters()).device
    module.eval()
    handle = link.target.register_forward_pre_hook(keep)
    with torch.no_grad():
        for inputs, _ in data:
            module(to_device(inputs, device))
            if sum(map(len, seen)) >= count:
                break
    handle.remove()
    module.train(was_training)
    return torch.cat(seen)[:count]


def by_unit(link: Link, given: Tensor) -> Tensor:
    """(units of the source, everything that a unit gives) of what `received` returns."""
    units = len(link.source.weight)
    return given.reshape(len(given), units, -1).transpose(0, 1).flatten(1)


def windows(link: Link, given: Tensor) -> Tensor:
    """(positions of all inputs, units of the source, weights for a unit): what each output of the target sums."""
    target = link.target
    if isinstance(target, nn.Conv2d):
        if isinstance(target.padding, str):
            raise EieError(f"{link.after}: padding must be a number, got {target.padding!r}")
        columns = functional.unfold(given, target.kernel_size, target.dilation, target.padding, target.stride)
        given = columns.transpose(1, 2).flatten(0, 1)
    return given.reshape(len(given), len(link.source.weight), -1)
