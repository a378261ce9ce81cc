"""The compiled inner loops of the fast engine: the broadcast recurrence and the accumulation."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.config import ArrayConfig

PREFETCH_CYCLES = 4  # PREFETCH_0 to PREFETCH_3, before the first broadcast can be decided
NEVER = np.iinfo(np.int32).max - 1
RECENT = 16  # more than the activations that are broadcast in the cycles until a slice is known
QUEUED_AFTER = 5  # cycles from a broadcast's decision until its slice is in the queue: select register, stages B, P, Q
FREED_AFTER = 2  # cycles from the issue of a slice's last entry until another can be decided for its slot
KNOWN_AFTER = QUEUED_AFTER + FREED_AFTER - 1  # cycles until a decision sees whether the slice of one before is queued


class Queueing(NamedTuple):
    """The fields of a configuration, of the same names, that decide when an activation is broadcast."""

    queue_depth: int
    broadcasts_per_cycle: int
    skip_empty_slices: bool

    @classmethod
    def of(cls, config: ArrayConfig) -> "Queueing":
        return cls(*(getattr(config, name) for name in cls._fields))


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
def layer_schedule(
    active: NDArray[np.int64],
    rows: NDArray[np.int64],
    counts: NDArray[Any],
    in_rows: int,
    queueing: Queueing,
    broadcasts: NDArray[np.int32],
) -> tuple[int, int, int]:
    """The recurrence of docs/contract/architecture.md, section 8.

    Parameters
    ----------
    active : (n,) columns with a nonzero activation, in the order in which they are broadcast.
    rows : (n,) number of the local row that each lies in, ascending.
    counts : (columns, pes) entries of every slice, integers of any width.
    queueing : queues of `broadcasts_per_cycle` slots or more; with n more they are never full.
    broadcasts : (n,) receives the cycle in which each broadcast is decided.

    Returns
    -------
    exhausted : cycle in which the last local row is exhausted, the layer's PREFETCH_0 being cycle 0.
    drained : last cycle of DRAIN.
    stalls : cycles in which a broadcast waited for a full queue.
    """
    if queueing.skip_empty_slices:
        return _schedule_skipping(active, rows, counts, in_rows, queueing, broadcasts)
    return _schedule(active, rows, counts, in_rows, queueing, broadcasts)


@compiled
def _schedule(
    active: NDArray[np.int64],
    rows: NDArray[np.int64],
    counts: NDArray[Any],
    in_rows: int,
    queueing: Queueing,
    broadcasts: NDArray[np.int32],
) -> tuple[int, int, int]:
    """`layer_schedule` when empty slices take a slot and a cycle."""
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
        if rows[number] != row or lane == queueing.broadcasts_per_cycle:
            earliest = np.int32(broadcast + 1 + max(rows[number] - row - 1, 0))
            broadcast = earliest
            waits_for = number - queueing.queue_depth + queueing.broadcasts_per_cycle - 1
            if waits_for >= 0:
                broadcast = np.int32(max(earliest, FREED_AFTER + last_finished[waits_for]))
            stalls += broadcast - earliest
            row = rows[number]
            lane = 0
        broadcasts[number] = broadcast
        arrival = np.int32(broadcast + QUEUED_AFTER)
        latest = np.int32(0)
        for pe in range(pes):
            finish = max(finished[pe], arrival) + max(np.int32(counts[column, pe]), np.int32(1))
            finished[pe] = finish
            latest = max(latest, finish)
        last_finished[number] = latest
    exhausted = int(broadcast + in_rows - 1 - row)
    return exhausted, max(exhausted + 1, 1 + int(latest)), int(stalls)


@compiled
def _schedule_skipping(
    active: NDArray[np.int64],
    rows: NDArray[np.int64],
    counts: NDArray[Any],
    in_rows: int,
    queueing: Queueing,
    broadcasts: NDArray[np.int32],
) -> tuple[int, int, int]:
    """`layer_schedule` when empty slices are dropped where their pointers are compared.

    A broadcast decided in one of the five cycles before counts as a slot in every queue, because its slice is not yet
    known to be empty; earlier ones count where their slice is not empty and not finished.
    """
    pes = counts.shape[1]
    never_full = queueing.queue_depth - queueing.broadcasts_per_cycle >= len(active)
    size = 1  # a power of two that holds what can be queued or on its way twice over: places before the first are free
    while not never_full and size < 2 * (queueing.queue_depth + RECENT):
        size *= 2
    # When the slices queued last are finished: a ring of that size for each PE, so that a place is a slice's number.
    ring = np.zeros(pes * size, dtype=np.int32)
    filled = np.zeros((RECENT, pes), dtype=np.int32)  # whether the slices of the last columns are not empty
    queued = np.zeros(pes, dtype=np.int32)
    finished = np.zeros(pes, dtype=np.int32)
    places = np.zeros(pes, dtype=np.int32)
    rings = np.zeros(pes, dtype=np.int32)
    for pe in range(pes):
        rings[pe] = pe * size
    mask = np.int32(size - 1)
    broadcast = np.int32(PREFETCH_CYCLES - 1)
    row = -1
    lane = 0
    stalls = 0
    for number in range(len(active)):
        column = active[number]
        lane += 1
        if rows[number] != row or lane == queueing.broadcasts_per_cycle:
            earliest = np.int32(broadcast + 1 + max(rows[number] - row - 1, 0))
            cycle = earliest
            while not never_full:
                unknown = np.int32(0)
                while unknown < number and broadcasts[number - 1 - unknown] > cycle - KNOWN_AFTER:
                    unknown += np.int32(1)
                until = np.int32(NEVER)  # these are the unknown ones up to that cycle
                if unknown > 0:
                    until = np.int32(broadcasts[number - unknown] + KNOWN_AFTER - 1)
                slots = np.int32(queueing.queue_depth - queueing.broadcasts_per_cycle + 1 - unknown)
                if slots > 0:
                    for pe in range(pes):
                        places[pe] = queued[pe] - slots
                    for recent in range(1, unknown + 1):
                        for pe in range(pes):
                            places[pe] -= filled[(number - recent) % RECENT, pe]
                    for pe in range(pes):
                        places[pe] = (places[pe] & mask) + rings[pe]
                    latest = np.int32(0)
                    for pe in range(pes):
                        latest = max(latest, ring[np.uint32(places[pe])])
                    if max(cycle, latest + FREED_AFTER) <= until:
                        cycle = np.int32(max(cycle, latest + FREED_AFTER))
                        break
                cycle = np.int32(until + 1)
            stalls += cycle - earliest
            broadcast = cycle
            row = rows[number]
            lane = 0
        broadcasts[number] = broadcast
        arrival = np.int32(broadcast + QUEUED_AFTER)
        fills = number % RECENT
        for pe in range(pes):
            count = np.int32(counts[column, pe])
            finish = max(finished[pe], arrival) + count
            finished[pe] = finish if count > 0 else finished[pe]
            filled[fills, pe] = np.int32(count > 0)
        if not never_full:
            for pe in range(pes):
                places[pe] = (queued[pe] & mask) + rings[pe]
                queued[pe] += filled[fills, pe]
            for pe in range(pes):
                ring[np.uint32(places[pe])] = finished[pe]  # of an empty slice the next overwrites it
    exhausted = int(broadcast + in_rows - 1 - row)
    drained = exhausted + 1
    if len(active) > 0:
        drained = max(exhausted + 1, int(broadcast) + QUEUED_AFTER, 1 + int(finished.max()))
    return exhausted, drained, int(stalls)


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
    """Cycles and counters of one layer for n inputs; other parameters as in the functions above.

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
    highest = np.int64(limit if limit > 0 else 0x7FFF)
    rounding = np.int64(1) << (shift - 1) if shift > 0 else np.int64(0)
    lowest = np.int64(0) if relu else np.int64(-0x8000)
    for number in range(len(sums)):
        seen = np.int64(0)
        for row in range(bias_terms.size):
            total = sums[number, row] + bias_terms[row] + half
            seen |= total
            wrapped = (total & ((half << 1) - 1)) - half
            outputs[number, row] = max(min((wrapped + rounding) >> shift, highest), lowest)
        overflow[number] |= (seen >> accumulator_bits) != 0
