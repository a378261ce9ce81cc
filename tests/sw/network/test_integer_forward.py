"""sw/network/integer_forward.py:
random graphs against every product by itself, chains against the engine, overflow exactly.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import floor
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sw.network.execution
from model.errors import EieError
from model.fixed_point import from_fixed, layer_reference, to_fixed
from sim.simulation.image_run import run_image
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from sw.network.compressed import Calibration, CompressedNetwork
from sw.network.execution import run_graph
from sw.network.graph import UNCONNECTED, ApplyLayer, Concatenate, Graph, Lstm, Node, Pool
from sw.network.integer_forward import run_integers
from sw.network.integer_pooling import mean_factor
from sw.network.operations import Clip, Elements, Elementwise, LeakyRelu, Reshape, Transpose
from sw.network.quantise import LayerFormat, choose_formats
from tests.support.images.products import products, result_shape
from tests.support.networks.lstm import plain_cell, rounded
from tests.support.networks.random_networks import conv_networks, make_config, make_conv_network, make_layer, networks


class Value(NamedTuple):
    """One input's value."""

    integers: NDArray[np.int16]
    fraction_bits: int
    overflow: bool = False


class PlainArithmetic:
    """The datapath for one input, every product through `layer_reference` and every mean a fraction."""

    def __init__(
        self,
        network: CompressedNetwork,
        formats: Sequence[LayerFormat],
        accumulator_bits: int,
        activation_bits: int = 16,
    ):
        self.activation_bits = activation_bits
        self.network = network
        self.formats = formats
        self.accumulator_bits = accumulator_bits

    def layer(self, index: int, source: Value) -> Value:
        layer, chosen = self.network.layers[index], self.formats[index]
        assert source.fraction_bits == chosen.input_fraction_bits
        weights = to_fixed(layer.dense(), chosen.weight_fraction_bits).reshape(layer.shape[0], -1)
        lowest = -np.inf if chosen.lowest_bias is None else chosen.lowest_bias  # of rows that a ReLU always cuts
        biases = to_fixed(np.maximum(layer.bias, lowest), chosen.bias_fraction_bits)
        result = np.zeros(result_shape(layer, source.integers), np.int16)
        overflow = source.overflow
        for place, rows, vector in products(layer, source.integers):
            result[place], overflowed = layer_reference(
                weights[rows],
                biases[rows],
                chosen.bias_scale,
                vector,
                chosen.shift,
                layer.relu,
                self.accumulator_bits,
                self.activation_bits,
            )
            overflow |= overflowed
        return Value(result, chosen.output_fraction_bits, overflow)

    def lstm(self, index: int, operation: Lstm, source: Value) -> Value:
        units, bits = self.network.layers[index].shape[0] // 4, self.formats[index].input_fraction_bits
        cell_bits = self.formats[index].cell_fraction_bits
        assert cell_bits is not None
        h, cell, overflow = [0] * units, [0] * units, source.overflow
        steps: list[list[int]] = []
        for numbers in source.integers.tolist():
            x = [rounded(number / Fraction(2) ** source.fraction_bits, bits) for number in numbers]
            gates = self.layer(index, Value(np.array([*x, *h], np.int16), bits, overflow))
            overflow = gates.overflow
            h, cell = plain_cell(gates.integers, gates.fraction_bits, np.array(cell), cell_bits, bits)
            steps.append(h)
        return Value(np.array(steps if operation.sequence else h, np.int16), bits, overflow)

    def relu(self, source: Value) -> Value:
        return source._replace(integers=np.where(source.integers > 0, source.integers, 0).astype(np.int16))

    def pool(self, operation: Pool, source: Value) -> Value:
        sizes = source.integers.shape[1:]
        spans = [axis_windows(operation, axis, size) for axis, size in enumerate(sizes)]
        result = np.zeros((len(source.integers), len(spans[0]), len(spans[1])), np.int16)
        for channel, row, column in np.ndindex(result.shape):
            window = list(product(spans[0][row], spans[1][column]))
            inside = [int(source.integers[channel, y, x]) for y, x in window if 0 <= y < sizes[0] and 0 <= x < sizes[1]]
            if operation.kind == "max":
                result[channel, row, column] = max(inside)
            else:
                count = len(window) if operation.count_padding else len(inside)
                weight, bits = mean_factor(count) or (Fraction(1, count), 0)
                result[channel, row, column] = floor(Fraction(sum(inside)) * weight / (1 << bits) + Fraction(1, 2))
        return source._replace(integers=result)

    def flatten(self, source: Value) -> Value:
        return source._replace(integers=source.integers.ravel())

    def concatenate(self, sources: Sequence[Value]) -> Value:
        fewest = min(source.fraction_bits for source in sources)
        rounded = [
            [floor(int(value) * Fraction(2) ** (fewest - source.fraction_bits) + Fraction(1, 2)) for value in channel]
            for source in sources
            for channel in source.integers.reshape(len(source.integers), -1)
        ]
        shape = (-1, *sources[0].integers.shape[1:])
        return Value(np.array(rounded, np.int16).reshape(shape), fewest, any(source.overflow for source in sources))

    def apply(self, number: int, operation: Elements, sources: Sequence[Value]) -> Value:
        numbers = [
            np.vectorize(lambda integer, bits=source.fraction_bits: integer / Fraction(2) ** bits, otypes=[object])(
                source.integers.astype(object)
            )
            for source in sources
        ]
        bits, overflow = sources[0].fraction_bits, any(source.overflow for source in sources)
        match operation:
            case Elementwise():
                calibration = self.network.calibration
                assert calibration is not None
                both = [source.fraction_bits for source in sources]
                room = plain_bits(float(calibration.results[number]) or 1.0, self.activation_bits)
                bits = min(room, sum(both) if operation.kind == "multiply" else max(both))
                made = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply}[operation.kind](*numbers)
            case Clip():
                low, high = (
                    to_fixed(np.array([limit]), bits, self.activation_bits)[0] / Fraction(2) ** bits
                    for limit in (operation.low, operation.high)
                )
                made = np.minimum(np.maximum(numbers[0], low), high)
            case LeakyRelu():
                slope = Fraction(round(operation.slope * 2**15), 2**15)
                made = np.where(numbers[0] > 0, numbers[0], numbers[0] * slope)
            case Reshape():
                made = numbers[0].reshape(operation.shape)
            case Transpose():
                made = numbers[0].transpose(operation.order)
            case _:
                raise AssertionError(operation)
        integers = np.vectorize(lambda number: rounded(number, bits), otypes=[np.int16])(made)
        half = 1 << self.activation_bits - 1
        return Value(np.clip(integers, -half, half - 1), bits, overflow)


