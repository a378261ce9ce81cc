"""Ladder step 3 with `maps`: compiled networks on the RTL equal the engine in values, cycles and every counter."""

import numpy as np
import pytest

from sim.rtl.simulators import SimulatorName
from sim.rtl.verify import verify
from tests.support.hw.rtl import simulators
from tests.support.networks.whole import MAP_ARRAY, whole_network


@pytest.mark.parametrize("simulator", simulators())
@pytest.mark.parametrize("activation_bits", [16, pytest.param(8, marks=pytest.mark.slow)])
def test_a_whole_network(simulator: SimulatorName, activation_bits: int):
    inputs = np.random.default_rng(0).normal(size=(3, 2, 6, 4)).astype(np.float32)
    found = verify(whole_network(), inputs, MAP_ARRAY.with_(activation_bits=activation_bits), simulator)
    assert {item.quantity: item.difference for item in found.comparisons if item.difference} == {}
    assert found.comparisons[0].compared == 3 * 5
