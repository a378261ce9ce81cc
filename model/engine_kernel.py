"""The compiled inner loops of the fast engine: the broadcast recurrence and the accumulation."""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled

PREFETCH_CYCLES = 3  # PREFETCH_0 to PREFETCH_2, before the first broadcast can be decided
QUEUED_AFTER = 4  # cycles from a broadcast's decision until its slice is in the queue: stages B, P and Q, then the slot


@compiled
def layer_schedule(
    active: NDArray[np.int64],
    counts: NDArray[np.int32],
    in_rows: int,
    queue_depth: int,
    broadcasts_per_cycle: int,
    broadcasts: NDArray[np.int32],
) -> tuple[int, int, int]:
    """The recurrence of docs/architecture.md, section 8.

    Parameters
    ----------
    active : (n,) columns with a nonzero activation, ascending.
    counts : (columns, pes) entries of every slice.
    queue_depth : slots of a queue, `broadcasts_per_cycle` or more; n more than those are as good as a queue without end.
    broadcasts : (n,) receives the cycle in which each broadcast is decided.

    Returns
    -------
    exhausted : cycle in which the last local row is exhausted, the layer's PREFETCH_0 being cycle 0.
    drained : last cycle of DRAIN.
    stalls : cycles in which a broadcast waited for a full queue.
    """
    pes = counts.shape[1]
    finished = np.zeros(pes, dtype=np.int32)
    last_finished = np.zeros(len(active), dtype=np.int32)
    broadcast = np.int32(PREFETCH_CYCLES - 1)
    row = -1
    lane = 0
    stalls = 0
    latest = np.int32(0)
    for number in range(len(active)):
        column = active[number]
        lane += 1
        if column // pes != row or lane == broadcasts_per_cycle:
            earliest = np.int32(broadcast + 1 + max(column // pes - row - 1, 0))
            broadcast = earliest
            waits_for = number - queue_depth + broadcasts_per_cycle - 1
            if waits_for >= 0:
                broadcast = np.int32(max(earliest, 1 + last_finished[waits_for]))
            stalls += broadcast - earliest
            row = column // pes
            lane = 0
        broadcasts[number] = broadcast
        arrival = np.int32(broadcast + QUEUED_AFTER)
        latest = np.int32(0)
        for pe in range(pes):
            finish = max(finished[pe], arrival) + max(counts[column, pe], np.int32(1))
            finished[pe] = finish
            latest = max(latest, finish)
        last_finished[number] = latest
    exhausted = int(broadcast + in_rows - 1 - row)
    return exhausted, max(exhausted + 1, 1 + int(latest)), int(stalls)


@compiled
def layer_schedule_skipping(
    active: NDArray[np.int64],
    counts: NDArray[np.int32],
    in_rows: int,
    queue_depth: int,
    broadcasts_per_cycle: int,
    broadcasts: NDArray[np.int32],
) -> tuple[int, int, int]:
    """`layer_schedule` when empty slices are dropped where their pointers are compared.

    A broadcast decided in one of the three cycles before counts as a slot in every queue, because its slice is not yet
    known to be empty; earlier ones count where their slice is not empty and not finished.
    """
    pes = counts.shape[1]
    finishes = np.zeros((pes, len(active)), dtype=np.int32)
    queued = np.zeros(pes, dtype=np.int32)
    finished = np.zeros(pes, dtype=np.int32)
    broadcast = np.int32(PREFETCH_CYCLES - 1)
    row = -1
    lane = 0
    stalls = 0
    latest = np.int32(0)
    for number in range(len(active)):
        column = active[number]
        lane += 1
        if column // pes != row or lane == broadcasts_per_cycle:
            earliest = np.int32(broadcast + 1 + max(column // pes - row - 1, 0))
            cycle = earliest
            while True:
                unknown = np.int32(0)
                while unknown < number and broadcasts[number - 1 - unknown] > cycle - QUEUED_AFTER:
                    unknown += np.int32(1)
                slots = np.int32(queue_depth - broadcasts_per_cycle + 1 - unknown)
                free_from = np.int32(0)
                if slots <= 0:
                    free_from = cycle + np.int32(1)
                else:
                    for pe in range(pes):
                        place = queued[pe] - slots
                        for recent in range(1, unknown + 1):
                            place -= np.int32(counts[active[number - recent], pe] > 0)
                        if place >= 0:
                            free_from = max(free_from, finishes[pe, place] + np.int32(1))
                if free_from <= cycle:
                    break
                cycle = free_from if unknown == 0 else cycle + np.int32(1)
            stalls += cycle - earliest
            broadcast = cycle
            row = column // pes
            lane = 0
        broadcasts[number] = broadcast
        arrival = np.int32(broadcast + QUEUED_AFTER)
        for pe in range(pes):
            count = counts[column, pe]
            if count > 0:
                finish = max(finished[pe], arrival) + count
                finished[pe] = finish
                finishes[pe, queued[pe]] = finish
                queued[pe] += np.int32(1)
                latest = max(latest, finish)
    exhausted = int(broadcast + in_rows - 1 - row)
    drained = exhausted + 1
    if len(active) > 0:
        drained = max(exhausted + 1, int(broadcast) + QUEUED_AFTER, 1 + int(latest))
    return exhausted, drained, int(stalls)


@compiled
def tally(
    active: NDArray[np.int64],
    counts: NDArray[np.int32],
    nonzeros: NDArray[np.int32],
    first_rows: NDArray[np.int32],
    last_rows: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Count what every PE meets in the active columns.

    Parameters
    ----------
    active : (n,) columns with a nonzero activation, ascending.
    counts, nonzeros : (columns, pes) entries of every slice, with and without fillers.
    first_rows, last_rows : (columns, pes) sparse-matrix rows of every slice's first and last entry.

    Returns
    -------
    entries, weights (entries but for fillers), empty slices, sparse-matrix row reads : (pes,) each.
    """
    pes = counts.shape[1]
    entries = np.zeros(pes, dtype=np.int32)
    weights = np.zeros(pes, dtype=np.int32)
    empty_slices = np.zeros(pes, dtype=np.int32)
    row_reads = np.zeros(pes, dtype=np.int32)
    held_rows = np.full(pes, -1, dtype=np.int32)
    for column in active:
        for pe in range(pes):
            count = counts[column, pe]
            first, last = first_rows[column, pe], last_rows[column, pe]
            entries[pe] += count
            weights[pe] += nonzeros[column, pe]
            empty_slices[pe] += np.int32(count == 0)
            row_reads[pe] += (last - first + np.int32(first != held_rows[pe])) * np.int32(count > 0)
            held_rows[pe] = last if count > 0 else held_rows[pe]
    return entries, weights, empty_slices, row_reads


@compiled
def accumulate(
    active: NDArray[np.int64],
    activations: NDArray[np.int16],
    starts: NDArray[np.int64],
    rows: NDArray[np.uint32],
    weights: NDArray[np.int16],
    accumulator_bits: int,
    sums: NDArray[np.int64],
) -> bool:
    """Sum the products of all active columns, in the machine's order and without wrapping.

    Up to the first overflow a wrapping accumulator holds the same sums, and after it the same sums modulo its range:
    whether one of these sums leaves the range is exactly whether the machine's would.

    Parameters
    ----------
    activations : (columns,) of the layer.
    starts : (columns + 1,) where each column's weights begin.
    rows, weights : (nonzeros,) row in physical order and value of every weight, column by column.
    sums : (out_rows * pes,), zeros or the sums of the column tiles before; receives the sums.

    Returns
    -------
    overflow : whether a partial sum left the range of the accumulator.
    """
    limit = np.int64(1) << (accumulator_bits - 1)
    seen = np.int64(0)
    for column in active:
        activation = np.int64(activations[column])
        hit = rows[starts[column] : starts[column + 1]]
        factors = weights[starts[column] : starts[column + 1]]
        for entry in range(hit.size):
            total = sums[hit[entry]] + activation * factors[entry]
            sums[hit[entry]] = total
            seen |= total + limit  # a sum in range has no bit here above the accumulator's
    return (seen >> accumulator_bits) != 0


@compiled
def run_layer(
    values: NDArray[np.int16],
    counts: NDArray[np.int32],
    nonzeros: NDArray[np.int32],
    first_rows: NDArray[np.int32],
    last_rows: NDArray[np.int32],
    starts: NDArray[np.int64],
    rows: NDArray[np.uint32],
    weights: NDArray[np.int16],
    in_rows: int,
    queue_depth: int,
    broadcasts_per_cycle: int,
    skip_empty_slices: bool,
    accumulator_bits: int,
    overflow: NDArray[np.bool_],
    schedule: NDArray[np.int64],
    tallies: NDArray[np.int32],
    sums: NDArray[np.int64],
) -> None:
    """One layer for n inputs; other parameters as in the functions above.

    Parameters
    ----------
    values : (n, columns) activations.
    overflow : (n,) receives what `accumulate` returns.
    schedule : (4, n) receives broadcasts, and exhausted, drained and stalls of the schedule.
    tallies : (4, n, pes) receives what `tally` returns.
    sums : (n, out_rows * pes), zeros or the sums of the column tiles before; receives the sums.
    """
    for number in range(len(values)):
        active = np.flatnonzero(values[number])
        broadcasts = np.empty(len(active), dtype=np.int32)
        if skip_empty_slices:
            told = layer_schedule_skipping(active, counts, in_rows, queue_depth, broadcasts_per_cycle, broadcasts)
        else:
            told = layer_schedule(active, counts, in_rows, queue_depth, broadcasts_per_cycle, broadcasts)
        schedule[0, number] = len(active)
        schedule[1, number], schedule[2, number], schedule[3, number] = told
        tally_of = tally(active, counts, nonzeros, first_rows, last_rows)
        for kind in range(4):
            tallies[kind, number] = tally_of[kind]
        overflow[number] = accumulate(active, values[number], starts, rows, weights, accumulator_bits, sums[number])