def plain_bits(largest: float, activation_bits: int = 16) -> int:
    """The most fraction bits at which a number rounds to at most 2**14 - 1, of 8 bits to at most 2**7 - 1."""
    most = {16: 1 << 14, 8: 1 << 7}[activation_bits]
    return max(bits for bits in range(-200, 200) if round(Fraction(largest) * Fraction(2) ** bits) < most)


def axis_windows(operation: Pool, axis: int, size: int) -> list[range]:
    """The rows (or columns) of every window, those in the padding included."""
    kernel, (before, behind) = operation.kernel[axis], operation.padding[axis::2]
    end = size + behind
    windows: list[range] = []
    for start in range(-before, size + behind, operation.stride[axis]):
        if start + kernel <= end or (operation.ceil and start < size and (not windows or windows[-1].stop < end)):
            windows.append(range(start, min(start + kernel, end)))
    return windows


def assert_equals_plain(
    network: CompressedNetwork, inputs: NDArray[np.float32], accumulator_bits: int, activation_bits: int = 16
) -> int:
    """Compares values, binary points and overflow; returns how many inputs overflowed."""
    found = run_integers(network, inputs, accumulator_bits, activation_bits=activation_bits)
    formats = choose_formats(network, accumulator_bits, activation_bits)
    plain = PlainArithmetic(network, formats, accumulator_bits, activation_bits)
    assert network.calibration is not None
    bits, half = plain_bits(float(network.calibration.activations[0]) or 1.0, activation_bits), 1 << activation_bits - 1
    for number, sample in enumerate(inputs):
        source = Value(to_fixed(sample, bits, activation_bits), bits)
        expected = run_graph(network.connections, plain, source)
        assert found.integers[number].tolist() == expected.integers.tolist()
        assert found.fraction_bits == expected.fraction_bits
        assert found.overflow[number] == expected.overflow
        scaled = np.rint(sample.astype(np.float64) * 2.0**bits)
        assert found.saturated[number] == ((scaled < -half) | (scaled >= half)).any()
    np.testing.assert_array_equal(found.outputs, from_fixed(found.integers, found.fraction_bits))
    return int(np.count_nonzero(found.overflow))


