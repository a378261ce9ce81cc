"""A network on the integer datapath: what an array computes for every input, for networks an array cannot hold as well.

The arithmetic is that of `model.fixed_point`, to the bit. What it does not define is defined here: values that are
joined are rounded half up to the fewest fraction bits among them, the mean of a window is in
`sw.network.integer_pooling`, other operations are in `sw.network.integer_operations` and the cell of an LSTM is in
`sw.network.lstm_cell`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.errors import EieError
from model.fixed_point import from_fixed, leaves, to_fixed, write_back_array
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.execution import parts, run_graph
from sw.network.float_operations import apply_float, arrange
from sw.network.forward import pool, window_counts
from sw.network.graph import Gru, Lstm, Pool
from sw.network.host_part import HostPart
from sw.network.integer_operations import keep_point, make_ranged, result_bits
from sw.network.integer_pooling import integer_mean
from sw.network.layer_products import VECTORS_AT_ONCE, SparseRows, run_products, sparse_rows
from sw.network.lstm import run_lstm, units_of
from sw.network.lstm_cell import fixed_cell, fixed_gru_cell, rescaled
from sw.network.network import check_inputs
from sw.network.operations import LAYOUT, RANGED, Elements
from sw.network.quantise import LayerFormat, choose_formats, source_bits, wanted_bits

ACCUMULATOR_BITS = 32  # of an array unless its configuration says otherwise
NOTHING_LEFT = 17  # fraction bits dropped from 16 that round every value to 0, as any more do


@dataclass(frozen=True, eq=False)
class IntegerRun:
    """What the integer datapath makes of n inputs.

    Parameters
    ----------
    integers : (n, *output shape) int16.
    fraction_bits : of `integers`.
    overflow : (n,) bool, whether a partial sum left the accumulator's range on the way to this output. Sums are taken
        in the order of a layer's inputs; an array that deals rows otherwise takes those of a hidden layer in its own.
    saturated : (n,) bool, whether the input has a value beyond the bits of an activation.
    real : (n, *output shape) float32, the outputs where the host makes them in onnxruntime; else None.
    """

    integers: NDArray[np.int16]
    fraction_bits: int
    overflow: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    real: NDArray[np.float32] | None = None

    @property
    def outputs(self) -> NDArray[np.float64]:
        """(n, *output shape) in the network's units, exact."""
        if self.real is not None:
            return self.real.astype(np.float64)
        return from_fixed(self.integers, self.fraction_bits)


def run_integers(
    network: CompressedNetwork,
    inputs: NDArray[Any],
    accumulator_bits: int = ACCUMULATOR_BITS,
    advance: Callable[[int], None] = lambda _: None,
    activation_bits: int = 16,
) -> IntegerRun:
    """Run (n, *input_shape) or (n, in_features) inputs; `advance` is told how many more are done.

    The binary points are those of `sw.network.quantise`; EieError if the network has no calibration or holds
    weights only.
    """
    return run_arithmetic(network, IntegerArithmetic(network, accumulator_bits, activation_bits), inputs, advance)


def run_arithmetic(
    network: CompressedNetwork,
    arithmetic: "IntegerArithmetic",
    inputs: NDArray[Any],
    advance: Callable[[int], None] = lambda _: None,
) -> IntegerRun:
    """The same by an arithmetic that computes the layers elsewhere."""
    samples = check_inputs(inputs, network.input_shape)
    if len(samples) == 0:
        raise EieError("a run must have at least one input, got none")
    made: list[Fixed] = []
    saturated: list[NDArray[np.bool_]] = []
    for part in parts(len(samples), network.shapes):
        source = arithmetic.input(samples[part])
        made.append(run_graph(network.connections, arithmetic, source))
        saturated.append(arithmetic.saturated(samples[part]))
        advance(len(source.values))
    real = [part.real for part in made if part.real is not None]
    return IntegerRun(
        integers=np.concatenate([part.values for part in made]),
        fraction_bits=made[0].fraction_bits,
        overflow=np.concatenate([part.overflow for part in made]),
        saturated=np.concatenate(saturated),
        real=None if not real else np.concatenate(real),
    )


