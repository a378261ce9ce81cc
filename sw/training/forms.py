"""What stands behind a module's weights while they are trained.

The module itself always holds the weights that the forward pass uses, so any module works unchanged. A form owns the
tensors that the optimiser changes; after each backward pass it takes their gradients from the module's, and after each
step it writes the module's weights from them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from sw.training.parameters import is_bias, prunable


class Form:
    """Weights trained as they are; base of the other forms.

    Attributes
    ----------
    held : the module's parameters that this form writes, by name.
    trained : the tensors that the optimiser changes for them, by name.
    settled : whether the final number of weights is reached, so that epochs may be compared.
    """

    def __init__(self, module: nn.Module):
        self.held = prunable(module)
        self.trained: dict[str, Tensor] = dict(self.held)
        self.settled = True

    def decays(self, name: str) -> bool:
        """Whether weight decay and the L1 penalty act on this tensor."""
        return not is_bias(name)

    def rate(self, name: str) -> float:
        """The learning rate of this tensor relative to the others'."""
        return 1.0

    def gather(self) -> None:
        """Gradients of `trained` from those of the module."""

    def scatter(self) -> None:
        """The module's weights from `trained`."""

    def present(self) -> None:
        """The module's weights as they would be handed over if the training ended now; `scatter` undoes it."""

    def advance(self, epoch: float, rate: float) -> bool:
        """Before each step, after so many epochs, at a learning rate; True if the optimiser must lose its momentum."""
        return False

    def state(self) -> dict[str, Any]:
        """What `restore` needs beside the module's own state, as tensors and plain values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`."""


def shadows(held: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """Copies of parameters for an optimiser to change."""
    return {name: parameter.detach().clone().requires_grad_() for name, parameter in held.items()}


def places_of_weights(parameter: Tensor) -> tuple[Tensor, ...]:
    """Where a parameter is not zero, as an index into it, in row-major order whatever its memory format."""
    untyped: Any = torch
    return untyped.nonzero(parameter.detach(), as_tuple=True)


def restore_tensors(targets: dict[str, Tensor], saved: dict[str, Tensor]) -> None:
    """Overwrite tensors by name."""
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(saved[name])
