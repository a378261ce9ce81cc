"""Calibration: the ranges that typical inputs give the activations and the partial sums of every layer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.errors import EieError
from model.fixed_point import from_fixed, to_fixed
from sw.network.compressed import Calibration, CompressedLayer, CompressedNetwork
from sw.network.execution import parts, run_graph
from sw.network.forward import FloatOperations
from sw.network.graph import ApplyLayer, Graph, Gru, Lstm, Relu
from sw.network.host_part import HostPart
from sw.network.layer_products import VECTORS_AT_ONCE, run_products, sparse_rows
from sw.network.lstm import run_lstm, units_of
from sw.network.lstm_cell import float_cell, float_gru_cell
from sw.network.network import check_inputs
from sw.network.operations import RANGED, Clip, Elements
from sw.network.quantise import LIMIT, magnitude_bits, most_fraction_bits

HALVINGS = 3  # at most, of a range whose ends are left to saturation


def calibrate(network: CompressedNetwork, inputs: NDArray[Any], activation_bits: int = 16) -> CompressedNetwork:
    """The network with the ranges seen on (n, *input_shape) inputs, n >= 1; any earlier calibration is replaced.

    The largest partial sum is bounded from above, whatever the order of the columns: the larger of the sum of the
    positive products and that of the negative ones, or the result with bias if that is larger; in a convolution, at
    any position, and in a sequence at any step. Of an LSTM the range is its cell's, since h and gates have ranges known
    before. A result that only a Clip takes, or a ReLU unless it is a layer's, has the range of what these leave of it,
    beyond which it may saturate. Memory is bounded: a few inputs are run at a time.

    With `activation_bits` of 8 the inputs are run twice, and the range of every activation but the network's outputs is
    halved, at most `HALVINGS` times, where that makes the sum of the squared errors of the 8 bits least: what lies
    beyond saturates, the rest is finer.
    """
    samples = check_inputs(inputs, network.input_shape)
    if samples.shape[0] == 0:
        raise EieError("calibration must have at least one input, got none")
    ranges = _Ranges(network.layers, network.connections)
    counts = [np.zeros(shape, np.int64) for shape in network.shapes]
    for part in parts(len(samples), network.shapes):
        made = [samples[part]]
        run_graph(network.connections, ranges, samples[part], made.append)
        for count, values in zip(counts, made, strict=True):
            count += np.count_nonzero(values, axis=0)
    largest = np.concatenate([[np.abs(samples).max()], ranges.activations, ranges.results])
    partial_sums = ranges.partial_sums()
    if not max(largest.max(), partial_sums.max()) <= np.finfo(np.float32).max:
        raise EieError("calibration must stay in the range of float32, a sum left it")
    if activation_bits != 16:
        largest = _narrowed(network, samples, largest, activation_bits)
    activations, results = np.split(largest, [len(network.layers) + 1])
    calibration = Calibration(
        activations=activations.astype(np.float32),
        partial_sums=partial_sums.astype(np.float32),
        results=results.astype(np.float32),
        activation_bits=activation_bits,
        activity=tuple((count / len(samples)).astype(np.float32) for count in counts),
    )
    return replace(network, calibration=calibration)


def _narrowed(
    network: CompressedNetwork, samples: NDArray[np.float32], largest: NDArray[np.float64], activation_bits: int
) -> NDArray[np.float64]:
    """(1 + layers + ranged operations,) ranges for so many bits, of these largest magnitudes (`calibrate`)."""
    errors = _Errors(network.layers, network.connections, largest, activation_bits)
    for part in parts(len(samples), network.shapes):
        errors.see(0, samples[part])
        run_graph(network.connections, errors, samples[part])
    halvings = errors.squares.argmin(axis=1)
    halvings[_made_outputs(network)] = 0  # a class that saturates is no longer the largest
    return largest / (1 << halvings)


def _made_outputs(network: CompressedNetwork) -> list[int]:
    """Which tensors, as in `_narrowed`, the network's outputs are, but for operations that keep their range."""
    nodes, found = network.connections.nodes, list[int]()
    layers, ranged = [0], [0]  # before each node
    for node in nodes:
        layers.append(layers[-1] + isinstance(node.operation, ApplyLayer | Lstm))
        ranged.append(ranged[-1] + isinstance(node.operation, RANGED))
    waiting = [len(nodes)]
    while waiting:
        value = waiting.pop()
        operation = nodes[value - 1].operation if value else None
        if operation is None:
            found.append(0)
        elif isinstance(operation, ApplyLayer | Lstm):
            found.append(layers[value])
        elif isinstance(operation, RANGED):
            found.append(1 + len(network.layers) + ranged[value - 1])
        else:
            waiting += nodes[value - 1].sources
    return found


