"""Tiny problems that a network learns in a second, for the tests of training."""

from typing import Any

import torch
from torch import Tensor, nn

FEATURES, CLASSES = 8, 3


def blobs(count: int = 96, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points around three centres, and which centre each belongs to."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(count) % CLASSES
    return centres[labels] + 0.5 * torch.randn(count, FEATURES, generator=generator), labels


def batches(size: int = 16, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """The same points as a list of batches."""
    inputs, labels = blobs(seed=seed)
    return list(zip(inputs.split(size), labels.split(size), strict=True))


def perceptron(seed: int = 0) -> Any:
    """8-12-3 with ReLU."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(FEATURES, 12), nn.ReLU(), nn.Linear(12, CLASSES))


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters."""
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def assert_equal(first: nn.Module, second: nn.Module) -> None:
    """Every parameter and buffer has the same bits."""
    one, other = first.state_dict(), second.state_dict()
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def distinct(parameter: Tensor) -> int:
    """How many values a tensor takes beside 0."""
    return len(parameter[parameter != 0].unique())
