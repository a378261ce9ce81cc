"""The tensors of torch.nn.LSTM and the one matrix that stands for them here.

Layer K of an LSTM called PATH has ``PATH.weight_ih_lK`` (4 * units, features), ``PATH.weight_hh_lK`` (4 * units, units)
and, if it has biases, ``PATH.bias_ih_lK`` and ``PATH.bias_hh_lK``, which are added. Here it is the layer ``PATH.lK``,
whose matrix has the columns of the first before those of the second.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.network.graph import GATES
from sw.network.layer import has_biases
from sw.network.lstm import units_of

PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
NOTHING = np.float32(-0.0)  # leaves whatever it is added to as it is, 0 would make 0 of -0


def torch_keys(name: str) -> tuple[str, str, str, str] | None:
    """The names that torch.nn.LSTM gives the tensors of the layer `name`; None if it is not called like its layers."""
    found = re.fullmatch(r"(|.*\.)(l\d+)", name)
    if found is None:
        return None
    weight_ih, weight_hh, bias_ih, bias_hh = (f"{found[1]}{part}_{found[2]}" for part in PARTS)
    return weight_ih, weight_hh, bias_ih, bias_hh


def join(name: str, tensors: dict[str, NDArray[Any]], take: Callable[[str], NDArray[np.float32]]) -> None:
    """Replace torch's tensors of an LSTM by ``NAME.weight`` and ``NAME.bias``; nothing is done if there are none.

    `take` removes one from `tensors` as float32. EieError if some are there and others missing, or their shapes are not
    those of an LSTM.
    """
    keys = torch_keys(name)
    if keys is None or not any(key in tensors for key in keys):
        return
    *weights, bias_ih, bias_hh = keys
    for key in weights:
        if key not in tensors:
            raise EieError(f"the LSTM {name} must have the tensors {' and '.join(weights)}, {key} is not there")
    parts = [take(key) for key in weights]
    rows = parts[0].shape[0] if parts[0].ndim else 0
    units = rows // GATES
    if any(part.ndim != 2 for part in parts) or rows % GATES or parts[1].shape != (rows, units):
        raise EieError(
            f"the LSTM {name} must have {weights[0]} of shape (4 * units, features) and {weights[1]} of "
            f"(4 * units, units), got {parts[0].shape} and {parts[1].shape}"
        )
    biases = [(key, take(key)) for key in (bias_ih, bias_hh) if key in tensors]
    for key, bias in biases:
        if bias.shape != (rows,):
            raise EieError(f"{key} must have shape {(rows,)}, got {bias.shape}")
    for key in (f"{name}.weight", f"{name}.bias"):
        if key in tensors:
            raise EieError(f"the LSTM {name} must have its weights once, {weights[0]} and {key} are both there")
    tensors[f"{name}.weight"] = np.concatenate(parts, axis=1)
    if biases:
        with np.errstate(over="ignore"):
            tensors[f"{name}.bias"] = sum((bias for _, bias in biases), np.full(rows, NOTHING))


def split(name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """torch's tensors by their names, from which `join` makes equal ones; none if `name` is not one of torch's.

    Biases that are all 0 have no tensors.
    """
    keys = torch_keys(name)
    if keys is None:
        return {}
    features = weight.shape[1] - units_of(weight.shape)
    biases = (bias, np.full_like(bias, NOTHING)) if has_biases(bias) else ()
    return dict(zip(keys, (weight[:, :features], weight[:, features:], *biases), strict=False))
