"""sw/network/calibrate.py: the ranges of random networks against partial sums taken one by one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sw.network.execution
from model.errors import EieError
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.execution import run_graph
from sw.network.forward import FloatOperations
from sw.network.graph import UNCONNECTED, ApplyLayer, Graph, Lstm, Relu
from sw.network.operations import Clip, Elements, Elementwise
from tests.support.images.products import products, result_shape
from tests.support.networks.random_networks import conv_networks, make_conv_network, make_layer, networks


@given(networks(), st.integers(0, 1000))
@settings(max_examples=50)
def test_partial_sums_in_any_order_stay_below_the_bound(network: CompressedNetwork, seed: int):
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(70, network.in_features)).astype(np.float32)
    calibration = calibrate(network, inputs).calibration
    assert calibration is not None
    activations = inputs.astype(np.float64)
    assert calibration.activations[0] == np.abs(inputs).max()
    for index, layer in enumerate(network.layers):
        order = random.permutation(layer.shape[1])
        products = activations[:, np.newaxis, order] * layer.dense()[:, order]
        sums = np.cumsum(np.concatenate([products, np.tile(layer.bias[:, np.newaxis], (70, 1, 1))], axis=2), axis=2)
        assert np.abs(sums[:, :, :-1]).max() <= calibration.partial_sums[index] * (1 + 1e-6)
        signs = np.maximum(products, 0).sum(axis=2).max(), np.maximum(-products, 0).sum(axis=2).max()
        bound = bound_of(layer, max(signs), sums[:, :, -1].min(axis=0), sums[:, :, -1].max())
        assert calibration.partial_sums[index] == pytest.approx(bound, rel=1e-5, abs=1e-30)
        activations = np.maximum(sums[:, :, -1], 0) if layer.relu else sums[:, :, -1]
        assert calibration.activations[index + 1] == pytest.approx(np.abs(activations).max(), rel=1e-5)


def bound_of(layer: CompressedLayer, products: float, lowest: NDArray[Any], highest: float) -> float:
    """The least bound of the sums and of all results but those of a ReLU's rows with biases below minus twice it."""
    if not layer.relu:
        return max(products, -lowest.min(), highest)
    least = max(products, highest)
    bounds = sorted([least, *(-value for value in lowest if -value > least)])
    return next(bound for bound in bounds if (-lowest[layer.bias >= -2 * np.float64(bound)] <= bound).all())


