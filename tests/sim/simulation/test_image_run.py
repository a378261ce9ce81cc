"""sim/simulation/image_run.py: whole batches on the engine, in logical order, and their figures."""

import numpy as np
import pytest

from model.config import PRESETS
from model.reference import run_reference
from sim.simulation.image_run import CHUNK, run_image
from sim.simulation.prepare import lay_out
from sim.simulation.simulate import simulate_lowered
from sw.compress.pipeline import compress
from sw.network.layer import Layer
from sw.network.network import Network

INPUTS = CHUNK + 1


def network(rng: np.random.Generator, sizes: tuple[int, ...]) -> Network:
    layers: list[Layer] = []
    for number in range(len(sizes) - 1):
        weight = rng.normal(size=(sizes[number + 1], sizes[number])).astype(np.float32)
        bias = rng.normal(size=sizes[number + 1]).astype(np.float32)
        layers.append(Layer(f"fc{number}", weight, bias, relu=number < len(sizes) - 2))
    return Network(tuple(layers))


@pytest.mark.parametrize("dealing", ["modulo", "balanced"])
def test_outputs_are_the_references_in_logical_order(dealing: str) -> None:
    rng = np.random.default_rng(3)
    inputs = rng.uniform(-1, 1, (INPUTS, 7)).astype(np.float32)
    compressed = compress(network(rng, (7, 10, 6)), density=0.4, calibration=inputs)
    image, calibrated_here = lay_out(compressed, inputs, PRESETS["tiny4"].with_(row_dealing=dealing))
    assert not calibrated_here
    advanced: list[int] = []
    simulation = run_image(image, inputs, advanced.append)
    assert advanced == [CHUNK, 1]
    for index in range(INPUTS):
        physical = np.zeros(image.layers[0].columns, np.int16)
        physical[:7] = simulation.activations[index]
        expected = run_reference(image, physical)[0]
        np.testing.assert_array_equal(simulation.integers[index], expected[image.output_order])
    np.testing.assert_allclose(simulation.outputs, compressed.to_network().forward(inputs), atol=5e-3)


def test_saturated_inputs_are_those_that_the_array_sees_changed() -> None:
    rng = np.random.default_rng(5)
    inputs = rng.uniform(-1, 1, (4, 7)).astype(np.float32)
    image, _ = lay_out(compress(network(rng, (7, 3))), inputs, PRESETS["tiny4"])
    step = 2.0**-image.input_fraction_bits
    for value, saturated in ((32767 * step, 0), (32768 * step, 1), (-32768 * step, 0), (-32769 * step, 1)):
        inputs[2, 6] = value
        assert run_image(image, inputs).saturated.tolist() == [False, False, bool(saturated), False]


def test_figures_are_means_per_input_and_add_up() -> None:
    rng = np.random.default_rng(4)
    inputs = rng.uniform(0, 1, (3, 9)).astype(np.float32)
    image, calibrated_here = lay_out(compress(network(rng, (9, 12, 5)), density=0.3), inputs, PRESETS["tiny4"])
    assert calibrated_here
    run = simulate_lowered(image, inputs)
    assert list(run.layers) == ["fc0", "fc1"]
    for name in ("compute_cycles", "drain_cycles", "write_back_cycles", "cycles", "broadcasts", "stalls", "entries"):
        assert getattr(run.total, name) == pytest.approx(sum(getattr(layer, name) for layer in run.layers.values()))
    assert run.total.cycles == pytest.approx(run_image(image, inputs).cycles_per_input)
    single, alone = simulate_lowered(image, inputs[:1]).total, run_image(image, inputs[:1]).runs[0]
    assert single.useful_efficiency == pytest.approx(alone.useful_efficiency)
    assert single.balance == pytest.approx(alone.balance)
    assert single.microseconds == pytest.approx(alone.cycles / 800)
    assert single.ideal_cycles == pytest.approx(sum(layer.ideal_cycles for layer in alone.layers))
