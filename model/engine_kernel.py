"""The compiled inner loops of the fast engine: the broadcast recurrence and the accumulation."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Numba's compiler with the type of the Python source; the machine code is kept on disk."""
    compile_function = cast("Callable[..., Any]", numba.njit)
    return cast("Callable[P, R]", compile_function(function, cache=True))


@compiled
def layer_schedule(
    active: NDArray[np.int64], counts: NDArray[np.int32], in_rows: int, queue_depth: int
) -> tuple[int, int, int]:
    """The recurrence of docs/architecture.md, section 8.

    Parameters
    ----------
    active : (n,) columns with a nonzero activation, ascending.
    counts : (columns, pes) entries of every slice.

    Returns
    -------
    exhausted : cycle in which the last local row is exhausted, the layer's PREFETCH_0 being cycle 0.
    drained : last cycle of DRAIN.
    stalls : cycles in which a broadcast waited for a full queue.
    """
    pes = counts.shape[1]
    finished = np.zeros(pes, dtype=np.int32)
    last_finished = np.zeros(len(active), dtype=np.int32)
    broadcast = np.int32(1)
    row = 0
    stalls = 0
    latest = np.int32(0)
    for number in range(len(active)):
        column = active[number]
        earliest = broadcast + 1 + max(column // pes - row - 1, 0)
        if number == 0:
            earliest = 2 + column // pes
        broadcast = np.int32(earliest)
        if number >= queue_depth:
            broadcast = np.int32(max(earliest, 1 + last_finished[number - queue_depth]))
        stalls += broadcast - earliest
        row = column // pes
        arrival = np.int32(broadcast + 2)
        latest = np.int32(0)
        for pe in range(pes):
            finish = max(finished[pe], arrival) + max(counts[column, pe], np.int32(1))
            finished[pe] = finish
            latest = max(latest, finish)
        last_finished[number] = latest
    exhausted = int(1 + in_rows)
    if len(active) > 0:
        exhausted = int(broadcast + in_rows - 1 - row)
    return exhausted, max(exhausted + 1, 1 + int(latest)), int(stalls)


@compiled
def accumulate(
    active: NDArray[np.int64],
    activations: NDArray[np.int16],
    starts: NDArray[np.int64],
    fillers: NDArray[np.int64],
    offsets: NDArray[np.int64],
    rows: NDArray[np.uint16],
    weights: NDArray[np.int16],
    entries_per_row: int,
    accumulator_bits: int,
    accumulators: NDArray[np.int64],
    tallies: NDArray[np.int64],
) -> bool:
    """Sum the products of all active columns, in the machine's order.

    Parameters
    ----------
    activations : (columns,) of the layer.
    starts : (pes, columns + 1) entry offsets of the slices in each PE's own entries.
    fillers : (pes, columns + 1) fillers of each PE before those offsets.
    offsets : (pes + 1,) where each PE's entries begin.
    rows, weights : (entries,) local row and weight of every entry; weight 0 at row 0 for a filler.
    accumulators : (pes, out_rows), zeros; receives the wrapped sums.
    tallies : (4, pes), zeros; receives entries, fillers, empty slices and sparse-matrix row reads.

    Returns
    -------
    overflow : whether a partial sum left the range of the accumulator.
    """
    limit = np.int64(1) << (accumulator_bits - 1)
    overflow = False
    for pe in range(starts.shape[0]):
        sums = accumulators[pe]
        held_row = np.int64(-1)
        entries = fillers_met = empty = row_reads = 0
        for column in active:
            first, end = starts[pe, column], starts[pe, column + 1]
            if first == end:
                empty += 1
                continue
            entries += end - first
            fillers_met += fillers[pe, column + 1] - fillers[pe, column]
            first_row, last_row = first // entries_per_row, (end - 1) // entries_per_row
            row_reads += last_row - first_row + (first_row != held_row)
            held_row = last_row
            activation = np.int64(activations[column])
            for entry in range(offsets[pe] + first, offsets[pe] + end):
                total = sums[rows[entry]] + activation * weights[entry]
                if total >= limit or total < -limit:
                    overflow = True
                    total = ((total + limit) & ((limit << 1) - 1)) - limit
                sums[rows[entry]] = total
        tallies[0, pe], tallies[1, pe] = entries, fillers_met
        tallies[2, pe], tallies[3, pe] = empty, row_reads
    return overflow