class PlainRanges(FloatOperations):
    """One input at a time, every product by itself."""

    def __init__(self, layers: Sequence[CompressedLayer], graph: Graph):
        self.layers = layers
        self.graph = graph
        self.activations = np.zeros(len(layers))
        self.products = np.zeros(len(layers))
        self.lowest = [np.zeros(layer.shape[0]) for layer in layers]
        self.highest = np.zeros(len(layers))
        self.results: dict[int, float] = {}

    def layer(self, index: int, source: NDArray[np.float32]) -> NDArray[np.float32]:
        layer = self.layers[index]
        matrix = layer.dense().reshape(layer.shape[0], -1).astype(np.float64)
        result = np.zeros(result_shape(layer, source[0]))
        for place, rows, vector in products(layer, source[0]):
            terms = matrix[rows] * vector
            result[place] = terms.sum(axis=1) + layer.bias[rows]
            bounds = np.maximum(terms, 0).sum(axis=1), np.maximum(-terms, 0).sum(axis=1)
            self.products[index] = max(self.products[index], np.max(bounds))
            self.lowest[index][rows] = np.minimum(self.lowest[index][rows], result[place])
            self.highest[index] = max(self.highest[index], np.max(result[place]))
        if layer.relu:
            result = np.maximum(result, 0)
        self.activations[index] = max(self.activations[index], np.abs(self.left(index, ApplyLayer, result)).max())
        return result[np.newaxis].astype(np.float32)

    def left(self, index: int, kind: Any, result: NDArray[Any]) -> NDArray[Any]:
        """What the one operation that takes a result leaves of it; a ReLU behind a layer is not looked at."""
        places = [place for place, node in enumerate(self.graph.nodes, start=1) if isinstance(node.operation, kind)]
        if kind is ApplyLayer:
            both = [node.operation for node in self.graph.nodes if isinstance(node.operation, ApplyLayer | Lstm)]
            if isinstance(both[index], Lstm):
                return result
            index = sum(isinstance(operation, ApplyLayer) for operation in both[:index])
        takers = [node.operation for node in self.graph.nodes for source in node.sources if source == places[index]]
        if len(takers) == 1 and isinstance(takers[0], Clip):
            return np.clip(result, takers[0].low, takers[0].high)
        if len(takers) == 1 and isinstance(takers[0], Relu) and kind is not ApplyLayer:
            return np.maximum(result, 0)
        return result

    def apply(self, number: int, operation: Elements, sources: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        made = super().apply(number, operation, sources)
        if isinstance(operation, Elementwise):
            largest = float(np.abs(self.left(number, Elementwise, made)).max())
            self.results[number] = max(self.results.get(number, 0.0), largest)
        return made

    def lstm(self, index: int, operation: Lstm, source: NDArray[np.float32]) -> NDArray[np.float32]:
        units = self.layers[index].shape[0] // 4
        h, cell, largest = np.zeros(units, np.float32), np.zeros(units, np.float32), self.activations[index]
        steps: list[NDArray[np.float32]] = []
        for x in source[0]:
            gates = self.layer(index, np.concatenate([x, h])[np.newaxis])[0]
            i, f, o = (1 / (1 + np.exp(-gates[number * units : (number + 1) * units])) for number in (0, 1, 3))
            cell = f * cell + i * np.tanh(gates[2 * units : 3 * units])
            h = o * np.tanh(cell)
            largest = max(largest, np.abs(cell).max())
            steps.append(h)
        self.activations[index] = largest
        return np.array(steps if operation.sequence else h)[np.newaxis]


def assert_plain_ranges(network: CompressedNetwork, inputs: NDArray[np.float32]) -> None:
    calibration = calibrate(network, inputs).calibration
    assert calibration is not None
    plain = PlainRanges(network.layers, network.connections)
    for sample in inputs:
        run_graph(network.connections, plain, sample[np.newaxis])
    assert calibration.activations[0] == np.abs(inputs).max()
    np.testing.assert_allclose(calibration.activations[1:], plain.activations, rtol=1e-5, atol=1e-5)
    each = zip(network.layers, plain.products, plain.lowest, plain.highest, strict=True)
    np.testing.assert_allclose(calibration.partial_sums, [bound_of(*one) for one in each], rtol=1e-5, atol=1e-5)
    results = [plain.results[number] for number in range(len(plain.results))]
    np.testing.assert_allclose(calibration.results, results, rtol=1e-5, atol=1e-5)


@given(conv_networks(), st.integers(0, 1000))
@settings(max_examples=50)
def test_ranges_of_a_graph(network: CompressedNetwork, seed: int) -> None:
    inputs = np.random.default_rng(seed).normal(size=(3, *network.input_shape)).astype(np.float32)
    assert_plain_ranges(network, inputs)


def test_inputs_run_in_parts_give_the_ranges_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_conv_network(3)
    inputs = np.random.default_rng(0).normal(size=(7, *network.input_shape)).astype(np.float32)
    monkeypatch.setattr(sw.network.execution, "ELEMENTS_AT_ONCE", 3 * 360)
    assert_plain_ranges(network, inputs)
    flat = calibrate(network, inputs.reshape(7, -1)).calibration
    whole = calibrate(network, inputs).calibration
    assert flat is not None
    assert whole is not None
    assert flat.activations.tolist() == whole.activations.tolist()


def test_more_vectors_than_are_run_at_once() -> None:
    network = CompressedNetwork(layers=(make_layer(1, (3, 5), 1.0),))
    inputs = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    assert_plain_ranges(network, inputs)
    inputs[299, 2] = 100
    assert_plain_ranges(network, inputs)


def test_errors() -> None:
    network = CompressedNetwork(layers=(make_layer(0, (4, 3), 0.5),))
    with pytest.raises(EieError, match="at least one input"):
        calibrate(network, np.zeros((0, 3)))
    with pytest.raises(EieError, match="must be finite"):
        calibrate(network, np.full((1, 3), np.nan))
    with pytest.raises(EieError, match="it holds weights only"):
        calibrate(replace(network, graph=UNCONNECTED), np.zeros((1, 3)))
    layer = make_layer(0, (1, 1), 1.0, 1)
    layer.codebook[1] = 3e38
    with pytest.raises(EieError, match="layer fc: calibration must stay in the range of float32, an output left it"):
        calibrate(CompressedNetwork(layers=(layer,)), np.full((1, 1), 3e38))
    # Two products of 3e38 * 1 with opposite signs cancel in the output, not in the bound on the sums.
    wide = make_layer(0, (1, 4), 1.0, 1)
    wide.codebook[1], wide.bias[:] = 3e38, 0
    with pytest.raises(EieError, match="calibration must stay in the range of float32, a sum left it"):
        calibrate(CompressedNetwork(layers=(wide,)), np.array([[1, 1, -1, -1]]))


def test_ranges_for_8_bits_leave_rare_large_numbers_to_saturation():
    """One activation in 50,000 is three times the others: in all but the outputs it saturates."""
    layers = (make_layer(1, (3, 1), 1.0, name="first"), make_layer(2, (2, 3), 1.0, name="second"))
    network = CompressedNetwork(layers=layers)
    inputs = np.random.default_rng(3).uniform(-1, 1, (50_000, 1))
    inputs[0] = 3.0
    wide, narrow = calibrate(network, inputs).calibration, calibrate(network, inputs, 8).calibration
    assert wide is not None
    assert narrow is not None
    assert (wide.activation_bits, narrow.activation_bits) == (16, 8)
    assert (wide.activations / narrow.activations).tolist() == [2, 2, 1]
    assert narrow.partial_sums.tolist() == wide.partial_sums.tolist()


def test_ranges_for_8_bits_of_even_numbers_are_the_largest():
    """Of a uniform distribution any part that saturates costs more than the finer rest gains."""
    network = CompressedNetwork(layers=(make_layer(1, (3, 2), 1.0, name="first"), make_layer(2, (2, 3), 1.0)))
    inputs = np.random.default_rng(3).uniform(-0.9, 0.9, (500, 2))
    narrow = calibrate(network, inputs, 8).calibration
    assert narrow is not None
    assert narrow.activations[0] == np.float32(np.abs(inputs).max())
