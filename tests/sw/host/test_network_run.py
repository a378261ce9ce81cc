"""sw/host/network_run.py: networks of every kind through the driver give what the simulation says."""

from collections.abc import Callable

import numpy as np
import pytest

from model.config import PRESETS, ArrayConfig
from sim.simulation.simulate import simulate
from sw.host.driver import Accelerator, ArrayError
from sw.host.network_run import run_network
from sw.host.transports.engine import EngineTransport
from sw.host.transports.model import ModelTransport
from sw.host.transports.transport import Transport
from sw.image.lower import lower
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from tests.support.networks.lstm import make_lstm_network
from tests.support.networks.random_networks import make_conv_network, make_layer

ARRAY = PRESETS["tiny4"].with_(
    code_bits=5, activation_depth=64, pointer_depth=512, constant_depth=512, sparse_matrix_depth=512
)


def make_chain(seed: int) -> CompressedNetwork:
    layers = (make_layer(seed, (9, 12), 0.5, name="a", relu=True), make_layer(seed + 1, (4, 9), 0.5, name="b"))
    return CompressedNetwork(layers=layers)


@pytest.mark.parametrize("make", [make_chain, make_conv_network, make_lstm_network])
def test_values_and_cycles_are_those_of_the_simulation(make: Callable[[int], CompressedNetwork]) -> None:
    network = make(2)
    inputs = np.random.default_rng(3).normal(size=(2, *network.input_shape)).astype(np.float32)
    network = calibrate(network, inputs)
    done: list[int] = []
    with Accelerator(EngineTransport(ARRAY), ARRAY) as accelerator:
        found = run_network(accelerator, lower(network, ARRAY), inputs, done.append)
    run = simulate(network, inputs, ARRAY)
    np.testing.assert_array_equal(found.outputs.astype(np.float32), run.outputs)
    assert found.cycles_per_input == run.total.cycles
    assert len(found.counted) == (2 * run.total.vectors if run.by_host else 2)
    assert sum(counted.stalls for counted in found.counted) == 2 * run.total.stalls
    assert sum(done) == 2


@pytest.mark.parametrize("transport", [EngineTransport, ModelTransport])
def test_a_sum_that_leaves_its_accumulator_is_an_error(transport: Callable[[ArrayConfig], Transport]) -> None:
    network = make_conv_network(2)
    inputs = np.random.default_rng(3).normal(size=(1, *network.input_shape)).astype(np.float32)
    network = calibrate(network, inputs)
    assert simulate(network, 1000 * inputs, ARRAY).overflow.all()
    with (
        Accelerator(transport(ARRAY), ARRAY) as accelerator,
        pytest.raises(ArrayError, match="an accumulator left its range"),
    ):
        run_network(accelerator, lower(network, ARRAY), 1000 * inputs)
