"""Which parameters of a module are compressed: weights of linear, convolutional and recurrent layers, by name."""

from typing import Any

import torch
from torch import nn

from model.errors import EieError

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.RNNBase, nn.RNNCellBase)


def prunable(module: nn.Module, *, biases: bool = False) -> dict[str, nn.Parameter]:
    """Weights by their name in the module, such as "ip1.weight" or "lstm.weight_hh_l0"; with `biases` those too.

    Linear, Conv1d to Conv3d, RNN, LSTM and GRU and their cells count; normalisation layers and embeddings do not. A
    parameter that several layers use appears once. EieError if there is none, or one is not finite.
    """
    found: dict[str, nn.Parameter] = {}
    seen: set[int] = set()
    untyped: Any = module
    for path, layer in untyped.named_modules():
        if not isinstance(layer, LAYERS):
            continue
        for name, parameter in layer.named_parameters(recurse=False):
            wanted = name.startswith("weight") or (biases and name.startswith("bias"))
            if wanted and id(parameter) not in seen:
                seen.add(id(parameter))
                found[f"{path}.{name}" if path else name] = parameter
    if not found:
        raise EieError("the module must have a Linear, Conv, RNN, LSTM or GRU layer, got none")
    for name, parameter in found.items():
        if not torch.isfinite(parameter).all():
            raise EieError(f"{name} must be finite, got NaN or infinity")
    return found


def is_bias(name: str) -> bool:
    """Whether a name from `prunable` is a bias's."""
    return name.rpartition(".")[2].startswith("bias")


def density(module: nn.Module) -> float:
    """The share of the prunable weights that are not zero."""
    weights = prunable(module).values()
    return sum(int(torch.count_nonzero(weight)) for weight in weights) / sum(weight.numel() for weight in weights)
