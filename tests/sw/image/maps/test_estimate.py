"""The estimate of a layer's cycles against what the engine counts."""

import numpy as np
import pytest

from sim.simulation.image_run import run_image
from sw.image.maps.build import build_map_image
from sw.image.maps.estimate import estimated_cycles
from sw.image.maps.placement import Placer
from sw.image.maps.program import assemble
from sw.image.maps.steps import to_steps
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Convolution, Graph, Node
from sw.network.quantise import choose_formats
from tests.support.networks.random_networks import make_layer
from tests.sw.image.maps.test_build import array


@pytest.mark.parametrize("broadcasts", [1, 2])
@pytest.mark.parametrize("density", [0.1, 1.0])
@pytest.mark.parametrize("depthwise", [False, True])
def test_of_one_layer(broadcasts: int, density: float, depthwise: bool) -> None:
    """Thin columns are bounded by broadcasts, full ones by entries."""
    way = Convolution(padding=(1, 1, 1, 1), groups=16 if depthwise else 1)
    layer = make_layer(3, (16, 1 if depthwise else 16, 3, 3), density, convolution=way)
    shape = (16, 9, 9)
    network = CompressedNetwork(layers=(layer,), graph=Graph(input_shape=shape, nodes=(Node(ApplyLayer(), (0,)),)))
    inputs = np.maximum(np.random.default_rng(5).normal(size=(4, *shape)), 0).astype(np.float32)
    inputs[:, :4] = 0
    network = calibrate(network, inputs)
    config = array(pes=16, broadcasts_per_cycle=broadcasts, queue_depth=16)
    formats = tuple(choose_formats(network, config.accumulator_bits))
    steps = to_steps(network, formats)
    program = assemble(network, steps, formats, config, Placer(network, steps, config), {})
    (step,) = steps.steps
    found = estimated_cycles(config, program.layers, step, program.layers.of_step(step))
    image = build_map_image(network, config, formats, smallest=True)
    measured = run_image(image, inputs.reshape(4, -1)).cycles_per_input
    assert found == pytest.approx(measured, rel=0.15)
