"""How far the integer datapath is from float32: bits that numbers keep, and what they differ by, layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.execution import run_graph
from sw.network.forward import FloatArithmetic
from sw.network.graph import Lstm
from sw.network.integer_forward import ACCUMULATOR_BITS, Fixed, IntegerArithmetic
from sw.network.layer import Layer
from sw.network.network import check_inputs
from sw.network.quantise import LayerFormat, choose_formats

MOST_INPUTS = 64  # that are compared
ELEMENTS_AT_ONCE = 1 << 20  # of all values of the inputs that are run together
BOUND = 0.02  # of the difference between integers and float32, above which it is worth a warning


@dataclass(frozen=True, kw_only=True)
class LayerPrecision:
    """A layer on the integer datapath.

    Parameters
    ----------
    weight_bits : that the largest weight takes of 16, with its sign.
    sum_bits : that the calibrated partial sums take of the accumulator, with their sign.
    output_bits : that the largest output takes of those of an activation, with its sign.
    difference : of the layer's outputs, an LSTM's h, from those in float32: root mean square, relative to theirs. What
        the layers before it differ by is in it.
    """

    name: str
    weight_bits: int
    sum_bits: int
    output_bits: int
    difference: float


def measure_precision(
    network: CompressedNetwork,
    inputs: NDArray[Any],
    accumulator_bits: int = ACCUMULATOR_BITS,
    activation_bits: int = 16,
) -> list[LayerPrecision]:
    """Every layer of a calibrated network on the first `MOST_INPUTS` of (n, *input_shape) inputs, n >= 1."""
    samples = check_inputs(inputs[:MOST_INPUTS], network.input_shape)
    floats = _Floats(network.to_network().layers)
    integers = _Integers(network, accumulator_bits, activation_bits)
    squares = np.zeros((len(network.layers), 2))  # of the difference, and of the float32 outputs
    largest = np.zeros(len(network.layers), np.int64)
    step = max(1, ELEMENTS_AT_ONCE // sum(map(prod, network.shapes)))
    for start in range(0, len(samples), step):
        part = samples[start : start + step]
        floats.seen.clear()
        integers.seen.clear()
        with np.errstate(over="ignore", invalid="ignore"):
            run_graph(network.connections, floats, part)
        run_graph(network.connections, integers, integers.input(part))
        for index, (wanted, found) in enumerate(zip(floats.seen, integers.seen, strict=True)):
            exact = wanted.astype(np.float64)
            squares[index] += np.sum((from_fixed_point(found) - exact) ** 2), np.sum(exact**2)
            largest[index] = max(largest[index], np.abs(found.values.astype(np.int64)).max())
    assert network.calibration is not None
    bounds = network.calibration.partial_sums
    formats = choose_formats(network, accumulator_bits, activation_bits)
    return [
        LayerPrecision(
            name=layer.name,
            weight_bits=_weight_bits(layer, chosen),
            sum_bits=_bits(float(bound) * 2.0 ** (chosen.input_fraction_bits + chosen.weight_fraction_bits)),
            output_bits=_bits(float(most)),
            difference=_relative(*square),
        )
        for layer, chosen, bound, most, square in zip(
            network.layers, formats, bounds, largest.tolist(), squares.tolist(), strict=True
        )
    ]


def from_fixed_point(fixed: Fixed) -> NDArray[np.float64]:
    """The real numbers of a value."""
    return np.ldexp(fixed.values.astype(np.float64), -fixed.fraction_bits)


class _Floats(FloatArithmetic):
    """Float32 that keeps what every layer makes."""

    def __init__(self, layers: Sequence[Layer]):
        super().__init__(layers)
        self.seen: list[NDArray[np.float32]] = []

    def layer(self, index: int, source: NDArray[np.float32]) -> NDArray[np.float32]:
        self.seen.append(super().layer(index, source))
        return self.seen[-1]

    def lstm(self, index: int, operation: Lstm, source: NDArray[np.float32]) -> NDArray[np.float32]:
        self.seen.append(super().lstm(index, operation, source))
        return self.seen[-1]


class _Integers(IntegerArithmetic):
    """Integers that keep what every layer makes."""

    def __init__(self, network: CompressedNetwork, accumulator_bits: int, activation_bits: int):
        super().__init__(network, accumulator_bits, activation_bits)
        self.seen: list[Fixed] = []

    def layer(self, index: int, source: Fixed) -> Fixed:
        self.seen.append(super().layer(index, source))
        return self.seen[-1]

    def lstm(self, index: int, operation: Lstm, source: Fixed) -> Fixed:
        self.seen.append(super().lstm(index, operation, source))
        return self.seen[-1]


def _weight_bits(layer: CompressedLayer, chosen: LayerFormat) -> int:
    used = layer.codebook[layer.codes]
    return _bits(float(np.abs(used).max(initial=0)) * 2.0**chosen.weight_fraction_bits)


def _bits(magnitude: float) -> int:
    """Bits of a two's complement number of this magnitude, rounded; 0 for one that rounds to 0."""
    rounded = round(magnitude)
    return rounded.bit_length() + 1 if rounded else 0


def _relative(difference: float, wanted: float) -> float:
    if not (np.isfinite(difference) and np.isfinite(wanted)):
        return 1.0
    return float(np.sqrt(difference / wanted)) if wanted else float(difference > 0)
