"""Ladder step 3 with `maps`: compiled networks on the RTL equal the engine in values, cycles and every counter."""

import numpy as np
import pytest

from sim.rtl.simulators import SimulatorName
from sim.rtl.verify import verify
from tests.support.hw.rtl import simulators
from tests.support.networks.whole import MAP_ARRAY, whole_network


@pytest.mark.parametrize("simulator", simulators())
def test_a_whole_network(simulator: SimulatorName):
    inputs = np.random.default_rng(0).normal(size=(3, 2, 6, 4)).astype(np.float32)
    found = verify(whole_network(), inputs, MAP_ARRAY, simulator)
    assert {item.quantity: item.difference for item in found.comparisons if item.difference} == {}
    assert found.comparisons[0].compared == 3 * 5