class Fixed(NamedTuple):
    """Numbers that carry their binary point, and whether an accumulator overflowed on the way to each input's.

    `real` are those that the host has in float32, which no array has rounded yet: inputs and what its parts make.
    """

    values: NDArray[np.int16]
    fraction_bits: int
    overflow: NDArray[np.bool_]
    real: NDArray[np.float32] | None = None

    def with_(self, values: NDArray[np.int16], real: NDArray[np.float32] | None = None) -> "Fixed":
        return self._replace(values=values, real=real)

    def arranged(self, arrange: Callable[[NDArray[Any]], NDArray[Any]]) -> "Fixed":
        """The same elements in another order."""
        return self.with_(arrange(self.values), None if self.real is None else arrange(self.real))


class _IntegerLayer(NamedTuple):
    """A layer's 16-bit weights (of its entries) and biases."""

    layer: CompressedLayer
    format: LayerFormat
    rows: SparseRows
    weights: NDArray[np.int16]
    biases: NDArray[np.int16]


class IntegerArithmetic:
    """`sw.network.execution.Arithmetic` on integers of 16 or 8 bits; weights have 16."""

    def __init__(self, network: CompressedNetwork, accumulator_bits: int, activation_bits: int):
        formats = choose_formats(network, accumulator_bits, activation_bits)
        assert network.calibration is not None  # `choose_formats` asks for it
        self.calibration = network.calibration
        self.activation_bits = activation_bits
        self.input_fraction_bits = source_bits(network.calibration, activation_bits)
        self.has_host_parts = any(isinstance(node.operation, HostPart) for node in network.connections.nodes)
        self.limit = 1 << (accumulator_bits - 1)
        self.layers = [
            _IntegerLayer(
                layer=layer,
                format=chosen,
                rows=sparse_rows(layer),
                weights=to_fixed(layer.codebook, chosen.weight_fraction_bits)[layer.codes],
                biases=chosen.fixed_bias(layer.bias),
            )
            for layer, chosen in zip(network.layers, formats, strict=True)
        ]

    def input(self, samples: NDArray[np.float32]) -> Fixed:
        """(n, ...) inputs of the network."""
        values = to_fixed(samples, self.input_fraction_bits, self.activation_bits)
        overflow = np.zeros(len(samples), np.bool_)
        return Fixed(values, self.input_fraction_bits, overflow, samples if self.has_host_parts else None)

    def saturated(self, samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(n,), whether an input has a value beyond the bits of an activation."""
        return leaves(samples, self.input_fraction_bits, self.activation_bits)

    def layer(self, index: int, source: Fixed) -> Fixed:
        values, overflow = self.products(index, source.values)
        return Fixed(values, self.layers[index].format.output_fraction_bits, source.overflow | overflow)

    def lstm(self, index: int, operation: Lstm, source: Fixed) -> Fixed:
        layer, chosen = self.layers[index].layer, self.layers[index].format
        assert chosen.cell_fraction_bits is not None
        fraction_bits, cell_bits = chosen.input_fraction_bits, chosen.cell_fraction_bits
        overflow = source.overflow.copy()

        def gates(vectors: NDArray[np.int16]) -> NDArray[np.int16]:
            values, overflowed = self.products(index, vectors)
            np.logical_or(overflow, overflowed, out=overflow)
            return values

        def cell(values: NDArray[np.int16], before: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
            if isinstance(operation, Gru):
                return fixed_gru_cell(values, chosen.output_fraction_bits, before, fraction_bits)
            return fixed_cell(values, chosen.output_fraction_bits, before, cell_bits, fraction_bits)

        x = rescaled(source.values, source.fraction_bits, fraction_bits)
        return Fixed(run_lstm(x, operation, units_of(layer.shape), gates, cell), fraction_bits, overflow)

    def products(self, index: int, x: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """A layer's results, as `sw.network.layer_products.run_products`, and (n,) whether a partial sum overflowed."""
        layer, number_format, (bounds, columns), weights, biases = self.layers[index]
        scaled_biases = biases.astype(np.int64) * number_format.bias_scale

        def product(rows: slice, vectors: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
            row_bounds = bounds[rows.start : rows.stop + 1]
            sums, overflow = _accumulate(row_bounds, columns, weights, scaled_biases[rows], vectors, self.limit)
            wrapped = ((sums + self.limit) & (2 * self.limit - 1)) - self.limit
            return write_back_array(wrapped, number_format.shift, layer.relu, bits=self.activation_bits), overflow

        return run_products(layer, x, product)

    def relu(self, source: Fixed) -> Fixed:
        return source.with_(np.maximum(source.values, np.int16(0)))

    def pool(self, operation: Pool, source: Fixed) -> Fixed:
        pooled = pool(source.values, operation)
        if operation.kind == "max":
            return source.with_(pooled)
        counts = window_counts(operation, source.values.shape[2:])
        return source.with_(integer_mean(np.rint(pooled * counts).astype(np.int64), counts))

    def flatten(self, source: Fixed) -> Fixed:
        return source.arranged(lambda values: values.reshape(len(values), -1))

    def concatenate(self, sources: Sequence[Fixed]) -> Fixed:
        fewest = min(source.fraction_bits for source in sources)
        rounded = [
            write_back_array(
                source.values.astype(np.int64), min(source.fraction_bits - fewest, NOTHING_LEFT), relu=False
            )
            for source in sources
        ]
        overflow = np.any([source.overflow for source in sources], axis=0)
        is_real = any(source.real is not None for source in sources)
        real = np.concatenate([_real(source).astype(np.float32) for source in sources], axis=1) if is_real else None
        return Fixed(np.concatenate(rounded, axis=1), fewest, overflow, real)

    def apply(self, number: int, operation: Elements, sources: Sequence[Fixed]) -> Fixed:
        first = sources[0]
        if isinstance(operation, LAYOUT):
            return first.arranged(lambda values: arrange(operation, values))
        if not isinstance(operation, RANGED):
            return first.with_(keep_point(operation, first.values, first.fraction_bits, self.activation_bits))
        bits = [source.fraction_bits for source in sources]
        chosen = result_bits(operation, bits, wanted_bits(self.calibration, number, self.activation_bits))
        overflow = np.any([source.overflow for source in sources], axis=0)
        if isinstance(operation, HostPart):
            real = apply_float(operation, *(_real(source) for source in sources)).astype(np.float32)
            return Fixed(to_fixed(real, chosen, self.activation_bits), chosen, overflow, real)
        numbers = [source.values for source in sources]
        return Fixed(make_ranged(operation, numbers, bits, chosen, self.activation_bits), chosen, overflow)


def _real(source: Fixed) -> NDArray[Any]:
    """What the host has of a value."""
    return from_fixed(source.values, source.fraction_bits) if source.real is None else source.real


@compiled
def _accumulate(
    bounds: NDArray[np.int64],
    columns: NDArray[np.int32],
    weights: NDArray[np.int16],
    biases: NDArray[np.int64],
    vectors: NDArray[np.int16],
    limit: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(rows, vectors) exact sums, the bias added last, and whether a partial sum of a vector left [-limit, limit)."""
    count = vectors.shape[1]
    sums = np.zeros((biases.size, count), np.int64)
    overflow = np.zeros(count, np.bool_)
    low = np.zeros(VECTORS_AT_ONCE, np.int64)
    high = np.zeros(VECTORS_AT_ONCE, np.int64)
    for first in range(0, count, VECTORS_AT_ONCE):
        size = min(VECTORS_AT_ONCE, count - first)
        for row in range(biases.size):
            result = sums[row, first : first + size]
            low[:] = 0
            high[:] = 0
            for entry in range(bounds[row], bounds[row + 1]):
                weight = np.int64(weights[entry])
                values = vectors[columns[entry], first : first + size]
                for vector in range(size):
                    partial = result[vector] + weight * np.int64(values[vector])
                    result[vector] = partial
                    low[vector] = min(low[vector], partial)
                    high[vector] = max(high[vector], partial)
            for vector in range(size):
                final = result[vector] + biases[row]
                result[vector] = final
                if min(low[vector], final) < -limit or max(high[vector], final) >= limit:
                    overflow[first + vector] = True
    return sums, overflow
