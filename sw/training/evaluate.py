"""The error of a module on batches of inputs and labels."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from model.errors import EieError

Loss = Callable[[Any, Any], Tensor]


class Batches(Protocol):
    """A DataLoader, a list, anything that gives (inputs, labels) anew on each iteration and knows how many."""

    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


def wrong(outputs: Tensor, labels: Tensor) -> Tensor:
    """The share of inputs whose largest output is not their label."""
    return (outputs.argmax(dim=1) != labels).double().mean()


def evaluate(module: nn.Module, batches: Batches, metric: Loss = wrong) -> float:
    """The mean of `metric` over all inputs, the module in evaluation mode."""
    device = next(module.parameters()).device
    was_training = module.training
    module.eval()
    total, inputs_seen = 0.0, 0
    with torch.no_grad():
        for inputs, labels in batches:
            size = len(labels)
            total += float(metric(module(to_device(inputs, device)), to_device(labels, device))) * size
            inputs_seen += size
    module.train(was_training)
    if inputs_seen == 0:
        raise EieError("validation must have at least one input, got none")
    return total / inputs_seen


def to_device(value: Any, device: torch.device) -> Any:
    """Tensors on a device, also those in tuples and lists, which become tuples; anything else as it is."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple | list):
        return tuple(to_device(part, device) for part in cast("tuple[Any, ...]", value))
    return value
