"""sw/training/share.py: few values, zeros that stay, the three initialisations and the exact one."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import numpy as np
import torch
from torch import nn

from model.errors import EieError
from sw.compress import kmeans
from sw.training.share import Sharing, share
from tests.support.networks.training import distinct, perceptron


@pytest.mark.parametrize("init", ["linear", "density", "forgy", "exact"])
@pytest.mark.parametrize("bits", [1, 3])
def test_weights_take_few_values_and_zeros_stay(init: str, bits: int) -> None:
    module = perceptron()
    with torch.no_grad():
        module[0].weight[module[0].weight.abs() < 0.1] = 0
    zeros = module[0].weight == 0
    before = share(module, Sharing(bits=bits, init=init, seed=3))
    assert list(before) == ["0.weight", "2.weight"]
    for name in before:
        assert 1 <= distinct(module.get_parameter(name)) <= 2**bits - 1
    assert torch.equal(module[0].weight == 0, zeros)
    assert distinct(module[0].bias) == 12
    torch.testing.assert_close(before["0.weight"], perceptron()[0].weight.detach() * ~zeros)


@pytest.mark.parametrize("init", ["linear", "density", "forgy", "exact"])
def test_the_values_are_those_of_the_projects_k_means(init: kmeans.Init) -> None:
    module = perceptron()
    values = module[0].weight.detach().numpy().ravel()
    centroids, codes = kmeans.share(values, 7, init=init, seed=5)
    share(module, Sharing(bits=3, init=init, seed=5))
    np.testing.assert_array_equal(module[0].weight.detach().numpy().ravel(), centroids[codes])


def test_by_name_and_number_of_values() -> None:
    module = perceptron()
    share(module, Sharing(values={"2.weight": 5, "0.bias": 2}))
    assert distinct(module[0].weight) == 96
    assert distinct(module[2].weight) <= 5
    assert distinct(module[0].bias) == 2


def test_recurrent_weights_are_shared() -> None:
    lstm: Any = nn.LSTM(3, 4)
    share(lstm, Sharing(bits={"weight_ih_l0": 2, "weight_hh_l0": 4}))
    assert distinct(lstm.weight_ih_l0) <= 3
    assert distinct(lstm.weight_hh_l0) <= 15


def test_a_parameter_without_weights() -> None:
    module = perceptron()
    with torch.no_grad():
        module[2].weight.zero_()
    share(module, Sharing(bits=2))
    assert not module[2].weight.any()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "sharing takes bits or values, got both or neither"),
        ({"bits": 3, "values": 7}, "sharing takes bits or values, got both or neither"),
        ({"bits": 9}, "bits must be a number from 1 to 8, got 9"),
        ({"bits": 2.5}, "bits must be a whole number, got 2.5"),
        ({"bits": 3, "init": "best"}, "init must be one of linear, density, forgy, exact, got 'best'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EieError, match=sentence):
        Sharing(**options)


def test_a_parameter_that_is_not_there() -> None:
    with pytest.raises(EieError, match=r"sharing must name parameters of .*, got 'ip1\.weight'"):
        share(perceptron(), Sharing(bits={"ip1.weight": 3}))
