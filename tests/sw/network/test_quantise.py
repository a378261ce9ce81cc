from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import EieError
from model.fixed_point import layer_reference, to_fixed
from sw.network.calibrate import calibrate
from sw.network.compressed import Calibration, CompressedNetwork
from sw.network.graph import UNCONNECTED
from sw.network.quantise import choose_formats
from tests.support.networks.random_networks import make_conv_network, make_layer, networks


@given(networks(calibrated=True), st.integers(32, 48))
def test_everything_has_its_headroom_and_no_more(network: CompressedNetwork, accumulator_bits: int):
    assert network.calibration is not None
    formats = choose_formats(network, accumulator_bits)
    ranges = network.calibration.activations.tolist()
    before = formats[0].input_fraction_bits
    for index, (layer, chosen) in enumerate(zip(network.layers, formats, strict=True)):
        accumulator = chosen.input_fraction_bits + chosen.weight_fraction_bits
        assert chosen.input_fraction_bits == before
        assert ranges[index] * 2.0**before <= 1 << 14
        assert 0 <= chosen.shift <= 63
        assert chosen.bias_scale in [1 << bit for bit in range(15)]
        largest_sum = float(network.calibration.partial_sums[index]) * 2.0**accumulator
        largest_weight = float(np.abs(layer.codebook).max()) * 2.0**chosen.weight_fraction_bits
        largest_bias = float(np.abs(layer.bias).max()) * 2.0**chosen.bias_fraction_bits
        assert largest_sum <= 2 ** (accumulator_bits - 2)
        assert largest_weight < 32767.5
        assert largest_bias < 32767.5
        at_limit = (
            2 * largest_sum > 2 ** (accumulator_bits - 2) - 1,
            2 * largest_weight >= 32767,
            2 * largest_bias >= 32767 and chosen.bias_scale == 1 << 14,
            chosen.shift == 63,
        )
        assert any(at_limit) or largest_weight == 0
        assert chosen.bias_scale == 1 or 2 * largest_bias >= 32767
        before = chosen.output_fraction_bits


@given(networks(calibrated=True), st.integers(0, 1000))
@settings(max_examples=30)
def test_calibration_inputs_do_not_overflow(network: CompressedNetwork, seed: int):
    inputs = np.random.default_rng(seed).normal(size=(3, network.in_features))
    network = calibrate(network, inputs)
    formats = choose_formats(network, 32)
    for sample in inputs:
        activations = to_fixed(sample, formats[0].input_fraction_bits)
        for layer, chosen in zip(network.layers, formats, strict=True):
            weights = to_fixed(layer.dense(), chosen.weight_fraction_bits)
            biases = to_fixed(layer.bias, chosen.bias_fraction_bits)
            activations, overflow = layer_reference(
                weights, biases, chosen.bias_scale, activations, chosen.shift, layer.relu, 32
            )
            assert not overflow
        assert np.abs(activations).max() < 32767


def with_ranges(bias: float, weight: float, activations: list[float], largest_sum: float) -> CompressedNetwork:
    layer = make_layer(0, (1, 1), 1.0, 1)
    layer.codebook[1] = weight
    layer.bias[:] = bias
    return CompressedNetwork(
        layers=(layer,),
        calibration=Calibration(
            activations=np.array(activations, np.float32), partial_sums=np.array([largest_sum], np.float32)
        ),
    )


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        # 0.75 has headroom at 14 bits, weight 0.5 fills 15, the sum has room: shift down to 13 bits of 1.5.
        (with_ranges(0.25, 0.5, [0.75, 1.5], 1.5), (14, 15, 13, 1 << 13)),
        # A sum of 1000 leaves 20 fraction bits of a 32-bit accumulator.
        (with_ranges(0.25, 0.5, [0.75, 1.5], 1000), (14, 6, 13, 1 << 4)),
        # A bias of 4000 has 3 fraction bits, so the accumulator at most 17: the output loses none of them.
        (with_ranges(4000, 0.5, [0.75, 4000.4], 4000.4), (14, 3, 2, 1 << 14)),
        # Dead inputs and outputs.
        (with_ranges(0, 0, [0, 0], 0), (13, 14, 13, 1)),
        # A tiny output of tiny weights would need a shift above 63 without the cap; 2**-100 has 128 - 15 bits.
        (with_ranges(0, 2.0**-100, [1, 100], 0), (13, 57, 7, 1)),
    ],
)
def test_hand_examples(network: CompressedNetwork, expected: tuple[int, int, int, int]):
    (chosen,) = choose_formats(network, 32)
    found = (
        chosen.input_fraction_bits,
        chosen.weight_fraction_bits,
        chosen.output_fraction_bits,
        chosen.bias_scale,
    )
    assert found == expected


def test_errors() -> None:
    network = CompressedNetwork(layers=(make_layer(0, (4, 3), 0.5),))
    with pytest.raises(EieError, match="need a calibration"):
        choose_formats(network, 32)
    with pytest.raises(EieError, match="it holds weights only"):
        choose_formats(replace(with_ranges(0, 1, [1, 1], 1), graph=UNCONNECTED), 32)


def test_points_follow_the_graph() -> None:
    network = calibrate(make_conv_network(5), np.random.default_rng(1).normal(size=(4, 2, 10, 9)))
    assert network.calibration is not None
    scales = np.array([1, 1, 8, 1 / 4, 1, 1], np.float32)
    network = replace(network, calibration=replace(network.calibration, activations=scales))
    conv1, conv2a, conv2b, ip1, ip2 = choose_formats(network, 32)
    # 1 needs 13 fraction bits to have its headroom, 8 needs 10 and 1/4 has 15.
    assert (conv1.input_fraction_bits, conv1.output_fraction_bits) == (13, 13)
    assert conv2a.input_fraction_bits == conv2b.input_fraction_bits == 13
    assert (conv2a.output_fraction_bits, conv2b.output_fraction_bits) == (10, 15)
    assert ip1.input_fraction_bits == 10
    assert ip2.input_fraction_bits == ip1.output_fraction_bits


def test_a_calibration_for_8_bits_is_not_taken_for_16():
    network = calibrate(CompressedNetwork(layers=(make_layer(1, (3, 2), 1.0),)), np.ones((2, 2)), 8)
    (chosen,) = choose_formats(network, 32, 8)
    assert chosen.input_fraction_bits == 6
    with pytest.raises(EieError) as refusal:
        choose_formats(network, 32)
    assert str(refusal.value) == (
        "the network is calibrated for activations of 8 bits, the array has 16: calibrate it again, or take --set "
        "activation_bits=8"
    )


def test_a_bias_of_8_bit_activations_is_scaled_by_at_most_64():
    """The multiplier takes the scale in the place of an activation; weights give way for a large bias."""
    layer = make_layer(1, (3, 2), 1.0)
    layer.bias[:] = 1e6
    network = calibrate(CompressedNetwork(layers=(layer,)), np.ones((2, 2)))
    scales = [choose_formats(network, 48, bits)[0].bias_scale for bits in (16, 8)]
    assert scales == [1 << 14, 1 << 6]
