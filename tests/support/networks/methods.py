"""What the tests of training methods share: a module's file decoded again, gradients by differences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sw.compress.pipeline import compress
from sw.file.model_file import load, save
from sw.training.export import to_network


def check_file(module: nn.Module, shape: tuple[int, ...], path: Path, bits: int = 8) -> int:
    """The module's file computes what the module does, to float32 rounding; the file's bytes.

    The weights of every layer must take at most ``2**bits - 1`` values beside 0, which the file then holds exactly.
    """
    module.eval()
    network = to_network(module, shape)
    save(compress(network, code_bits=bits), path)
    inputs = torch.randn(9, *shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = module(inputs).numpy()
    decoded = load(path).to_network()
    np.testing.assert_allclose(decoded.forward(inputs.numpy()), wanted, rtol=1e-4, atol=1e-5)
    for one, other in zip(decoded.layers, network.layers, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
    return path.stat().st_size


def differences(function: Callable[[Tensor], Any], at: Tensor, step: float = 1e-5) -> Tensor:
    """The gradient of a scalar function of a float64 tensor, by central differences."""
    made = torch.zeros_like(at)
    for place in np.ndindex(*at.shape):
        moved = [at.clone(), at.clone()]
        moved[0][place] += step
        moved[1][place] -= step
        made[place] = (float(function(moved[0])) - float(function(moved[1]))) / (2 * step)
    return made
