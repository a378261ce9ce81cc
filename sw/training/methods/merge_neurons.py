"""Data-free parameter pruning: like units become one (Srinivas and Babu, BMVC 2015, arXiv 1507.06149).

Of units i and j with incoming weights w and outgoing weights a, j goes at a cost of
s_ij = mean(a_j**2) * |w_i - w_j|**2 (equation 6), biases among the weights, and its outgoing weights are added to those
of i. The cheapest pair goes first, and costs follow. Units behind a ReLU whose weights differ by a positive factor are
one up to that factor: weights are compared after each unit is divided by its norm, which its outgoing weights take.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

import torch
from torch import Tensor, nn

from sw.training.evaluate import Batches
from sw.training.links import Link
from sw.training.loop import Epoch, Settings
from sw.training.methods.units import reducible
from sw.training.optimiser import Training
from sw.training.options import Options, by_name, flag
from sw.training.tidy import keep_units
from sw.training.train import train


@dataclass(frozen=True, kw_only=True)
class MergeNeurons(Options):
    """How many units stay.

    Parameters
    ----------
    keep : share of the units of each layer but the last, or of layers by the names of their weights.
    normalise : compare units divided by their norms.
    """

    keep: float | Mapping[str, float] = by_name(0.5, 0, 1)
    normalise: bool = flag(True)


def merge_neurons(
    module: nn.Module, data: Batches, merging: MergeNeurons, training: Training, **settings: Unpack[Settings]
) -> list[Epoch]:
    """Merge units of a `torch.nn.Sequential` in place, without looking at data, and train what is left.

    Returns every epoch's figures. Keywords: `sw.training.loop.Settings`.
    """
    for link, count in reducible(module, merging.keep, "merge_neurons"):
        with torch.no_grad():
            if merging.normalise:
                _normalise(link)
            incoming, users = _incoming(link), link.by_unit(link.target.weight).clone()
            kept = merged(incoming, users, count)
            link.target.weight.copy_(users.reshape(link.target.weight.shape))
            keep_units(link, kept)
    return train(module, data, training, **settings)


def merged(incoming: Tensor, users: Tensor, count: int) -> Tensor:
    """Indices of the `count` units that stay, ascending; `users` (outputs, units, k) get the others' in place.

    Parameters
    ----------
    incoming : (units, n) weights and bias of each.
    """
    distances = torch.cdist(incoming.double(), incoming.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    distances.fill_diagonal_(torch.inf)
    present = torch.ones(len(incoming), dtype=torch.bool, device=incoming.device)
    while int(present.sum()) > count:
        into, gone = divmod(int(costs(distances, users).argmin()), len(incoming))
        users[:, into] += users[:, gone]
        users[:, gone] = 0
        present[gone] = False
        distances[gone], distances[:, gone] = torch.inf, torch.inf
    return torch.arange(len(incoming), device=incoming.device)[present]


def costs(distances: Tensor, users: Tensor) -> Tensor:
    """s_ij (units, units) that unit j goes into unit i, from squared distances and outgoing weights."""
    outgoing = users.double().square().sum(2).mean(0)
    return torch.where(distances.isinf(), torch.inf, distances * outgoing)


def _incoming(link: Link) -> Tensor:
    weight = link.source.weight.detach().flatten(1)
    bias = dict(link.source.named_parameters(recurse=False)).get("bias")
    return weight if bias is None else torch.cat([weight, bias.detach()[:, None]], 1)


def _normalise(link: Link) -> None:
    """Divide each unit by its norm, and multiply what it gives; ReLU, pooling and none between let factors through."""
    norms = _incoming(link).square().sum(1).sqrt().clamp_min(1e-12)
    link.source.weight.div_(norms.view(-1, *(1,) * (link.source.weight.ndim - 1)))
    for name, parameter in link.source.named_parameters(recurse=False):
        if name == "bias":
            parameter.div_(norms)
    users = link.by_unit(link.target.weight) * norms[:, None]
    link.target.weight.copy_(users.reshape(link.target.weight.shape))
