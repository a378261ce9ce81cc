"""Binary points: where the 16 bits of weights and biases lie, and those of activations, 16 or 8."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from model.fixed_point import to_fixed
from model.layouts import SHIFT_BITS
from sw.network.compressed import Calibration, CompressedLayer, CompressedNetwork
from sw.network.execution import run_graph
from sw.network.graph import MAX_VALUE, Lstm, Pool
from sw.network.integer_operations import result_bits
from sw.network.lstm_cell import GATE_FRACTION_BITS, UNIT_FRACTION_BITS
from sw.network.operations import RANGED, Elements

UNBOUNDED = 1 << 16
LIMIT = 2  # times a layer's calibrated sums: below minus that, a bias is a ReLU's row that is off


@dataclass(frozen=True, kw_only=True)
class LayerFormat:
    """Fraction bits of a layer's tensors (they may be negative) and the scale of its bias.

    The accumulator has ``input + weight`` fraction bits and the stored bias ``log2(bias_scale)`` fewer. Where the layer
    is the matrix of an LSTM, h has the input's fraction bits too, the output are the gates, and the cell has its own.
    `lowest_bias` is what lower biases, of rows that a ReLU cuts whatever they add up to, are stored as.
    """

    input_fraction_bits: int
    weight_fraction_bits: int
    output_fraction_bits: int
    bias_scale: int
    cell_fraction_bits: int | None = None
    lowest_bias: float | None = None

    @property
    def shift(self) -> int:
        """Fraction bits that the output drops."""
        return self.input_fraction_bits + self.weight_fraction_bits - self.output_fraction_bits

    @property
    def bias_fraction_bits(self) -> int:
        return self.input_fraction_bits + self.weight_fraction_bits - (self.bias_scale.bit_length() - 1)

    def fixed_bias(self, bias: NDArray[np.float32]) -> NDArray[np.int16]:
        """(out,) biases as the array stores them."""
        return to_fixed(
            bias if self.lowest_bias is None else np.maximum(bias, np.float32(self.lowest_bias)),
            self.bias_fraction_bits,
        )


def limited_bias(layer: CompressedLayer, largest_sum: float) -> NDArray[np.float32]:
    """The biases of a layer whose calibrated partial sums are at most `largest_sum`; the layer's own if none changes.

    A row with a bias below minus `LIMIT` times that sum is off: no sum of products within the headroom brings it above
    0, where its ReLU is. It is stored as just that off, so that its magnitude takes no fraction bits from the others.
    """
    lowest = np.float32(-LIMIT * largest_sum)
    if not layer.relu or layer.bias.min() >= lowest:
        return layer.bias
    return np.maximum(layer.bias, lowest)


def choose_formats(
    network: CompressedNetwork, accumulator_bits: int, activation_bits: int = 16
) -> tuple[LayerFormat, ...]:
    """Binary points of every layer; EieError without calibration.

    Activations of 16 bits keep one bit of headroom above their calibrated maximum and so do the partial sums in the
    accumulator; within that, weights have as many fraction bits as 16 bits hold. Biases lose bits only where their 16
    bits, scaled by at most 2**(activation_bits - 2), could not hold them otherwise, and rows that are off take none
    (`limited_bias`). ReLU, pooling and flattening keep the binary point of their source; joined values have the fewest
    fraction bits among them; other operations are in `sw.network.integer_operations`, their results have the headroom
    of a layer's. The h of an LSTM has that of its source, with at most 15 fraction bits, since the array takes both as
    one vector; its gates have at most 11 (`sw.network.lstm_cell`).
    """
    if network.calibration is None:
        raise EieError("binary points need a calibration, the network has none")
    if network.calibration.activation_bits < activation_bits:
        raise EieError(
            f"the network is calibrated for activations of {network.calibration.activation_bits} bits, the array has "
            f"{activation_bits}: calibrate it again, or take --set activation_bits="
            f"{network.calibration.activation_bits}"
        )
    formats = _Formats(network.layers, network.calibration, accumulator_bits, activation_bits)
    run_graph(network.connections, formats, source_bits(network.calibration, activation_bits))
    return tuple(formats.chosen)


class _Formats:
    """`sw.network.execution.Arithmetic` on fraction bits: every layer's format follows from its source's."""

    def __init__(
        self,
        layers: Sequence[CompressedLayer],
        calibration: Calibration,
        accumulator_bits: int,
        activation_bits: int,
    ):
        self.layers = layers
        self.calibration = calibration
        self.accumulator_bits = accumulator_bits
        self.activation_bits = activation_bits
        self.chosen: list[LayerFormat] = []

    def layer(self, index: int, source: int) -> int:
        # An output that was always zero has the range of its sums.
        largest = float(self.calibration.activations[index + 1]) or float(self.calibration.partial_sums[index]) or 1.0
        chosen = self._choose(index, source, most_fraction_bits(largest, magnitude_bits(self.activation_bits)))
        self.chosen.append(chosen)
        return chosen.output_fraction_bits

    def lstm(self, index: int, operation: Lstm, source: int) -> int:
        if self.activation_bits != 16:
            raise EieError(
                f"layer {self.layers[index].name}: an LSTM or GRU takes an array with 16-bit activations, got "
                f"{self.activation_bits}"
            )
        # In a step the cell grows by less than one, so it cannot leave the longest sequence.
        largest = min(float(self.calibration.activations[index + 1]) or 1.0, MAX_VALUE)
        cell = min(most_fraction_bits(largest, 14), UNIT_FRACTION_BITS)
        chosen = self._choose(index, min(source, UNIT_FRACTION_BITS), GATE_FRACTION_BITS)
        self.chosen.append(replace(chosen, cell_fraction_bits=cell))
        return chosen.input_fraction_bits

    def _choose(self, index: int, source: int, wanted: int) -> LayerFormat:
        """The format of a layer whose inputs have `source` fraction bits and its outputs `wanted`, or fewer."""
        layer = self.layers[index]
        largest_sum = float(self.calibration.partial_sums[index])
        bias = limited_bias(layer, largest_sum)
        if bias is not layer.bias:
            largest_sum *= LIMIT  # so that a limited bias and the other sums fit together
        bias_bits = most_fraction_bits(float(np.abs(bias).max()), 15)
        weight = min(
            most_fraction_bits(float(np.abs(layer.codebook).max()) or 1.0, 15),
            most_fraction_bits(largest_sum, self.accumulator_bits - 2) - source,
            bias_bits + self.activation_bits - 2 - source,
        )
        # An output cannot have more fraction bits than the accumulator, and the shift that drops others is bounded.
        output = min(wanted, source + weight)
        weight = min(weight, output + (1 << SHIFT_BITS) - 1 - source)
        return LayerFormat(
            input_fraction_bits=source,
            weight_fraction_bits=weight,
            output_fraction_bits=output,
            bias_scale=1 << max(0, source + weight - bias_bits),
            lowest_bias=None if bias is layer.bias else float(bias.min()),
        )

    def relu(self, source: int) -> int:
        return source

    def pool(self, operation: Pool, source: int) -> int:
        return source

    def flatten(self, source: int) -> int:
        return source

    def concatenate(self, sources: Sequence[int]) -> int:
        return min(sources)

    def apply(self, number: int, operation: Elements, sources: Sequence[int]) -> int:
        if not isinstance(operation, RANGED):
            return sources[0]
        return result_bits(operation, sources, wanted_bits(self.calibration, number, self.activation_bits))


def magnitude_bits(activation_bits: int) -> int:
    """Bits of an activation that its calibrated maximum takes: all but the sign, of 16 all but the headroom too."""
    return 14 if activation_bits == 16 else activation_bits - 1


def source_bits(calibration: Calibration, activation_bits: int = 16) -> int:
    """Fraction bits of the network's inputs, which need not be those of its first layer's."""
    return most_fraction_bits(float(calibration.activations[0]) or 1.0, magnitude_bits(activation_bits))


def wanted_bits(calibration: Calibration, number: int, activation_bits: int = 16) -> int:
    """Fraction bits for which the result of a ranged operation has room."""
    return most_fraction_bits(float(calibration.results[number]) or 1.0, magnitude_bits(activation_bits))


def most_fraction_bits(largest: float, bits: int) -> int:
    """Most fraction bits at which the magnitude `largest` rounds to at most 2**bits - 1; for 0 more than any other."""
    if largest == 0:
        return UNBOUNDED
    _, exponent = math.frexp(largest)
    fraction_bits = bits - exponent
    if round(math.ldexp(largest, fraction_bits)) > (1 << bits) - 1:
        fraction_bits -= 1
    return fraction_bits
