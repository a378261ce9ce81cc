"""Ladder step 3 with `functions`: compiled cells on the RTL equal the engine in values, cycles and every counter."""

import numpy as np
import pytest

from sim.rtl.simulators import SimulatorName
from sim.rtl.verify import verify
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Graph, Gru, Lstm, Node
from tests.support.hw.rtl import simulators
from tests.support.networks.random_networks import make_layer
from tests.support.networks.whole import MAP_ARRAY

STEPS, FEATURES = 4, 5
ARRAY = MAP_ARRAY.with_(name="functions4", functions=True)


def recurrent_network() -> CompressedNetwork:
    """Every h of an LSTM of 6 units into a GRU of 3, and a linear layer."""
    of_gru = make_layer(2, (12, 9), 0.6, name="gru")
    layers = (make_layer(1, (24, FEATURES + 6), 0.5, name="lstm"), of_gru, make_layer(3, (5, 3), 0.9, name="linear"))
    nodes = (Node(Lstm(sequence=True), (0,)), Node(Gru(), (1,)), Node(ApplyLayer(), (2,)))
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=(STEPS, FEATURES), nodes=nodes))


@pytest.mark.parametrize("simulator", simulators(slow=["icarus", "verilator"]))
def test_two_cells_behind_each_other(simulator: SimulatorName):
    inputs = np.random.default_rng(0).normal(size=(2, STEPS, FEATURES)).astype(np.float32)
    found = verify(recurrent_network(), inputs, ARRAY, simulator)
    assert {item.quantity: item.difference for item in found.comparisons if item.difference} == {}
    assert found.comparisons[0].compared == 2 * 5
