"""sim/faults/random_networks.py: small networks to upset, the same for a seed."""

import numpy as np
import pytest

from model.config import PRESETS, ArrayConfig
from sim.faults.random_networks import random_network
from sw.file.model_file import to_bytes

PLAIN = PRESETS["tiny4"]
MAPS = PLAIN.with_(maps=True, accumulator_depth=64)
FUNCTIONS = MAPS.with_(functions=True)


@pytest.mark.parametrize("config", [PLAIN, MAPS, FUNCTIONS], ids=["plain", "maps", "functions"])
def test_a_seed_gives_one_network_and_an_input_for_it(config: ArrayConfig) -> None:
    network, inputs = random_network(3, config)
    again, same = random_network(3, config)
    other, _ = random_network(4, config)
    assert to_bytes(network) == to_bytes(again) != to_bytes(other)
    np.testing.assert_array_equal(inputs, same)
    assert 0.2 < np.mean(inputs == 0) < 0.8
    outputs = network.to_network().forward(inputs.reshape(1, *network.input_shape))
    assert np.isfinite(outputs).all()
    assert np.ptp(outputs) > 0


def test_with_maps_there_is_every_kind_of_layer() -> None:
    network, _ = random_network(3, MAPS)
    assert network.graph is not None
    assert {type(node.operation).__name__ for node in network.graph.nodes} == {
        "ApplyLayer",
        "Elementwise",
        "Relu",
        "Pool",
        "Flatten",
    }
    assert {layer.convolution.groups for layer in network.layers if layer.convolution is not None} == {1, 8}


def test_with_functions_there_is_every_kind_of_cell() -> None:
    network, _ = random_network(3, FUNCTIONS)
    assert network.graph is not None
    assert {type(node.operation).__name__ for node in network.graph.nodes} == {"Lstm", "Gru", "ApplyLayer"}
