"""Ladder step 3 with `maps`: compiled networks on the RTL equal the engine in values, cycles and every counter."""

import numpy as np
import pytest

from sim.rtl.simulators import SimulatorName
from sim.rtl.verify import verify
from sw.image.build import build_image
from sw.network.compressed import CompressedNetwork
from tests.support.hw.rtl import simulators
from tests.support.networks.whole import MAP_ARRAY, banded_network, whole_network
from tests.sw.image.maps.test_build import array
from tests.sw.image.maps.test_patches import narrow_waist


@pytest.mark.parametrize("network", [whole_network(), banded_network()])
@pytest.mark.parametrize("simulator", simulators(slow=["icarus"]))
@pytest.mark.parametrize("activation_bits", [16, pytest.param(8, marks=pytest.mark.slow)])
def test_a_whole_network(simulator: SimulatorName, network: CompressedNetwork, activation_bits: int):
    """As a whole, and with a layer in bands of rows."""
    inputs = np.random.default_rng(0).normal(size=(3, *network.input_shape)).astype(np.float32)
    found = verify(network, inputs, MAP_ARRAY.with_(activation_bits=activation_bits), simulator)
    assert {item.quantity: item.difference for item in found.comparisons if item.difference} == {}
    assert found.comparisons[0].compared == 3 * 5


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators())
def test_several_layers_in_bands(simulator: SimulatorName):
    """With half of the activation memory that whole maps take."""
    network, inputs = narrow_waist()
    depths = {"activation_depth": 512, "accumulator_depth": 1024, "sparse_matrix_depth": 2048, "pointer_depth": 2048}
    config = array(2, **depths)
    assert [cut.memory for cut in build_image(network, config).cuts] == ["activation_depth"]
    found = verify(network, np.asarray(inputs[:2], np.float32), config, simulator)
    assert {item.quantity: item.difference for item in found.comparisons if item.difference} == {}
    assert found.comparisons[0].compared == 2 * network.out_features
