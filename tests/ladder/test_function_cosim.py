"""Ladder step 3 with `functions`: compiled cells on the RTL equal the engine in values, cycles and every counter."""

import numpy as np
import pytest

from model.config import ArrayConfig
from sim.rtl.simulators import SimulatorName, available_simulators
from sim.rtl.verify import verify
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Graph, Gru, Lstm, Node
from tests.support.networks.random_networks import make_layer

STEPS, FEATURES = 4, 5
ARRAY = ArrayConfig(
    name="functions4",
    pes=4,
    queue_depth=4,
    row_bits=32,
    sparse_matrix_depth=512,
    pointer_depth=512,
    activation_depth=128,
    accumulator_depth=64,
    constant_depth=512,
    layers=16,
    stream_bits=32,
    max_code_length=9,
    skip_empty_slices=True,
    row_dealing="balanced",
    maps=True,
    functions=True,
)


def recurrent_network() -> CompressedNetwork:
    """Every h of an LSTM of 6 units into a GRU of 3, and a linear layer."""
    of_gru = make_layer(2, (12, 9), 0.6, name="gru")
    layers = (make_layer(1, (24, FEATURES + 6), 0.5, name="lstm"), of_gru, make_layer(3, (5, 3), 0.9, name="linear"))
    nodes = (Node(Lstm(sequence=True), (0,)), Node(Gru(), (1,)), Node(ApplyLayer(), (2,)))
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=(STEPS, FEATURES), nodes=nodes))


@pytest.mark.parametrize("simulator", [pytest.param("verilator", marks=pytest.mark.slow), "icarus"])
def test_two_cells_behind_each_other(simulator: SimulatorName):
    missing = available_simulators()[simulator]
    if missing:
        pytest.skip(missing)
    inputs = np.random.default_rng(0).normal(size=(2, STEPS, FEATURES)).astype(np.float32)
    found = verify(recurrent_network(), inputs, ARRAY, simulator)
    assert {item.quantity: item.difference for item in found.comparisons if item.difference} == {}
    assert found.comparisons[0].compared == 2 * 5
