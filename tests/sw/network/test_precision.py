"""sw/network/precision.py: bits and differences, against what the integers of every layer are."""

import numpy as np
import pytest

from sw.compress.pipeline import compress
from sw.network.integer_forward import run_integers
from sw.network.layer import Layer
from sw.network.network import Network
from sw.network.precision import BOUND, MOST_INPUTS, measure_precision
from tests.support.networks.random_networks import make_conv_network


def network(scale: float = 1.0) -> Network:
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=size).astype(np.float32) for size in ((12, 10), (5, 12)))
    bias = np.zeros(12, np.float32)
    bias[11] = scale
    return Network((Layer("h", first, bias, False), Layer("o", second, np.zeros(5, np.float32), False)))


def test_bits_and_differences_of_a_usual_network():
    x = np.random.default_rng(1).normal(size=(100, 10)).astype(np.float32)
    compressed = compress(network(), calibration=x)
    first, second = measure_precision(compressed, x)
    assert [first.name, second.name] == ["h", "o"]
    assert 12 <= first.weight_bits <= 16
    assert 28 <= second.sum_bits <= 31
    assert 13 <= second.output_bits <= 16
    run, wanted = run_integers(compressed, x[:MOST_INPUTS]), compressed.to_network().forward(x[:MOST_INPUTS])
    difference = np.linalg.norm(run.outputs - wanted) / np.linalg.norm(wanted)
    assert second.difference == pytest.approx(difference)
    assert second.difference < BOUND / 10


def test_a_large_bias_without_relu_takes_the_bits_of_the_others():
    x = np.random.default_rng(1).normal(size=(9, 10)).astype(np.float32)
    first, second = measure_precision(compress(network(1e6), calibration=x), x)
    assert first.weight_bits < 12
    assert first.output_bits >= 15
    assert second.difference > 0


def test_graphs_and_fewer_bits_in_the_accumulator():
    compressed = make_conv_network(3)
    x = np.random.default_rng(0).normal(size=(3, *compressed.input_shape)).astype(np.float32)
    calibrated = compress(compressed.to_network(), code_bits=8, calibration=x)
    wide, narrow = (measure_precision(calibrated, x, bits) for bits in (32, 18))
    assert [each.name for each in wide] == [layer.name for layer in calibrated.layers]
    assert all(each.sum_bits <= 18 for each in narrow)
    assert max(each.difference for each in narrow) > max(each.difference for each in wide)
