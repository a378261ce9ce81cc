"""The compiled inner loops of the fast engine: what the PEs meet in the active columns, and the accumulation."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.schedule_kernel import Queueing, layer_schedule


class Weights(NamedTuple):
    """The nonzero weights of a layer, column by column.

    Parameters
    ----------
    starts : (columns + 1,) where each column's begin.
    rows, values : (nonzeros,) row in physical order and value of every weight.
    """

    starts: NDArray[np.int64]
    rows: NDArray[np.uint32]
    values: NDArray[np.int16]


@compiled
def tally(active: NDArray[np.int64], slices: NDArray[Any], most: int, tallies: NDArray[np.int32]) -> None:
    """Count what every PE meets in the active columns.

    Parameters
    ----------
    active : (n,) columns with a nonzero activation, ascending.
    slices : (4, columns, pes) of every slice: entries with and without fillers, sparse-matrix rows that it lies in, and
        the first of them; as uint16 if that holds them, its largest value left free, else as uint32.
    most : entries of the largest slice.
    tallies : (4, pes) receives entries, weights (entries but for fillers), empty slices and sparse-matrix row reads.
    """
    pes = slices.shape[2]
    # Narrow sums are the faster ones; they are added up before one can leave 16 bits.
    part = np.zeros((4, pes), dtype=slices.dtype)
    held = np.zeros(pes, dtype=slices.dtype)
    for pe in range(pes):
        held[pe] -= 1  # the largest value: none
    tallies[:] = 0
    at_once = max(0xFFFF // max(most, 1), 1)
    for begin in range(0, len(active), at_once):
        for number in range(begin, min(begin + at_once, len(active))):
            column = active[number]
            for pe in range(pes):
                count = slices[0, column, pe]
                rows = slices[2, column, pe]
                first = slices[3, column, pe]
                part[0, pe] += count
                part[1, pe] += slices[1, column, pe]
                part[2, pe] += count == 0
                part[3, pe] += rows - ((first == held[pe]) & (count != 0))
                held[pe] = first + rows - 1 if count != 0 else held[pe]
        for kind in range(4):
            for pe in range(pes):
                tallies[kind, pe] += np.int32(part[kind, pe])
                part[kind, pe] = 0


@compiled
def accumulate(
    active: NDArray[np.int64],
    activations: NDArray[np.int16],
    weights: Weights,
    accumulator_bits: int,
    sums: NDArray[np.int64],
) -> bool:
    """Sum the products of all active columns, in the machine's order and without wrapping.

    Up to the first overflow a wrapping accumulator holds the same sums, and after it the same sums modulo its range:
    whether one of these sums leaves the range is exactly whether the machine's would.

    Parameters
    ----------
    activations : (columns,) of the layer.
    sums : (out_rows * pes,), zeros or the sums of the column tiles before; receives the sums.

    Returns
    -------
    overflow : whether a partial sum left the range of the accumulator.
    """
    limit = np.int64(1) << (accumulator_bits - 1)
    seen = np.int64(0)
    for column in active:
        activation = np.int64(activations[column])
        hit = weights.rows[weights.starts[column] : weights.starts[column + 1]]
        factors = weights.values[weights.starts[column] : weights.starts[column + 1]]
        for entry in range(hit.size):
            total = sums[hit[entry]] + activation * factors[entry]
            sums[hit[entry]] = total
            seen |= total + limit  # a sum in range has no bit here above the accumulator's
    return (seen >> accumulator_bits) != 0


@compiled
def run_layer(
    values: NDArray[np.int16],
    first_column: int,
    slices: NDArray[Any],
    most: int,
    in_rows: int,
    queueing: Queueing,
    schedule: NDArray[np.int64],
    tallies: NDArray[np.int32],
) -> None:
    """Cycles and counters of one layer for n inputs; other parameters as in `layer_schedule` and `tally`.

    Parameters
    ----------
    values : (n, source columns) activations; the layer's begin at `first_column`.
    schedule : (4, n) receives broadcasts, and exhausted, drained and stalls of the schedule.
    tallies : (n, 4, pes) receives what `tally` counts.
    """
    pes = slices.shape[2]
    columns = np.empty(slices.shape[1], dtype=np.int64)
    broadcasts = np.empty(slices.shape[1], dtype=np.int32)
    for number in range(len(values)):
        active = active_columns(values[number], first_column, columns)
        told = layer_schedule(active, active // pes, slices[0], in_rows, queueing, broadcasts[: active.size])
        schedule[0, number] = active.size
        schedule[1, number], schedule[2, number], schedule[3, number] = told
        tally(active, slices, most, tallies[number])


@compiled
def active_columns(values: NDArray[np.int16], first_column: int, columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Columns of a layer with a nonzero activation, ascending; in the front of `columns`, which has room for all."""
    count = 0
    for column in range(columns.size):
        columns[count] = column
        count += values[first_column + column] != 0
    return columns[:count]


@compiled
def sum_layer(
    values: NDArray[np.int16],
    first_column: int,
    weights: Weights,
    accumulator_bits: int,
    overflow: NDArray[np.bool_],
    sums: NDArray[np.int64],
) -> None:
    """The sums of one layer for n inputs; other parameters as in the functions above.

    Parameters
    ----------
    overflow : (n,) receives what `accumulate` returns.
    sums : (n, out_rows * pes), zeros or the sums of the column tiles before; receives the sums.
    """
    columns = np.empty(weights.starts.size - 1, dtype=np.int64)
    for number in range(len(values)):
        active = active_columns(values[number], first_column, columns)
        factors = values[number, first_column:]
        overflow[number] = accumulate(active, factors, weights, accumulator_bits, sums[number])


@compiled
def write_back(
    sums: NDArray[np.int64],
    bias_terms: NDArray[np.int64],
    shift: int,
    relu: bool,
    limit: int,
    accumulator_bits: int,
    activation_bits: int,
    overflow: NDArray[np.bool_],
    outputs: NDArray[np.int16],
) -> None:
    """`model.fixed_point.write_back` of n inputs' wrapped sums with their biases; marks those that leave the range.

    Parameters
    ----------
    sums : (n, rows), not wrapped.
    bias_terms : (rows,) scaled biases.
    overflow : (n,) becomes true where adding a bias leaves the accumulator's range.
    outputs : (n, rows) receives the outputs.
    """
    half = np.int64(1) << (accumulator_bits - 1)
    greatest = (np.int64(1) << (activation_bits - 1)) - 1
    highest = min(np.int64(limit), greatest) if limit > 0 else greatest
    rounding = np.int64(1) << (shift - 1) if shift > 0 else np.int64(0)
    lowest = np.int64(0) if relu else -greatest - 1
    for number in range(len(sums)):
        seen = np.int64(0)
        for row in range(bias_terms.size):
            total = sums[number, row] + bias_terms[row] + half
            seen |= total
            wrapped = (total & ((half << 1) - 1)) - half
            outputs[number, row] = max(min((wrapped + rounding) >> shift, highest), lowest)
        overflow[number] |= (seen >> accumulator_bits) != 0
