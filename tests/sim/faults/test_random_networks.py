"""sim/faults/random_networks.py: small networks to upset, the same for a seed."""

import numpy as np
import pytest

from sim.faults.random_networks import random_network
from sw.file.model_file import to_bytes


@pytest.mark.parametrize("maps", [False, True])
def test_a_seed_gives_one_network_and_an_input_for_it(maps: bool) -> None:
    network, inputs = random_network(3, maps)
    again, same = random_network(3, maps)
    other, _ = random_network(4, maps)
    assert to_bytes(network) == to_bytes(again) != to_bytes(other)
    np.testing.assert_array_equal(inputs, same)
    assert 0.2 < np.mean(inputs == 0) < 0.8
    outputs = network.to_network().forward(inputs.reshape(1, *network.input_shape))
    assert np.isfinite(outputs).all()
    assert np.ptp(outputs) > 0


def test_with_maps_there_is_every_kind_of_layer() -> None:
    network, _ = random_network(3, maps=True)
    assert network.graph is not None
    assert {type(node.operation).__name__ for node in network.graph.nodes} == {
        "ApplyLayer",
        "Elementwise",
        "Relu",
        "Pool",
        "Flatten",
    }
    assert {layer.convolution.groups for layer in network.layers if layer.convolution is not None} == {1, 8}
