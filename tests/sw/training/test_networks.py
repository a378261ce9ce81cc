"""sw/training/networks.py: networks that training does not know."""

import pytest

from model.errors import EieError


def test_networks_that_training_does_not_know() -> None:
    pytest.importorskip("torch")
    from sw.training.networks import network

    with pytest.raises(EieError, match="a network must be one of lenet-300-100, lenet-5, got 'alexnet'"):
        network("alexnet")
