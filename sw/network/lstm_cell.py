"""One step of an LSTM cell behind its matrix: gate nonlinearities and the update of the cell, in float and in integers.

The array multiplies the matrix with the vector [x_t ; h_{t-1}] and adds the biases; these are the gates before their
nonlinearities, i, f, g and o in this order. The rest is element-wise and belongs to the host (EIE, section V, has the
matrix of NT-LSTM on the array in the same way):

    c_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g)        h_t = sigmoid(o) * tanh(c_t)

In integers everything that is kept has 16 bits: gates have 11 fraction bits and saturate at 16, where both functions
have reached their limits to within 2**-23; results of the functions have 15 fraction bits; the cell and h have binary
points of their own (`sw.network.quantise`). All rounding is half up, all sums are exact.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.fixed_point import write_back_array
from sw.network.graph import GATES

GATE_FRACTION_BITS = 11
UNIT_FRACTION_BITS = 15  # of sigmoid and tanh
FURTHEST = 32  # bits further than any 16 bits reach: shifted right by them a product is 0

_NODE_BITS = 6  # fraction bits of an argument between two nodes of the table
_TABLE_FRACTION_BITS = 17
# sigmoid at 0, 1/32, .. 16, in units of 2**-17: with straight lines between these nodes it is right to within 2**-15.
SIGMOID_TABLE: NDArray[np.int64] = np.rint(
    (1 << _TABLE_FRACTION_BITS) / (1 + np.exp(-np.arange(513, dtype=np.float64) / 32))
).astype(np.int64)


def sigmoid(x: NDArray[np.int16]) -> NDArray[np.int16]:
    """int16 arguments with 11 fraction bits to int16 with 15, 0 to 2**15 - 1; wrong by less than 2**-15."""
    wide = x.astype(np.int64)
    positive = _interpolated(np.abs(wide))
    whole = 1 << _TABLE_FRACTION_BITS + _NODE_BITS
    return write_back_array(np.where(wide < 0, whole - positive, positive), 8, relu=False)


def tanh(x: NDArray[np.int16]) -> NDArray[np.int16]:
    """int16 arguments with 11 fraction bits to int16 with 15, as 2 sigmoid(2x) - 1; wrong by less than 2**-14."""
    wide = x.astype(np.int64)
    # sigmoid(2x) - 1/2 in units of 2**-23 is tanh(x) in units of 2**-22.
    positive = _interpolated(np.minimum(2 * np.abs(wide), 1 << 15)) - (1 << _TABLE_FRACTION_BITS + _NODE_BITS - 1)
    return write_back_array(np.sign(wide) * positive, 7, relu=False)


def fixed_cell(
    gates: NDArray[np.int16],
    gate_fraction_bits: int,
    cell: NDArray[np.int16],
    cell_fraction_bits: int,
    output_fraction_bits: int,
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The next h and cell on the integer datapath.

    Parameters
    ----------
    gates : (n, 4 * units), as the array wrote them back, with at most 11 fraction bits.
    cell : (n, units), with `cell_fraction_bits`, -15 to 15.
    output_fraction_bits : of h, at most 15.
    """
    aligned = rescaled(gates, gate_fraction_bits, GATE_FRACTION_BITS)
    i, f, g, o = np.split(aligned, GATES, axis=1)
    kept = sigmoid(f).astype(np.int64) * cell << UNIT_FRACTION_BITS - cell_fraction_bits
    written = sigmoid(i).astype(np.int64) * tanh(g)
    cell = write_back_array(kept + written, 2 * UNIT_FRACTION_BITS - cell_fraction_bits, relu=False)
    seen = sigmoid(o).astype(np.int64) * tanh(rescaled(cell, cell_fraction_bits, GATE_FRACTION_BITS))
    return write_back_array(seen, min(2 * UNIT_FRACTION_BITS - output_fraction_bits, FURTHEST), relu=False), cell


def float_cell(gates: NDArray[Any], cell: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The next h and cell, (n, units), of (n, 4 * units) gates before their nonlinearities, in their dtype."""
    i, f, g, o = np.split(gates, GATES, axis=1)
    cell = _logistic(f) * cell + _logistic(i) * np.tanh(g)
    return _logistic(o) * np.tanh(cell), cell


def fixed_gru_cell(
    gates: NDArray[np.int16], gate_fraction_bits: int, h: NDArray[np.int16], fraction_bits: int
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The next h of a GRU on the integer datapath, twice: it is the state as well.

    Parameters
    ----------
    gates : (n, 4 * units), r, z, n_x and n_h (`sw.network.graph.Gru`), with at most 11 fraction bits.
    h : (n, units), with `fraction_bits`, at most 15.
    """
    r, z, inner, outer = np.split(rescaled(gates, gate_fraction_bits, GATE_FRACTION_BITS), GATES, axis=1)
    reset = sigmoid(r).astype(np.int64) * outer
    new = write_back_array((inner.astype(np.int64) << UNIT_FRACTION_BITS) + reset, UNIT_FRACTION_BITS, relu=False)
    update = sigmoid(z).astype(np.int64)
    kept = update * h << UNIT_FRACTION_BITS - fraction_bits
    written = ((1 << UNIT_FRACTION_BITS) - update) * tanh(new)
    h = write_back_array(kept + written, min(2 * UNIT_FRACTION_BITS - fraction_bits, 62), relu=False)
    return h, h


def float_gru_cell(gates: NDArray[Any], h: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The next h of a GRU, twice, of (n, 4 * units) gates before their nonlinearities, in their dtype."""
    r, z, inner, outer = np.split(gates, GATES, axis=1)
    update = _logistic(z)
    h = (1 - update) * np.tanh(inner + _logistic(r) * outer) + update * h
    return h, h


def rescaled(values: NDArray[np.int16], fraction_bits: int, wanted: int) -> NDArray[np.int16]:
    """The same numbers with `wanted` fraction bits: rounded half up, and saturated to 16 bits."""
    wide = values.astype(np.int64)
    if wanted >= fraction_bits:
        # 16 bits further left nothing but 0 stays in range.
        return write_back_array(wide << min(wanted - fraction_bits, 16), 0, relu=False)
    return write_back_array(wide, min(fraction_bits - wanted, FURTHEST), relu=False)


def _interpolated(magnitude: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sigmoid of 0 to 2**15 with 11 fraction bits, in units of 2**-23."""
    node = np.minimum(magnitude >> _NODE_BITS, len(SIGMOID_TABLE) - 2)
    rest = magnitude - (node << _NODE_BITS)
    low = SIGMOID_TABLE[node]
    return (low << _NODE_BITS) + (SIGMOID_TABLE[node + 1] - low) * rest


def _logistic(x: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-x)) that cannot overflow."""
    return (np.tanh(x / 2) + 1) / 2
