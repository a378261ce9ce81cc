"""Ternary connect and quantised back propagation: few multiplications (Lin et al., ICLR 2016, arXiv 1510.03009).

Forward, w becomes sign(w) * w0 with probability |w| / w0, else 0, drawn anew at every step; the gradient of that
changes w, which is clipped to [-w0, w0]. Backward, a layer's input is rounded to one of the two powers of two around it
where its weights' gradient is computed, so that this takes shifts only; the nearer one is the likelier, and the mean is
the input. What is handed over is deterministic: sign(w) * w0 where |w| > w0 / 2.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from sw.training.evaluate import Batches
from sw.training.loop import Epoch, Settings, optimise
from sw.training.methods.binary_connect import Binary, BinaryConnect
from sw.training.optimiser import Training
from sw.training.options import Options, choice, flag


@dataclass(frozen=True, kw_only=True)
class TernaryConnect(Options):
    """How weights are made ternary.

    Parameters
    ----------
    stochastic : while training; validation and what is handed over are always deterministic.
    scale : w0 of a parameter: "glorot", sqrt(1.5 / (inputs + outputs)), half of Glorot's bound as in the authors' code,
        or "mean": that of the magnitudes of its weights, times 1.5, which keeps about half of normal ones.
    powers : quantised back propagation, of linear and convolutional layers.
    """

    stochastic: bool = flag(True)
    scale: str = choice("glorot", "glorot", "mean")
    powers: bool = flag(False)


def ternary_connect(
    module: nn.Module, data: Batches, ternary: TernaryConnect, training: Training, **settings: Unpack[Settings]
) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Train `module` in place with weights of two values and 0 in each parameter; biases stay as they are.

    Returns the real weights behind them, and every epoch's figures, which are those of the deterministic network.
    """
    form = Ternary(module, ternary)
    form.scatter()
    if ternary.powers:
        with inputs_as_powers_of_two(module):
            history = optimise(module, form, data, training, settings)
    else:
        history = optimise(module, form, data, training, settings)
    return form.before(), history


class Ternary(Binary):
    """Real weights, and in the forward pass their signs or 0."""

    def __init__(self, module: nn.Module, ternary: TernaryConnect):
        super().__init__(module, BinaryConnect(stochastic=ternary.stochastic, scale=ternary.scale))

    def scale(self, name: str) -> Tensor | float:
        return super().scale(name) * (1.5 if self.binary.scale == "mean" else 1)

    def made(self, name: str, shadow: Tensor) -> Tensor:
        w0 = self.scale(name)
        return shadow.sign() * (shadow.abs() > w0 / 2) * w0

    def drawn(self, name: str, shadow: Tensor) -> Tensor:
        w0 = self.scale(name)
        return shadow.sign() * (torch.rand_like(shadow) < shadow.abs() / w0) * w0


def powers_of_two(values: Tensor) -> Tensor:
    """Each value rounded to a power of two next to it at random, so that the mean is the value; 0 stays 0."""
    magnitude = values.abs()
    lower = torch.exp2(magnitude.log2().floor())
    upper = torch.rand_like(values) < magnitude / lower - 1
    return torch.where(magnitude > 0, values.sign() * torch.where(upper, 2 * lower, lower), 0)


@contextmanager
def inputs_as_powers_of_two(module: nn.Module) -> Generator[None]:
    """Gradients of weights, while training, from inputs as `powers_of_two`; everything else stays."""
    handles = [
        layer.register_forward_hook(_hook) for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
    if not layer.training or not torch.is_grad_enabled():
        return None
    untyped: Any = layer
    exact = _applied(untyped, inputs[0], untyped.weight.detach(), untyped.bias)
    rounded = _applied(untyped, powers_of_two(inputs[0].detach()), untyped.weight, None)
    return exact + (rounded - rounded.detach())


def _applied(layer: Any, source: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if isinstance(layer, nn.Linear):
        return functional.linear(source, weight, bias)
    return functional.conv2d(source, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)
