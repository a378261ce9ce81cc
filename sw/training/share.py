"""Weight sharing (Deep Compression, section 3): the weights of a parameter take few values, found by k-means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.compress import kmeans
from sw.training.options import Options, by_name, check_names, choice, value_of, whole
from sw.training.parameters import is_bias, prunable


@dataclass(frozen=True, kw_only=True)
class Sharing(Options):
    """How many values are shared.

    Parameters
    ----------
    bits : of a code, 1 to 8, for all weights or by parameter name: at most ``2**bits - 1`` distinct values beside 0.
        With a mapping, parameters that it does not name are left as they are; biases are shared only if named.
    values : instead of bits, how many distinct values beside 0.
    init : first centroids: "linear" over the range of the values, "density" (equal numbers of values between them),
        "forgy" (values drawn at random), or "exact", the best centroids there are.
    seed : of "forgy".
    """

    bits: int | Mapping[str, int] | None = by_name(None, 1, 8, integers=True)
    values: int | Mapping[str, int] | None = by_name(None, 1, 255, integers=True)
    init: str = choice("linear", "linear", "density", "forgy", "exact")
    seed: int = whole(0, 0, 2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.bits is None) == (self.values is None):
            raise EieError("sharing takes bits or values, got both or neither")

    def most(self, name: str) -> int | None:
        """How many distinct values a parameter may take beside 0; None if it is not shared."""
        if isinstance(option := self.values if self.bits is None else self.bits, int) and is_bias(name):
            return None
        number = value_of(option, name)
        if number is None:
            return None
        return int(number) if self.bits is None else (1 << int(number)) - 1


def share(module: nn.Module, sharing: Sharing) -> dict[str, Tensor]:
    """Replace the nonzero weights of `module` in place by shared ones; zeros stay zero.

    Returns the shared parameters as they were before, by name: `fine_tune` may move weights between clusters by them.
    """
    before: dict[str, Tensor] = {}
    for name, parameter in shared_parameters(module, sharing).items():
        before[name] = parameter.detach().clone()
        with torch.no_grad():
            present = parameter != 0
            centroids, codes = cluster(parameter[present], sharing, name)
            parameter[present] = centroids[codes]
    return before


def shared_parameters(module: nn.Module, sharing: Sharing) -> dict[str, nn.Parameter]:
    """The parameters that are to be shared, by name; EieError if one is named that is not there."""
    candidates = prunable(module, biases=True)
    for option in (sharing.bits, sharing.values):
        check_names(option, list(candidates), "sharing")
    return {name: parameter for name, parameter in candidates.items() if sharing.most(name) is not None}


def cluster(weights: Tensor, sharing: Sharing, name: str) -> tuple[Tensor, Tensor]:
    """The shared values, ascending, of a parameter's nonzero weights (n,), and the index of each weight's."""
    init = cast("kmeans.Init", sharing.init)
    values = weights.detach().cpu().numpy()
    centroids, codes = kmeans.share(values, sharing.most(name) or 1, init=init, seed=sharing.seed)
    device = weights.device
    return torch.as_tensor(centroids, device=device), torch.as_tensor(codes.astype(np.int64), device=device)