def too_narrow(network: CompressedNetwork, bits: int) -> CompressedNetwork:
    """The network as if its partial sums had been so many bits smaller."""
    assert network.calibration is not None
    sums = np.ldexp(network.calibration.partial_sums, -bits)
    return replace(network, calibration=replace(network.calibration, partial_sums=sums))


@given(
    conv_networks(calibrated=True),
    st.integers(0, 1000),
    st.sampled_from([0.5, 4]),
    st.sampled_from([24, 32, 48]),
    st.sampled_from([16, 8]),
)
@settings(max_examples=60)
def test_a_graph_equals_its_products_one_by_one(
    network: CompressedNetwork, seed: int, scale: float, accumulator_bits: int, activation_bits: int
) -> None:
    inputs = np.random.default_rng(seed).normal(size=(3, *network.input_shape)).astype(np.float32) * np.float32(scale)
    if any(isinstance(node.operation, Lstm) for node in network.connections.nodes):
        activation_bits = 16  # which they want
    assert_equals_plain(too_narrow(network, 2), inputs, accumulator_bits, activation_bits)


@pytest.mark.parametrize(("bits", "accumulator_bits", "overflows"), [(0, 28, 0), (0, 32, 0), (2, 28, 5), (3, 28, 6)])
def test_overflow_of_some_inputs(bits: int, accumulator_bits: int, overflows: int) -> None:
    random = np.random.default_rng(2)
    network = calibrate(make_conv_network(7), random.normal(size=(20, 2, 10, 9)))
    inputs = random.normal(size=(6, 2, 10, 9)).astype(np.float32)
    assert assert_equals_plain(too_narrow(network, bits), inputs, accumulator_bits) == overflows


@pytest.mark.parametrize(
    ("values", "bias", "overflow"),
    [
        ([1] * 15 + [-1], 0, False),
        ([1] * 16 + [-1], 0, True),
        ([-1] * 16 + [1], 0, False),
        ([-1] * 16 + [-(2**-13), 1], 0, True),
        ([1] * 15, 0.5, False),
        ([1] * 15, 1, True),
        ([1] * 16, -1, True),
        ([-1] * 16, 0, False),
        ([-1] * 16, -0.5, True),
        ([-1] * 15, -1, False),
    ],
)
def test_a_sum_may_be_minus_the_limit_but_not_the_limit(values: list[float], bias: float, overflow: bool) -> None:
    layer = make_layer(0, (1, 18), 1.0, 1)
    layer.codebook[1], layer.bias[:] = 1, bias
    # 1 has 13 fraction bits as an input and 14 as a weight: sixteen products of 1 are 2**31.
    calibration = Calibration(activations=np.array([1, 1], np.float32), partial_sums=np.ones(1, np.float32))
    network = CompressedNetwork(layers=(layer,), calibration=calibration)
    inputs = np.zeros((2, 18), np.float32)
    inputs[1, : len(values)] = values
    assert assert_equals_plain(network, inputs, 32) == overflow
    assert not run_integers(network, inputs).overflow[0]


