"""Calibration and binary points: where the 16 bits of activations, weights and biases lie."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.layouts import SHIFT_BITS
from sw.compressed import Calibration, CompressedLayer, CompressedNetwork
from sw.errors import EieError
from sw.network import check_inputs

MAX_BIAS_SCALE_LOG2 = 14
SAMPLES_AT_ONCE = 64
UNBOUNDED = 1 << 16


@dataclass(frozen=True, kw_only=True)
class LayerFormat:
    """Fraction bits of a layer's tensors (they may be negative) and the scale of its bias.

    The accumulator has ``input + weight`` fraction bits and the stored bias ``log2(bias_scale)`` fewer.
    """

    input_fraction_bits: int
    weight_fraction_bits: int
    output_fraction_bits: int
    bias_scale: int

    @property
    def shift(self) -> int:
        """Fraction bits that the output drops."""
        return self.input_fraction_bits + self.weight_fraction_bits - self.output_fraction_bits

    @property
    def bias_fraction_bits(self) -> int:
        return self.input_fraction_bits + self.weight_fraction_bits - (self.bias_scale.bit_length() - 1)


def calibrate(network: CompressedNetwork, inputs: NDArray[Any]) -> CompressedNetwork:
    """The network with the ranges seen on (n, in) inputs, n >= 1; any earlier calibration is replaced.

    The largest partial sum is bounded from above, whatever the order of the columns: the larger of the sum of the
    positive products and that of the negative ones, or the result with bias if that is larger. Memory is bounded: a
    few inputs are run at a time.
    """
    samples = check_inputs(inputs, network.input_shape)
    if samples.shape[0] == 0:
        raise EieError("calibration must have at least one input, got none")
    activations = np.zeros(len(network.layers) + 1)
    partial_sums = np.zeros(len(network.layers))
    activations[0] = np.abs(samples).max()
    for start in range(0, samples.shape[0], SAMPLES_AT_ONCE):
        columns = np.ascontiguousarray(samples[start : start + SAMPLES_AT_ONCE].T)
        for index, layer in enumerate(network.layers):
            columns, largest = _run_layer(layer, columns)
            activations[index + 1] = max(activations[index + 1], np.abs(columns).max())
            partial_sums[index] = max(partial_sums[index], largest)
    ranges = np.concatenate([activations, partial_sums])
    if not ranges.max() <= np.finfo(np.float32).max:
        raise EieError("calibration must stay in the range of float32, a sum left it")
    calibration = Calibration(activations=activations.astype(np.float32), partial_sums=partial_sums.astype(np.float32))
    return CompressedNetwork(layers=network.layers, graph=network.graph, calibration=calibration)


def choose_formats(network: CompressedNetwork, accumulator_bits: int) -> tuple[LayerFormat, ...]:
    """Binary points of every layer; EieError without calibration.

    Activations keep one bit of headroom above their calibrated maximum and so do the partial sums in the accumulator;
    within that, weights have as many fraction bits as 16 bits hold. Biases lose bits only where their 16 bits, scaled
    by at most 2**14, could not hold them otherwise.
    """
    if network.calibration is None:
        raise EieError("binary points need a calibration, the network has none")
    ranges = network.calibration.activations.tolist()
    source = _fraction_bits(ranges[0] or 1.0, 14)
    formats: list[LayerFormat] = []
    for index, layer in enumerate(network.layers):
        largest_sum = float(network.calibration.partial_sums[index])
        bias_bits = _fraction_bits(float(np.abs(layer.bias).max()), 15)
        weight = min(
            _fraction_bits(float(np.abs(layer.codebook).max()) or 1.0, 15),
            _fraction_bits(largest_sum, accumulator_bits - 2) - source,
            bias_bits + MAX_BIAS_SCALE_LOG2 - source,
        )
        # An output that was always zero has the range of its sums. It cannot have more fraction bits than the
        # accumulator, and the shift that drops the others is a bounded field.
        output = min(_fraction_bits(ranges[index + 1] or largest_sum or 1.0, 14), source + weight)
        weight = min(weight, output + (1 << SHIFT_BITS) - 1 - source)
        formats.append(
            LayerFormat(
                input_fraction_bits=source,
                weight_fraction_bits=weight,
                output_fraction_bits=output,
                bias_scale=1 << max(0, source + weight - bias_bits),
            )
        )
        source = output
    return tuple(formats)


def _fraction_bits(largest: float, bits: int) -> int:
    """Most fraction bits at which the magnitude `largest` rounds to at most 2**bits - 1; for 0 more than any other."""
    if largest == 0:
        return UNBOUNDED
    _, exponent = math.frexp(largest)
    fraction_bits = bits - exponent
    if round(math.ldexp(largest, fraction_bits)) > (1 << bits) - 1:
        fraction_bits -= 1
    return fraction_bits


def _run_layer(layer: CompressedLayer, columns: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """(in, n) activations to (out, n), and the bound on the partial sums."""
    rows = np.searchsorted(layer.positions, np.arange(layer.shape[0] + 1, dtype=np.int64) * layer.shape[1])
    weights = layer.codebook[layer.codes]
    sources = layer.positions % layer.shape[1]
    sums = np.zeros((layer.shape[0], columns.shape[1]))
    largest = _accumulate(rows, sources, weights, layer.bias.astype(np.float32), columns, sums)
    if layer.relu:
        np.maximum(sums, 0, out=sums)
    if not np.abs(sums).max() <= np.finfo(np.float32).max:
        raise EieError(f"layer {layer.name}: calibration must stay in the range of float32, an output left it")
    return sums.astype(np.float32), largest


@compiled
def _accumulate(
    rows: NDArray[np.int64],
    sources: NDArray[np.int64],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    columns: NDArray[np.float32],
    sums: NDArray[np.float64],
) -> float:
    """Fill `sums` (out, n) and return the largest sum of products of one sign, or result."""
    samples = columns.shape[1]
    positive = np.zeros(samples)
    negative = np.zeros(samples)
    largest = 0.0
    for row in range(sums.shape[0]):
        positive[:] = 0.0
        negative[:] = 0.0
        for entry in range(rows[row], rows[row + 1]):
            weight = np.float64(weights[entry])
            source = sources[entry]
            for sample in range(samples):
                product = weight * columns[source, sample]
                positive[sample] += max(product, 0.0)
                negative[sample] += min(product, 0.0)
        for sample in range(samples):
            result = positive[sample] + negative[sample] + bias[row]
            sums[row, sample] = result
            largest = max(largest, positive[sample], -negative[sample], abs(result))
    return largest
