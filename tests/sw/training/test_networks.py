"""sw/training/networks.py: networks that training does not know."""

import pytest

from model.errors import EieError


def test_networks_that_training_does_not_know() -> None:
    pytest.importorskip("torch")
    from sw.training.networks import network

    with pytest.raises(EieError, match="a network must be one of lenet-300-100, lenet-5, got 'alexnet'"):
        network("alexnet")


def test_parameters_are_weights_and_biases() -> None:
    pytest.importorskip("torch")
    from sw.training.networks import parameter_count

    assert parameter_count("lenet-300-100") == 784 * 300 + 300 + 300 * 100 + 100 + 1000 + 10
    assert parameter_count("lenet-5") == 431_080  # Deep Compression, Table 3: 431 K
