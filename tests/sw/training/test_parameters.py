"""sw/training/parameters.py: which parameters are compressed."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch
from torch import nn

from model.errors import EieError
from sw.training.parameters import density, is_bias, prunable


class Mixed(nn.Module):
    """Layers of every known kind, and some that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.embedding = nn.Embedding(3, 2)
        self.lstm = nn.LSTM(4, 3, num_layers=2, proj_size=2)
        self.cell = nn.GRUCell(3, 2)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(2, 2, bias=False))


def test_weights_of_linear_convolutional_and_recurrent_layers() -> None:
    names = list(prunable(Mixed()))
    recurrent = [f"lstm.weight_{part}_l{layer}" for layer in (0, 1) for part in ("ih", "hh", "hr")]
    assert names == ["conv.weight", *recurrent, "cell.weight_ih", "cell.weight_hh", "head.1.weight"]


def test_biases_on_request() -> None:
    names = prunable(Mixed(), biases=True)
    assert {name for name in names if is_bias(name)} == {
        *("conv.bias", "cell.bias_ih", "cell.bias_hh"),
        *(f"lstm.bias_{part}_l{layer}" for layer in (0, 1) for part in ("ih", "hh")),
    }


def test_a_layer_by_itself_and_a_shared_parameter() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    assert list(prunable(first)) == ["weight"]
    second.weight = first.weight
    assert list(prunable(nn.Sequential(first, second))) == ["0.weight"]


def test_density_counts_weights_only() -> None:
    layer: Any = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.weight[0] = 0
        layer.bias.zero_()
    assert density(layer) == 0.5


def test_refusals() -> None:
    with pytest.raises(EieError, match="must have a Linear, Conv, RNN, LSTM or GRU layer, got none"):
        prunable(nn.ReLU())
    layer: Any = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[0, 0] = float("nan")
    with pytest.raises(EieError, match="weight must be finite"):
        prunable(layer)
