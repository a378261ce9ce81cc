"""sw/network/quantise.py: a row that a ReLU always cuts takes no fraction bits from the others."""

from dataclasses import replace

import numpy as np
import pytest

from model.config import PRESETS
from sim.simulation.simulate import simulate
from sw.compress.pipeline import compress
from sw.network.calibrate import calibrate
from sw.network.graph import ApplyLayer, Convolution, Graph, Node
from sw.network.integer_forward import run_integers
from sw.network.layer import Layer
from sw.network.network import Network
from sw.network.quantise import choose_formats


def network(bias: float, *, is_convolution: bool = False) -> Network:
    rng = np.random.default_rng(1)
    first, second = (rng.normal(size=size).astype(np.float32) * np.float32(0.1) for size in ((12, 10), (5, 12)))
    biases = np.zeros(12, np.float32)
    biases[11] = bias
    layers = (Layer("h", first, biases, True), Layer("o", second, np.zeros(5, np.float32), False))
    if not is_convolution:
        return Network(layers)
    kernels = tuple(
        replace(layer, weight=layer.weight[:, :, np.newaxis, np.newaxis], convolution=Convolution()) for layer in layers
    )
    return Network(kernels, Graph(input_shape=(10, 1, 3), nodes=(Node(ApplyLayer(), (0,)), Node(ApplyLayer(), (1,)))))


@pytest.mark.parametrize("is_convolution", [False, True])
@pytest.mark.parametrize("bias", [-1e6, -50.0, -5.0])
def test_the_other_rows_keep_their_bits(bias: float, is_convolution: bool):
    made = network(bias, is_convolution=is_convolution)
    x = np.random.default_rng(2).normal(size=(64, *made.input_shape)).astype(np.float32)
    compressed = compress(made, code_bits=8, calibration=x)
    run = run_integers(compressed, x)
    wanted = compressed.to_network().forward(x)
    np.testing.assert_allclose(run.outputs, wanted, atol=1e-3 * np.abs(wanted).max())
    assert not run.overflow.any()
    if not is_convolution:
        few = compress(made, code_bits=4, calibration=x)
        simulation = simulate(few, x, PRESETS["tiny4"])
        np.testing.assert_array_equal(simulation.outputs, run_integers(few, x).outputs)
        assert not simulation.overflow.any()


def test_nothing_changes_without_such_a_row():
    x = np.random.default_rng(2).normal(size=(64, 10)).astype(np.float32)
    compressed = compress(network(-0.5), code_bits=8, calibration=x)
    assert [chosen.lowest_bias for chosen in choose_formats(compressed, 32)] == [None, None]
    limited = choose_formats(compress(network(-1e6), code_bits=8, calibration=x), 32)[0]
    assert limited.lowest_bias is not None
    assert limited.weight_fraction_bits >= choose_formats(compressed, 32)[0].weight_fraction_bits - 2


def test_a_row_without_relu_keeps_its_bias():
    x = np.random.default_rng(2).normal(size=(8, 10)).astype(np.float32)
    made = network(-50.0)
    plain = Network((replace(made.layers[0], relu=False), made.layers[1]))
    compressed = compress(plain, code_bits=8, calibration=x)
    assert choose_formats(compressed, 32)[0].lowest_bias is None
    np.testing.assert_allclose(run_integers(compressed, x).outputs, plain.forward(x), atol=0.01)


def test_a_layer_that_is_off_altogether():
    made = network(0)
    off = Layer("h", made.layers[0].weight, np.full(12, -1e6, np.float32), True)
    x = np.random.default_rng(2).normal(size=(8, 10)).astype(np.float32)
    compressed = calibrate(compress(Network((off, made.layers[1]))), x)
    assert not run_integers(compressed, x).outputs.any()


def test_rows_between_are_counted_until_nothing_changes():
    """A bound that grows because of one row can take another row in, whose results then count as well."""
    weight = np.eye(3, dtype=np.float32)
    layer = Layer("h", weight, np.array([0, -1.9, -5.5], np.float32), True)
    x = np.array([[1, -1, -1], [-1, -1, 1]], np.float32)
    calibrated = compress(Network((layer,)), calibration=x).calibration
    assert calibrated is not None
    assert calibrated.partial_sums[0] == pytest.approx(6.5)
