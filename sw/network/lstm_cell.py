"""One step of an LSTM cell behind its matrix: gate nonlinearities and the update of the cell, in float and in integers.

The array multiplies the matrix with the vector [x_t ; h_{t-1}] and adds the biases; these are the gates before their
nonlinearities, i, f, g and o in this order. The rest is element-wise: an array with `functions` does it at write-back
(docs/contract/architecture.md, section 13), for others the host does (EIE, section V, has the matrix of NT-LSTM on the
array in the same way):

    c_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g)        h_t = sigmoid(o) * tanh(c_t)

In integers everything that is kept has 16 bits: gates have 11 fraction bits and saturate at 16, where both functions
have reached their limits to within 2**-23; results of the functions have 15 fraction bits (`model.function_table`); the
cell and h have binary points of their own (`sw.network.quantise`). Every product and every sum is rounded half up to 16
bits and saturates, as the array stores it; both products of the cell have its binary point.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.fixed_point import write_back_array
from model.function_table import ARGUMENT_FRACTION_BITS, FUNCTION_FRACTION_BITS, sigmoid, tanh
from sw.network.graph import GATES

GATE_FRACTION_BITS = ARGUMENT_FRACTION_BITS
UNIT_FRACTION_BITS = FUNCTION_FRACTION_BITS  # of sigmoid and tanh
FURTHEST = 32  # bits further than any 16 bits reach: shifted right by them a product is 0


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
    kept = _product(sigmoid(f), cell, UNIT_FRACTION_BITS)
    written = _product(sigmoid(i), tanh(g), 2 * UNIT_FRACTION_BITS - cell_fraction_bits)
    both = kept.astype(np.int64) + written
    seen = tanh(rescaled(both, cell_fraction_bits, GATE_FRACTION_BITS))
    h = _product(seen, sigmoid(o), 2 * UNIT_FRACTION_BITS - output_fraction_bits)
    return h, write_back_array(both, 0, relu=False)


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
    reset = _product(outer, sigmoid(r), UNIT_FRACTION_BITS)
    new = tanh(write_back_array(inner.astype(np.int64) + reset, 0, relu=False))
    update = sigmoid(z)
    written = new.astype(np.int64) - _product(new, update, UNIT_FRACTION_BITS)
    kept = _product(update, h, UNIT_FRACTION_BITS).astype(np.int64)
    further = min(UNIT_FRACTION_BITS - fraction_bits, FURTHEST)
    h = write_back_array(written + (kept << further), further, relu=False)
    return h, h


def float_gru_cell(gates: NDArray[Any], h: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The next h of a GRU, twice, of (n, 4 * units) gates before their nonlinearities, in their dtype."""
    r, z, inner, outer = np.split(gates, GATES, axis=1)
    update = _logistic(z)
    h = (1 - update) * np.tanh(inner + _logistic(r) * outer) + update * h
    return h, h


def rescaled(values: NDArray[np.integer], fraction_bits: int, wanted: int) -> NDArray[np.int16]:
    """The same numbers, of at most 17 bits, with `wanted` fraction bits: rounded half up, and saturated to 16 bits."""
    wide = values.astype(np.int64)
    if wanted >= fraction_bits:
        # 16 bits further left nothing but 0 stays in range.
        return write_back_array(wide << min(wanted - fraction_bits, 16), 0, relu=False)
    return write_back_array(wide, min(fraction_bits - wanted, FURTHEST), relu=False)


def _product(first: NDArray[np.int16], second: NDArray[np.int16], shift: int) -> NDArray[np.int16]:
    """The product of 16-bit numbers, `shift` bits less."""
    return write_back_array(first.astype(np.int64) * second, min(shift, FURTHEST), relu=False)


def _logistic(x: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-x)) that cannot overflow."""
    return (np.tanh(x / 2) + 1) / 2
