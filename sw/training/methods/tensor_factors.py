"""Tensor factorisation of convolutions: Tucker-2 (Kim et al., ICLR 2016, arXiv 1511.06530) and CP (Lebedev et al., ICLR
2015, arXiv 1412.6553).

Tucker-2: K[n, c, y, x] = sum_ab U[n, a] core[a, b, y, x] V[c, b], as 1x1 to the second rank, a convolution of K's size
and 1x1 from the first. CP: K[n, c, y, x] = sum_r N[n, r] C[c, r] Y[y, r] X[x, r], as 1x1, a column and a row for each
of the rank's channels alone, and 1x1. tensorly decomposes: orthogonal iterations, alternating least squares.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model.errors import EieError
from sw.extras import pip_install
from sw.training.evaluate import Batches
from sw.training.loop import Epoch, Settings
from sw.training.methods.low_rank import reconstruct
from sw.training.methods.structure import layers_of, replace
from sw.training.optimiser import Training
from sw.training.options import Options, by_name, check_names, choice, value_of, whole
from sw.training.train import train

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TensorFactors(Options):
    """Which convolutions become factors: those with a rank, for all or by parameter names.

    Parameters
    ----------
    form : "tucker" or "cp".
    rank : of CP; of Tucker-2 the rank of the outputs, at most their number.
    input_rank : of Tucker-2; without it that of the inputs is not reduced.
    iterations : of the decomposition.
    train_on : "labels" with the usual loss, or the "outputs" of the network as it was, as `low_rank` does.
    """

    form: str = choice("tucker", "tucker", "cp")
    rank: int | Mapping[str, int] | None = by_name(None, 1, 1 << 20, integers=True)
    input_rank: int | Mapping[str, int] | None = by_name(None, 1, 1 << 20, integers=True)
    iterations: int = whole(200, 1, 100_000)
    train_on: str = choice("labels", "labels", "outputs")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank is None:
            raise EieError("tensor factors need a rank, got none")
        if self.form == "cp" and self.input_rank is not None:
            raise EieError("CP has one rank, got an input_rank")


def tensor_factors(
    module: nn.Module, data: Batches, factors: TensorFactors, training: Training, **settings: Unpack[Settings]
) -> list[Epoch]:
    """Replace convolutions of `module` by chains called NAME.0, NAME.1 and so on, and train all that is then there.

    Returns every epoch's figures. Keywords: `sw.training.loop.Settings`.
    """
    before = deepcopy(module)
    layers = layers_of(module, nn.Conv2d)
    for option in (factors.rank, factors.input_rank):
        check_names(option, list(layers), "tensor factors")
    for name, (path, layer) in layers.items():
        rank = value_of(factors.rank, name)
        if rank is not None:
            if layer.groups != 1:
                raise EieError(f"tensor factors: {name} must be of a convolution without groups, got {layer.groups}")
            inputs = value_of(factors.input_rank, name)
            ranks = int(rank), layer.in_channels if inputs is None else int(inputs)
            replace(module, path, _chain(name, layer, ranks, factors))
    if factors.train_on == "outputs":
        return reconstruct(module, before, data, training, settings)
    return train(module, data, training, **settings)


def _chain(name: str, layer: nn.Conv2d, ranks: tuple[int, int], factors: TensorFactors) -> nn.Sequential:
    kernel: Array = layer.weight.detach().cpu().double().numpy()
    geometry: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    if factors.form == "tucker":
        if ranks[0] > kernel.shape[0] or ranks[1] > kernel.shape[1]:
            raise EieError(f"tensor factors: ranks of {name} go up to {kernel.shape[:2]}, got {ranks}")
        outputs, core, inputs = tucker(kernel, ranks, factors.iterations)
        parts: list[tuple[Array, dict[str, Any]]] = [
            (inputs.T[:, :, None, None], {}),
            (core, geometry),
            (outputs[:, :, None, None], {}),
        ]
    else:
        n, c, y, x = canonical(kernel, ranks[0], factors.iterations)
        down, across = (_along(name, layer, axis) for axis in (0, 1))
        parts = [
            (c.T[:, :, None, None], {}),
            (y.T[:, None, :, None], {**down, "groups": ranks[0]}),
            (x.T[:, None, None, :], {**across, "groups": ranks[0]}),
            (n[:, :, None, None], {}),
        ]
    made = [_convolution(weight, options, layer if weight is parts[-1][0] else None) for weight, options in parts]
    return nn.Sequential(*made).to(layer.weight.device)


def _convolution(weight: Array, options: dict[str, Any], last: nn.Conv2d | None) -> nn.Conv2d:
    bias = None if last is None else dict(last.named_parameters(recurse=False)).get("bias")
    groups = int(options.get("groups", 1))
    size = (weight.shape[2], weight.shape[3])
    made = nn.Conv2d(weight.shape[1] * groups, weight.shape[0], size, bias=bias is not None, **options)
    with torch.no_grad():
        made.weight.copy_(torch.as_tensor(weight.copy()))
        if bias is not None and made.bias is not None:
            made.bias.copy_(bias)
    return made


def _along(name: str, layer: nn.Conv2d, axis: int) -> dict[str, Any]:
    """How a convolution moves along one axis alone."""
    if isinstance(layer.padding, str):
        raise EieError(f"tensor factors: padding of {name} must be a number, got {layer.padding!r}")

    def only(values: tuple[int, ...], other: int) -> tuple[int, int]:
        return (values[0], other) if axis == 0 else (other, values[1])

    return {
        "stride": only(layer.stride, 1),
        "padding": only(layer.padding, 0),
        "dilation": only(layer.dilation, 1),
    }


def tucker(kernel: Array, ranks: tuple[int, int], iterations: int) -> tuple[Array, Array, Array]:
    """U (outputs, first rank) with orthonormal columns, core (ranks.., rows, columns), V (inputs, second rank)."""
    decomposition = _tensorly()
    (core, (outputs, inputs)), _ = decomposition.partial_tucker(
        kernel, rank=list(ranks), modes=[0, 1], n_iter_max=iterations, init="svd", tol=1e-10
    )
    return outputs, core, inputs


def canonical(kernel: Array, rank: int, iterations: int) -> tuple[Array, Array, Array, Array]:
    """Factors of outputs, inputs, rows and columns, each (size, rank), components balanced between them."""
    found = _tensorly().parafac(
        kernel, rank, n_iter_max=iterations, init="random", random_state=0, normalize_factors=True, tol=1e-10
    )
    weights: Array = found.weights
    share = np.abs(weights) ** 0.25
    n, c, y, x = (factor * share for factor in found.factors)
    return n * np.sign(weights), c, y, x


def _tensorly() -> Any:
    try:
        return import_module("tensorly.decomposition")  # untyped
    except ImportError as error:
        raise EieError(f"tensor factors need tensorly: {pip_install('train', 'tensorly')}") from error
