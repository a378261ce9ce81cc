"""Fixed-point training from bottom to top (Lin and Talathi, 2016, arXiv 1607.02241).

Weights are whole numbers of a step, a power of two that suits them best; real ones behind them take the gradient. The
gradient through rounded activations is the wrong one, the worse the more layers it has passed. So activations are
rounded layer by layer: in phase i (proposal 3) those of layers 1 to i, and only the layers above i are trained, whose
gradients pass none of them but their own.
"""

from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.evaluate import Batches, to_device
from sw.training.loop import Epoch, Settings, optimise
from sw.training.methods.shadowed import Shadowed
from sw.training.methods.structure import layers_of
from sw.training.optimiser import Training
from sw.training.options import Options, choice, whole
from sw.training.parameters import is_bias, prunable
from sw.training.reproducible import epoch_seed, reproducible

TRIED = 8  # powers of two below that which holds the largest value


@dataclass(frozen=True, kw_only=True)
class FixedPoint(Options):
    """What is rounded when.

    Parameters
    ----------
    weight_bits : with the sign: 4 makes 15 values.
    activation_bits : of the inputs of all layers but the first, with the sign where there are negative ones; 0 for any.
    order : "bottom_to_top" in phases of equal length, or "at_once".
    """

    weight_bits: int = whole(4, 2, 8)
    activation_bits: int = whole(4, 0, 16)
    order: str = choice("bottom_to_top", "bottom_to_top", "at_once")


def fixed_point(
    module: nn.Module, data: Batches, fixed: FixedPoint, training: Training, **settings: Unpack[Settings]
) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Train `module` in place with weights and activations of few bits; biases stay as they are. No weight decays.

    Returns the real weights behind those on the grid, and every epoch's figures, which are with rounded activations;
    the module itself has none afterwards.
    """
    if not len(data):
        raise EieError("training data must have at least one batch, got none")
    with reproducible():
        epoch_seed(data, settings.get("seed", 0), 0)
        inputs, _ = next(iter(data))
    form = Rounded(module, fixed, inputs, training.epochs)
    form.scatter()
    try:
        history = optimise(module, form, data, training, settings)
    finally:
        for handle in form.handles:
            handle.remove()
    return form.before(), history


class Rounded(Shadowed):
    """Real weights and biases; hooks round the inputs of layers that the phase has reached."""

    def __init__(self, module: nn.Module, fixed: FixedPoint, inputs: Tensor, epochs: int):
        super().__init__(module)
        self.fixed, self.epochs = fixed, max(epochs, 1)
        self.layers, given = _in_order(module, inputs)
        self.held |= {name: each for name, each in prunable(module, biases=True).items() if is_bias(name)}
        for name, parameter in self.held.items():
            if is_bias(name):
                self.trained[name] = parameter.detach().clone().requires_grad_()
                self.masks[name] = torch.ones_like(parameter, dtype=torch.bool)
        most = (1 << (fixed.weight_bits - 1)) - 1
        self.most = most
        self.steps = {
            name: best_step(each.detach(), -most, most) for name, each in self.held.items() if not is_bias(name)
        }
        self.grids: dict[str, tuple[float, int, int]] = {}
        if fixed.activation_bits:
            for name in self.layers[1:]:
                low, high = _range(given[name], fixed.activation_bits)
                self.grids[name] = best_step(given[name], low, high), low, high
        self.last = len(self.grids)
        self.phase = self.last if fixed.order == "at_once" else min(1, self.last)
        self.settled = self.phase == self.last
        self.handles = [
            module.get_submodule(name).register_forward_pre_hook(self._hook(place, name))
            for place, name in enumerate(self.layers)
            if name in self.grids
        ]

    def decays(self, name: str) -> bool:
        return False

    def made(self, name: str, shadow: Tensor) -> Tensor:
        if is_bias(name):
            return shadow
        return rounded(shadow, self.steps[name], -self.most, self.most)

    def advance(self, epoch: float, rate: float) -> bool:
        before = self.phase
        if self.fixed.order == "bottom_to_top" and self.last:
            self.phase = min(self.last, 1 + int(epoch / self.epochs * self.last))
            self.settled = self.phase == self.last
        return self.phase != before

    def gather(self) -> None:
        super().gather()
        if self.fixed.order == "bottom_to_top":
            for name, tensor in self.trained.items():
                path = name.rpartition(".")[0]
                if path in self.layers[: self.phase] and tensor.grad is not None:
                    tensor.grad.zero_()

    def before(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in super().before().items() if not is_bias(name)}

    def _hook(self, place: int, name: str) -> Any:
        def round_inputs(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
            if place > self.phase:
                return None
            step, low, high = self.grids[name]
            kept = inputs[0].clamp(low * step, high * step)  # no gradient where it clips
            return (kept + (rounded(kept, step, low, high) - kept).detach(), *inputs[1:])

        return round_inputs


def rounded(values: Tensor, step: float, low: int, high: int) -> Tensor:
    """The nearest of low * step to high * step."""
    return (values / step).round().clamp(low, high) * step


def best_step(values: Tensor, low: int, high: int) -> float:
    """The power of two with the least squared error of `rounded`, the larger of equal ones; 1 if all values are 0."""
    largest = float(values.abs().max()) if values.numel() else 0.0
    if not largest:
        return 1.0
    first = 2.0 ** int(torch.tensor(largest / high).log2().ceil())
    tried = [first / 2**power for power in range(TRIED)]
    errors = [float((rounded(values, step, low, high) - values).square().sum()) for step in tried]
    return tried[errors.index(min(errors))]


def _range(values: Tensor, bits: int) -> tuple[int, int]:
    if float(values.min()) >= 0:
        return 0, (1 << bits) - 1
    return -(1 << (bits - 1)) + 1, max((1 << (bits - 1)) - 1, 1)


def _in_order(module: nn.Module, inputs: Tensor) -> tuple[list[str], dict[str, Tensor]]:
    """Names of the linear and convolutional layers in the order of their execution, and what each is given."""
    layers = dict({**layers_of(module, nn.Linear), **layers_of(module, nn.Conv2d)}.values())
    given: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, sources: tuple[Tensor, ...]) -> None:
            given.setdefault(name, sources[0].detach())

        return hook

    handles = [layer.register_forward_pre_hook(keep(name)) for name, layer in layers.items()]
    was_training = module.training
    module.eval()
    with torch.no_grad():
        module(to_device(inputs, next(module.parameters()).device))
    module.train(was_training)
    for handle in handles:
        handle.remove()
    return list(given), given
