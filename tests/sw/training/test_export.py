"""sw/training/export.py: the numpy reference computes what torch does."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
import torch
from torch import nn

from model.errors import EieError
from sw.training.export import to_network
from sw.training.networks import NETWORKS, network


@pytest.mark.parametrize("name", NETWORKS)
def test_the_paper_networks(name: str) -> None:
    torch.manual_seed(0)
    module: Any = network(name)
    exported = to_network(module, (1, 28, 28))
    images = torch.rand(3, 1, 28, 28)
    with torch.no_grad():
        expected = module(images).numpy()
    inputs = images.numpy().reshape(3, *exported.input_shape)
    np.testing.assert_allclose(exported.forward(inputs), expected, rtol=0, atol=1e-5)
    assert [layer.name for layer in exported.layers] == [
        key.removesuffix(".weight") for key in module.state_dict() if key.endswith(".weight")
    ]


def test_everything_that_is_known() -> None:
    torch.manual_seed(0)
    module: Any = nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2, bias=False),
        nn.ReLU(),
        nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), nn.Dropout(), nn.ReLU()),
        nn.AvgPool2d(2, padding=1, count_include_pad=False),
        nn.Identity(),
        nn.Flatten(),
        nn.Linear(54, 5),
        nn.ReLU(),
    ).eval()
    exported = to_network(module, (4, 11, 9))
    images = torch.randn(4, 4, 11, 9)
    with torch.no_grad():
        expected = module(images).numpy()
    np.testing.assert_allclose(exported.forward(images.numpy()), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (nn.Sigmoid(), "0: a network file knows no Sigmoid"),
        (nn.Conv2d(1, 1, 3, dilation=2), "0: a convolution must have zero padding of a given size and no dilation"),
        (nn.Conv2d(1, 1, 3, padding="same"), "0: a convolution must have zero padding of a given size"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), "0: a convolution must have zero padding"),
        (nn.MaxPool2d(2, dilation=2), "0: pooling must have no dilation, got 2"),
        (nn.AvgPool2d(2, divisor_override=3), "0: a mean must divide by its window, got 3"),
    ],
)
def test_refusals(part: nn.Module, sentence: str) -> None:
    with pytest.raises(EieError, match=sentence):
        to_network(nn.Sequential(part), (1, 9, 9))


def test_only_a_sequential() -> None:
    with pytest.raises(EieError, match=r"through a torch\.nn\.Sequential only, got Linear"):
        to_network(nn.Linear(3, 2), (3,))