def test_inputs_run_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_conv_network(3)
    inputs = np.random.default_rng(0).normal(size=(7, *network.input_shape)).astype(np.float32)
    network = calibrate(network, inputs)
    whole = run_integers(network, inputs)
    monkeypatch.setattr(sw.network.execution, "ELEMENTS_AT_ONCE", 3 * 360)
    done: list[int] = []
    parts = run_integers(network, inputs.reshape(7, -1), advance=done.append)
    assert done == [3, 3, 1]
    np.testing.assert_array_equal(parts.integers, whole.integers)
    assert parts.overflow.shape == parts.saturated.shape == (7,)


@given(networks(calibrated=True), st.integers(0, 1000), st.integers(0, 8), st.sampled_from([1, 3, 4]))
@settings(max_examples=40)
def test_a_chain_equals_the_engine(network: CompressedNetwork, seed: int, bits: int, pes: int) -> None:
    inputs = np.random.default_rng(seed).normal(size=(3, network.in_features)).astype(np.float32)
    network = too_narrow(network, bits)
    config = make_config(pes=pes, code_bits=8, row_dealing="modulo")
    expected = run_image(build_image(network, config), inputs)
    found = run_integers(network, inputs, config.accumulator_bits)
    np.testing.assert_array_equal(found.integers, expected.integers)
    assert found.overflow.tolist() == [run.overflow for run in expected.runs]


def test_more_vectors_than_are_run_at_once() -> None:
    inputs = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    network = calibrate(CompressedNetwork(layers=(make_layer(1, (3, 5), 1.0),)), inputs)
    inputs[299] *= 100
    assert_equals_plain(too_narrow(network, 1), inputs, 32)


def test_joined_values_far_apart_keep_the_larger() -> None:
    layers = (make_layer(1, (2, 3), 1.0, name="a"), make_layer(2, (2, 3), 1.0, name="b"))
    layers[0].codebook[:] *= np.float32(1e-30)
    layers[0].bias[:] = 0
    graph = Graph(
        input_shape=(3,),
        nodes=(Node(ApplyLayer(), (0,)), Node(ApplyLayer(), (0,)), Node(Concatenate(), (1, 2))),
    )
    inputs = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    network = calibrate(CompressedNetwork(layers=layers, graph=graph), inputs)
    assert_equals_plain(network, inputs, 32)
    found = run_integers(network, inputs)
    assert not found.integers[:, :2].any()
    assert found.integers[:, 2:].all()


def test_it_is_close_to_float32() -> None:
    network = make_conv_network(11)
    inputs = np.random.default_rng(1).normal(size=(50, *network.input_shape)).astype(np.float32)
    network = calibrate(network, inputs)
    expected = network.to_network().forward(inputs)
    found = run_integers(network, inputs)
    assert not found.overflow.any()
    assert not found.saturated.any()
    np.testing.assert_allclose(found.outputs, expected, atol=2e-3 * np.abs(expected).max())


def test_errors() -> None:
    network = CompressedNetwork(layers=(make_layer(0, (4, 3), 0.5),))
    with pytest.raises(EieError, match="need a calibration"):
        run_integers(network, np.zeros((1, 3)))
    calibrated = calibrate(network, np.ones((1, 3)))
    with pytest.raises(EieError, match="at least one input, got none"):
        run_integers(calibrated, np.zeros((0, 3)))
    with pytest.raises(EieError, match=r"inputs must have shape \(n, 3\), got \(1, 4\)"):
        run_integers(calibrated, np.zeros((1, 4)))
    with pytest.raises(EieError, match="it holds weights only"):
        run_integers(replace(calibrated, graph=UNCONNECTED), np.zeros((1, 3)))
