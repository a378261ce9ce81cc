"""Low rank with global error reconstruction: layers as products, trained to give the whole network's outputs again
(Lin et al., IJCAI 2016).

A matrix W becomes A B, the nearest of its rank (a truncated singular value decomposition, Eckart and Young), as two
layers without ReLU and bias between. All are then trained together on the mean over inputs of |z(x) - z'(x)|**2, z the
outputs of the network as it was and z' those it gives now, both before a softmax. No labels are used.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.distillation import Taught
from sw.training.evaluate import Batches
from sw.training.loop import Epoch, Settings
from sw.training.methods.structure import layers_of, replace
from sw.training.optimiser import Training
from sw.training.options import Options, by_name, check_names, value_of
from sw.training.train import train


@dataclass(frozen=True, kw_only=True)
class LowRank(Options):
    """Which matrices become products: one of both, for all linear layers or by parameter names.

    Parameters
    ----------
    rank : of a product. One that would not have fewer weights is an error.
    energy : the smallest rank whose singular values have this share of the sum of all squares; where the product would
        not have fewer weights than the matrix, the layer stays whole.
    """

    rank: int | Mapping[str, int] | None = by_name(None, 1, 1 << 20, integers=True)
    energy: float | Mapping[str, float] | None = by_name(None, 0, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.rank is None) == (self.energy is None):
            raise EieError("low rank takes a rank or an energy, got both or neither")


def low_rank(
    module: nn.Module, data: Batches, low: LowRank, training: Training, **settings: Unpack[Settings]
) -> list[Epoch]:
    """Replace linear layers of `module` by two each, called NAME.0 and NAME.1, and train all that is then there.

    Returns every epoch's figures. Keywords: `sw.training.loop.Settings`, of which the loss is the method's own.
    """
    whole = deepcopy(module)
    layers = layers_of(module, nn.Linear)
    option = low.energy if low.rank is None else low.rank
    check_names(option, list(layers), "low rank")
    for name, (path, layer) in layers.items():
        wanted = value_of(option, name)
        rank = None if wanted is None else _rank(name, layer.weight.detach(), wanted, low.rank is None)
        if rank is not None:
            replace(module, path, product(layer, rank))
    return reconstruct(module, whole, data, training, settings)


def reconstruct(
    module: nn.Module, whole: nn.Module, data: Batches, training: Training, settings: Settings
) -> list[Epoch]:
    """Train all of `module` to give the outputs of `whole`, which stays as it is."""
    whole.eval().requires_grad_(False)
    own = settings.copy()
    own["loss"] = reconstruction
    return train(module, Taught(data, whole), training, **own)


def reconstruction(outputs: Tensor, target: tuple[Any, Tensor]) -> Tensor:
    """The mean over inputs of the summed squared difference of outputs (n, ..) and those in (labels, outputs)."""
    return (outputs - target[1]).square().flatten(1).sum(1).mean()


def product(layer: nn.Linear, rank: int) -> nn.Sequential:
    """Two layers whose product is the nearest matrix of a rank; each has the roots of the singular values."""
    left, values, right = decomposed(layer.weight.detach())
    roots = values[:rank].sqrt()
    has_bias = "bias" in dict(layer.named_parameters(recurse=False))
    first = nn.Linear(layer.in_features, rank, bias=False)
    second = nn.Linear(rank, layer.out_features, bias=has_bias)
    made = nn.Sequential(first, second).to(layer.weight.device)
    with torch.no_grad():
        first.weight.copy_(roots[:, None] * right[:rank])
        second.weight.copy_(left[:, :rank] * roots)
        if has_bias:
            second.bias.copy_(layer.bias)
    return made


def decomposed(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U, the singular values in descending order, V transposed."""
    untyped: Any = torch.linalg
    left, values, right = untyped.svd(weight.double(), full_matrices=False)
    return left.to(weight.dtype), values.to(weight.dtype), right.to(weight.dtype)


def _rank(name: str, weight: Tensor, wanted: float, is_energy: bool) -> int | None:
    rows, columns = weight.shape
    most = (rows * columns - 1) // (rows + columns)  # of a product with fewer weights
    if not is_energy:
        if wanted > most:
            raise EieError(f"low rank: {name} has fewer weights as a product up to rank {most}, got {wanted:g}")
        return int(wanted)
    squares = decomposed(weight)[1].double().square()
    shares = squares.cumsum(0) / squares.sum().clamp_min(1e-300)
    rank = int((shares < wanted - 1e-12).sum()) + 1
    return rank if rank <= most else None
