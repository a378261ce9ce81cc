"""Real weights behind others: what methods share that compute with a function of the weights they train."""

from typing import Any

import torch
from torch import Tensor, nn

from sw.training.forms import Form, restore_tensors, shadows


class Shadowed(Form):
    """Shadow weights that take the gradient of the weights that are made of them, straight through.

    What is zero at the start stays zero. Subclasses say in `made` what the forward pass uses.
    """

    def __init__(self, module: nn.Module):
        super().__init__(module)
        self.trained = shadows(self.held)
        with torch.no_grad():
            self.masks = {name: parameter != 0 for name, parameter in self.held.items()}

    def made(self, name: str, shadow: Tensor) -> Tensor:
        """A parameter's weights, of its shadow's shape."""
        return shadow

    def gather(self) -> None:
        for name, parameter in self.held.items():
            if parameter.grad is not None:
                self.trained[name].grad = parameter.grad * self.masks[name]

    def scatter(self) -> None:
        with torch.no_grad():
            for name, parameter in self.held.items():
                torch.mul(self.made(name, self.trained[name]), self.masks[name], out=parameter)

    def before(self) -> dict[str, Tensor]:
        """The shadows, as `sw.training.share.share` returns weights before they were shared."""
        return {name: self.trained[name].detach().clone() for name in self.held}

    def state(self) -> dict[str, Any]:
        return {"trained": {name: tensor.detach() for name, tensor in self.trained.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        restore_tensors(self.trained, state["trained"])
