"""Ladder step 3 with `maps`: compiled networks on the RTL equal the engine in values, cycles and every counter."""

import numpy as np
import pytest

from sim.rtl.simulators import SimulatorName
from sim.rtl.verify import verify
from sw.network.compressed import CompressedNetwork
from tests.support.hw.rtl import simulators
from tests.support.networks.whole import MAP_ARRAY, banded_network, whole_network


@pytest.mark.parametrize("network", [whole_network(), banded_network()])
@pytest.mark.parametrize("simulator", simulators(slow=["icarus"]))
@pytest.mark.parametrize("activation_bits", [16, pytest.param(8, marks=pytest.mark.slow)])
def test_a_whole_network(simulator: SimulatorName, network: CompressedNetwork, activation_bits: int):
    """As a whole, and with a layer in bands of rows."""
    inputs = np.random.default_rng(0).normal(size=(3, *network.input_shape)).astype(np.float32)
    found = verify(network, inputs, MAP_ARRAY.with_(activation_bits=activation_bits), simulator)
    assert {item.quantity: item.difference for item in found.comparisons if item.difference} == {}
    assert found.comparisons[0].compared == 3 * 5
