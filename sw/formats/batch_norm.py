"""Batch normalisation in files of named tensors: which layer it follows, and folded into that layer.

A norm NAME has ``NAME.running_mean`` and ``NAME.running_var``, may have ``NAME.weight`` and ``NAME.bias``, all
(channels,), and ``NAME.num_batches_tracked``, which is of no use here. Files hold no epsilon.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError

Tensors = dict[str, NDArray[Any]]

PARTS = ("running_mean", "running_var", "weight", "bias")
EPSILON = 1e-5  # torch.nn.BatchNorm's unless it was given another
WORD = re.compile(r"_?(batch_?norm|norm|bn)_?(1d|2d)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Norm:
    """y = (x - mean) / sqrt(variance + epsilon) * weight + bias, each (channels,) float64."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def fold(
        self, weight: NDArray[np.float32], bias: NDArray[np.float32], epsilon: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The weights (out, ...) and biases (out,) of the layer with this norm of its result behind it."""
        scale = self.weight / np.sqrt(self.variance + epsilon)
        scaled = weight * scale.reshape(-1, *(1 for _ in weight.shape[1:]))
        with np.errstate(over="ignore"):
            return scaled.astype(np.float32), ((bias - self.mean) * scale + self.bias).astype(np.float32)


def take_norms(tensors: Tensors) -> dict[str, Norm]:
    """The norms by name, removed from `tensors`; EieError for one that is not whole."""
    norms: dict[str, Norm] = {}
    for mean_key in [key for key in tensors if re.fullmatch(r"(.*\.)?running_mean", key)]:
        prefix = mean_key.removesuffix("running_mean")
        if prefix in ("", "."):
            raise EieError(f"{mean_key} must be of a batch normalisation with a name, it has none")
        name = prefix.removesuffix(".")
        if f"{prefix}running_var" not in tensors:
            raise EieError(f"the batch normalisation {name} must have {prefix}running_var beside {mean_key}")
        mean, variance, weight, bias = (tensors.pop(f"{prefix}{part}", None) for part in PARTS)
        tensors.pop(f"{prefix}num_batches_tracked", None)
        given = dict(zip(PARTS, (mean, variance, weight, bias), strict=True))
        channels = 0 if mean is None else mean.size
        for part, values in given.items():
            if values is not None and (values.shape != (channels,) or values.dtype.kind != "f"):
                raise EieError(
                    f"{prefix}{part} must hold a floating-point number for each of {channels} channels, "
                    f"got {values.dtype} of shape {values.shape}"
                )
        exact = {part: values.astype(np.float64) for part, values in given.items() if values is not None}
        if not (exact["running_var"] >= 0).all():
            raise EieError(f"{prefix}running_var must hold no negative variance, it does")
        norms[name] = Norm(
            mean=exact["running_mean"],
            variance=exact["running_var"],
            weight=exact.get("weight", np.ones(channels)),
            bias=exact.get("bias", np.zeros(channels)),
        )
    return norms


def find_layer(norm: str, channels: int, layers: Mapping[str, int]) -> str | None:
    """The layer whose result `norm` normalises, by their names; None if these do not say.

    Parameters
    ----------
    layers : the outputs of every layer.

    In a Sequential, whose modules are numbers, it is the one just before. Elsewhere names in the same module are
    compared: ``bn1`` belongs to ``conv1`` or ``fc1``, ``conv1_bn`` to ``conv1``, ``bn`` to the only layer there.
    """
    parent, dot, own = norm.rpartition(".")
    if own.isdecimal():
        before = f"{parent}{dot}{int(own) - 1}"
        return before if layers.get(before) == channels else None
    if WORD.search(own) is None:
        return None
    rest = WORD.sub("", own, count=1)
    siblings = [name for name, outputs in layers.items() if name.rpartition(".")[0] == parent and outputs == channels]
    found = [name for name in siblings if name.rpartition(".")[2] == rest]
    if not found and (not rest or rest.isdecimal()):
        found = [name for name in siblings if not rest or re.sub(r"^.*?([0-9]*)$", r"\1", name) == rest]
    return found[0] if len(found) == 1 else None