_Limit = tuple[float, float]


class _Ranges(FloatOperations):
    """The float32 reference that keeps the largest magnitudes of all the inputs it has run.

    Parameters
    ----------
    activations : (layers,) float64, of every layer's output, of an LSTM's cell.
    products : (layers,) float64, bounds of every layer's sums of products and of its results; of a layer with ReLU
        those of its results that are not cut.
    lowest : of every layer with ReLU (out,) float64, the least result of each row.
    results : (ranged operations,) float64.
    """

    def __init__(self, layers: Sequence[CompressedLayer], graph: Graph):
        self.layers = layers
        self.rows = [sparse_rows(layer) for layer in layers]
        self.activations = np.zeros(len(layers))
        self.products = np.zeros(len(layers))
        self.lowest = [np.zeros(layer.shape[0]) for layer in layers]
        self.results = np.zeros(len(graph.ranged))
        self.limits, self.result_limits = _limits(graph)

    def partial_sums(self) -> NDArray[np.float64]:
        """(layers,) bounds, results that a ReLU cuts included where their biases are not limited."""
        bounds = self.products.copy()
        for index, layer in enumerate(self.layers):
            if not layer.relu:
                continue
            while True:  # a larger bound limits fewer biases, whose rows may have larger results
                limited = layer.bias < -LIMIT * bounds[index]
                larger = max(self.products[index], -self.lowest[index][~limited].min(initial=0))
                if larger <= bounds[index]:
                    break
                bounds[index] = larger
        return bounds

    def see(self, tensor: int, values: NDArray[np.float32]) -> None:
        """Told of the input, of what layers make and of what ranged operations make, numbered in this order."""

    def layer(self, index: int, source: NDArray[np.float32]) -> NDArray[np.float32]:
        sums = self._products(index, source)
        self._see(index, sums)
        return sums

    def lstm(self, index: int, operation: Lstm, source: NDArray[np.float32]) -> NDArray[np.float32]:
        def cell(gates: NDArray[np.float32], before: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
            h, after = (float_gru_cell if isinstance(operation, Gru) else float_cell)(gates, before)
            self._see(index, after)
            return h, after

        units = units_of(self.layers[index].shape)
        return run_lstm(source, operation, units, lambda vectors: self._products(index, vectors), cell)

    def _see(self, index: int, values: NDArray[np.float32]) -> None:
        kept = np.clip(values, *self.limits[index])
        self.activations[index] = max(self.activations[index], np.abs(kept).max())
        self.see(1 + index, kept)

    def apply(self, number: int, operation: Elements, sources: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        made = super().apply(number, operation, sources)
        if number >= 0:
            kept = np.clip(made, *self.result_limits[number])
            if isinstance(operation, HostPart):  # the host may have infinities of its own, such as those of a mask
                kept = kept[np.isfinite(kept)]
            largest = np.abs(kept).max(initial=0)
            if not largest <= np.finfo(np.float32).max:
                raise EieError(f"{operation}: calibration must stay in the range of float32, a result left it")
            self.results[number] = max(self.results[number], largest)
            self.see(1 + len(self.layers) + number, kept)
        return made

    def _products(self, index: int, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """The results of a layer; their partial sums are seen."""
        layer, (bounds, columns) = self.layers[index], self.rows[index]
        weights = layer.codebook[layer.codes]

        def product(rows: slice, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            return _accumulate(
                bounds[rows.start : rows.stop + 1], columns, weights, layer.bias[rows], vectors, layer.relu
            )

        sums, largest = run_products(layer, source, product)
        if layer.relu:
            rest = tuple(axis for axis in range(sums.ndim) if axis != _channel_axis(layer, sums))
            self.lowest[index] = np.minimum(self.lowest[index], sums.min(axis=rest))
            np.maximum(sums, 0, out=sums)
        magnitude = np.abs(sums).max()
        if not magnitude <= np.finfo(np.float32).max:
            raise EieError(f"layer {layer.name}: calibration must stay in the range of float32, an output left it")
        self.products[index] = max(self.products[index], largest.max())
        return sums.astype(np.float32)


class _Errors(_Ranges):
    """What halving the ranges costs in so many bits.

    Parameters
    ----------
    squares : (1 + layers + ranged operations, 1 + HALVINGS) sums of the squared errors.
    """

    def __init__(
        self,
        layers: Sequence[CompressedLayer],
        graph: Graph,
        largest: NDArray[np.float64],
        activation_bits: int,
    ):
        super().__init__(layers, graph)
        self._largest, self._bits = largest, activation_bits
        self.squares = np.zeros((largest.size, 1 + HALVINGS))

    def see(self, tensor: int, values: NDArray[np.float32]) -> None:
        point = most_fraction_bits(float(self._largest[tensor]) or 1.0, magnitude_bits(self._bits))
        for halvings in range(1 + HALVINGS):
            stored = from_fixed(to_fixed(values, point + halvings, self._bits), point + halvings)
            self.squares[tensor, halvings] += np.sum((stored - values) ** 2)


def _limits(graph: Graph) -> tuple[list[_Limit], list[_Limit]]:
    """What is left of the results of layers, and of ranged operations, by the one operation that takes them."""
    takers: dict[int, list[object]] = {}
    for node in graph.nodes:
        for source in node.sources:
            takers.setdefault(source, []).append(node.operation)
    layers: list[_Limit] = []
    ranged: list[_Limit] = []
    for value, node in enumerate(graph.nodes, start=1):
        is_ranged = isinstance(node.operation, RANGED)
        match takers.get(value, []):
            case [Clip() as clip]:
                limit = clip.low, clip.high
            case [Relu()] if is_ranged:
                limit = 0.0, np.inf
            case _:
                limit = -np.inf, np.inf
        if is_ranged:
            ranged.append(limit)
        elif isinstance(node.operation, ApplyLayer):
            layers.append(limit)
        elif isinstance(node.operation, Lstm):
            layers.append((-np.inf, np.inf))  # the range is its cell's
    return layers, ranged


def _channel_axis(layer: CompressedLayer, results: NDArray[np.float64]) -> int:
    """Which axis of a layer's results are its rows."""
    return results.ndim - 1 if layer.convolution is None else 1


@compiled
def _accumulate(
    bounds: NDArray[np.int64],
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    vectors: NDArray[np.float32],
    relu: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rows, vectors) results, and the largest sum of products of one sign, or result, of each vector.

    Results that a ReLU cuts are not looked at.
    """
    count = vectors.shape[1]
    sums = np.zeros((bias.size, count))
    largest = np.zeros(count)
    positive = np.zeros(VECTORS_AT_ONCE)
    negative = np.zeros(VECTORS_AT_ONCE)
    for first in range(0, count, VECTORS_AT_ONCE):
        size = min(VECTORS_AT_ONCE, count - first)
        for row in range(bias.size):
            positive[:] = 0.0
            negative[:] = 0.0
            for entry in range(bounds[row], bounds[row + 1]):
                weight = np.float64(weights[entry])
                values = vectors[columns[entry], first : first + size]
                for vector in range(size):
                    product = weight * values[vector]
                    positive[vector] += max(product, 0.0)
                    negative[vector] += min(product, 0.0)
            for vector in range(size):
                result = positive[vector] + negative[vector] + bias[row]
                sums[row, first + vector] = result
                bound = max(positive[vector], -negative[vector], result if relu else abs(result))
                largest[first + vector] = max(largest[first + vector], bound)
    return sums, largest
