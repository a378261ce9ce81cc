"""The compiled inner loops of the fast engine for map layers (docs/contract/architecture.md, section 12)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.engine_kernel import tally
from model.map_descriptor import MapDescriptor
from model.schedule_kernel import FREED_AFTER, PREFETCH_CYCLES, QUEUED_AFTER, Queueing, layer_schedule

OWN_SEEN_AFTER = 4  # cycles until a push is seen as the slices of the PEs that it has, and no longer as one of every PE
COORDINATE_MASK = 1023
LOW = 0xFFFF  # 16 bits: an address, and the part of a sum in which a maximum is found
REMEMBERED = 1 << 24  # numbers that are kept at most of one layer, so that other inputs need not count them again
SIGN = np.int64(1) << 15


class Scan(NamedTuple):
    """(in_rows,) int64 each: the source's local rows in the order of scanning, their first columns and coordinates."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]


class Taps(NamedTuple):
    """The entries of a layer but for fillers, column by column and in a column PE by PE.

    Parameters
    ----------
    starts : (columns * pes + 1,) where those of each slice begin.
    pes, channels, y, x : (entries,) int32, whose they are, local channel and steps.
    offsets : (entries,) int64, what is taken from a position's first accumulator of PE 0 for the entry's.
    values : (entries,) int16, weights.
    reach : (columns, 4) int32, least and largest step along y and along x of a column.
    plain : whether every position on the map has its accumulators, and no coordinate wraps onto it.
    """

    starts: NDArray[np.int64]
    pes: NDArray[np.int32]
    channels: NDArray[np.int32]
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    offsets: NDArray[np.int64]
    values: NDArray[np.int16]
    reach: NDArray[np.int32]
    plain: bool


class Geometry(NamedTuple):
    """The fields of a descriptor, of the same names, that decide what an entry adds to."""

    local: bool
    maximum: bool
    positive: bool
    out_height: int
    out_width: int
    out_channels: int
    row_pitch: int
    out_rows: int

    @classmethod
    def of(cls, descriptor: MapDescriptor, out_rows: int) -> "Geometry":
        return cls(*(getattr(descriptor, name) for name in cls._fields[:-1]), out_rows=out_rows)


@compiled
def is_active(value: Any, geometry: Geometry) -> bool:
    """Whether an activation is pending."""
    return geometry.maximum or (value > 0 if geometry.positive else value != 0)


@compiled
def within(y: int, x: int, reach: NDArray[np.int32], geometry: Geometry) -> bool:
    """Whether all entries of a column lie on the map at this coordinate."""
    return y >= reach[1] and y - reach[0] < geometry.out_height and x >= reach[3] and x - reach[2] < geometry.out_width


@compiled
def on_map(y: int, x: int, geometry: Geometry) -> bool:
    """Stage T."""
    return (y & COORDINATE_MASK) < geometry.out_height and (x & COORDINATE_MASK) < geometry.out_width


@compiled
def larger(operand: Any, product: Any) -> Any:
    """`model.fixed_point.larger`."""
    return operand & ~LOW | max(operand & LOW, (product + SIGN) & LOW)


@compiled
def run_map_layer(
    memory: NDArray[np.int16],
    scan: Scan,
    slices: NDArray[Any],
    most: int,
    taps: Taps,
    geometry: Geometry,
    queueing: Queueing,
    schedule: NDArray[np.int64],
    tallies: NDArray[np.int32],
) -> None:
    """Cycles and counters of one layer for n inputs.

    Parameters
    ----------
    memory : (n, activation_depth, pes) activations.
    slices, most : see `model.engine_kernel.tally`.
    schedule : (n, 4) receives broadcasts, and exhausted, drained and stalls of the schedule.
    tallies : (n, 6, pes) receives what `tally` counts, pointer reads, and entries that are added to an accumulator.
    """
    pes = memory.shape[2]
    columns = np.empty(scan.rows.size * pes, dtype=np.int64)
    rows = np.empty(scan.rows.size * pes, dtype=np.int64)
    broadcasts = np.empty(scan.rows.size * pes, dtype=np.int32)
    # What is added of a column depends on its coordinate alone.
    places = columns.size if len(memory) > 1 and not geometry.local and columns.size * pes <= REMEMBERED else 0
    counted = np.zeros(places, dtype=np.bool_)
    remembered = np.zeros((places, pes), dtype=slices.dtype)
    for number in range(len(memory)):
        tallies[number] = 0
        if geometry.local:
            told = _push(memory[number], scan, slices, taps, geometry, queueing, tallies[number])
            schedule[number, 0] = 0
        else:
            count = 0
            for row in range(scan.rows.size):
                for pe in range(pes):
                    rows[count] = row
                    columns[count] = scan.columns[row] + pe
                    count += is_active(memory[number, scan.rows[row], pe], geometry)
            told = layer_schedule(
                columns[:count], rows[:count], slices[0], scan.rows.size, queueing, broadcasts[:count]
            )
            schedule[number, 0] = count
            tally(columns[:count], slices, most, tallies[number, :4])
            tallies[number, 4] = count
            for at in range(count):
                if places == 0:
                    _count_added(columns[at], rows[at], scan, slices, taps, geometry, tallies[number, 5])
                    continue
                place = rows[at] * pes + columns[at] - scan.columns[rows[at]]
                if not counted[place]:
                    _count_added(columns[at], rows[at], scan, slices, taps, geometry, remembered[place])
                    counted[place] = True
                for pe in range(pes):
                    tallies[number, 5, pe] += np.int32(remembered[place, pe])
        schedule[number, 1], schedule[number, 2], schedule[number, 3] = told


@compiled
def _count_added(
    column: int,
    row: int,
    scan: Scan,
    slices: NDArray[Any],
    taps: Taps,
    geometry: Geometry,
    added: NDArray[Any],
) -> None:
    """Add the entries of a broadcast column that lie on the map, of every PE."""
    pes = added.size
    y, x = scan.y[row], scan.x[row]
    if within(y, x, taps.reach[column], geometry):
        for pe in range(pes):
            added[pe] += np.int32(slices[1, column, pe])
        return
    for entry in range(taps.starts[column * pes], taps.starts[(column + 1) * pes]):
        added[taps.pes[entry]] += on_map(y - taps.y[entry], x - taps.x[entry], geometry)


@compiled
def _push(
    memory: NDArray[np.int16],
    scan: Scan,
    slices: NDArray[Any],
    taps: Taps,
    geometry: Geometry,
    queueing: Queueing,
    tallies: NDArray[np.int32],
) -> tuple[int, int, int]:
    """The recurrence of local mode, and its counters; returns what `layer_schedule` does."""
    pes = memory.shape[1]
    room = queueing.queue_depth - queueing.broadcasts_per_cycle
    size = 1  # of a ring for the slices that are in a PE's queue or on their way
    while size < queueing.queue_depth + 8:
        size *= 2
    mask = size - 1
    decided = np.zeros((pes, size), dtype=np.int64)  # of the slices that enter: when, and when finished
    finished = np.zeros((pes, size), dtype=np.int64)
    first = np.zeros(pes, dtype=np.int64)  # the oldest that may not be finished
    entered = np.zeros(pes, dtype=np.int64)
    latest = np.zeros(pes, dtype=np.int64)
    held = np.full(pes, -1, dtype=np.int64)
    pushed = np.full(QUEUED_AFTER, -9, dtype=np.int64)  # when the last pushes were decided
    owned = np.zeros((QUEUED_AFTER, pes), dtype=np.bool_)  # which PEs had an activation of their own in them
    before = np.int64(PREFETCH_CYCLES - 1)
    row, stalls, pushes = -1, np.int64(0), 0
    for number in range(scan.rows.size):
        values = memory[scan.rows[number]]
        pending = False
        for pe in range(pes):
            pending |= is_active(values[pe], geometry)
        if not pending:
            continue
        earliest = before + number - row
        cycle = earliest
        while True:
            everybody = np.int64(0)
            for push in range(QUEUED_AFTER):
                everybody += pushed[push] > cycle - OWN_SEEN_AFTER
            next_cycle = cycle
            for pe in range(pes):
                while first[pe] < entered[pe] and finished[pe, first[pe] & mask] < cycle - 1:
                    first[pe] += 1
                unfinished = entered[pe] - first[pe]
                if unfinished > room:  # those that must be finished before decide
                    gone = finished[pe, (first[pe] + unfinished - room - 1) & mask] + FREED_AFTER
                    next_cycle = max(next_cycle, gone)
                    continue
                known = unfinished  # decided so long ago that they are known to be in the queue
                while known > 0 and decided[pe, (first[pe] + known - 1) & mask] >= cycle - QUEUED_AFTER:
                    known -= 1
                coming = np.int64(0)
                for push in range(QUEUED_AFTER):
                    seen = cycle - QUEUED_AFTER <= pushed[push] <= cycle - OWN_SEEN_AFTER
                    coming += seen and owned[push, pe]
                if known + coming + everybody > room:
                    next_cycle = max(next_cycle, cycle + 1)
            if next_cycle == cycle:
                break
            cycle = next_cycle
        stalls += cycle - earliest
        before, row = cycle, number
        pushed[pushes % QUEUED_AFTER] = cycle
        column = scan.columns[number]
        y, x = scan.y[number], scan.x[number]
        everything = within(y, x, taps.reach[column], geometry)
        for pe in range(pes):
            owned[pushes % QUEUED_AFTER, pe] = is_active(values[pe], geometry)
            if not owned[pushes % QUEUED_AFTER, pe]:
                continue
            count = np.int64(slices[0, column, pe])
            tallies[0, pe] += count
            tallies[1, pe] += np.int32(slices[1, column, pe])
            tallies[2, pe] += count == 0
            tallies[4, pe] += 1
            if count > 0:
                begins = np.int64(slices[3, column, pe])
                tallies[3, pe] += np.int32(slices[2, column, pe]) - (begins == held[pe])
                held[pe] = begins + np.int64(slices[2, column, pe]) - 1
            if everything:
                tallies[5, pe] += np.int32(slices[1, column, pe])
            else:
                for entry in range(taps.starts[column * pes + pe], taps.starts[column * pes + pe + 1]):
                    tallies[5, pe] += on_map(y - taps.y[entry], x - taps.x[entry], geometry)
            if count == 0 and queueing.skip_empty_slices:
                continue
            latest[pe] = max(latest[pe], cycle + QUEUED_AFTER) + max(count, np.int64(1))
            decided[pe, entered[pe] & mask] = cycle
            finished[pe, entered[pe] & mask] = latest[pe]
            entered[pe] += 1
        pushes += 1
    exhausted = before + scan.rows.size - 1 - row
    drained = exhausted + 1
    if row >= 0:
        drained = max(drained, before + QUEUED_AFTER, 1 + latest.max())
    return int(exhausted), int(drained), int(stalls)


@compiled
def sum_map_layer(
    memory: NDArray[np.int16],
    scan: Scan,
    taps: Taps,
    geometry: Geometry,
    accumulator_bits: int,
    overflow: NDArray[np.bool_],
    sums: NDArray[np.int64],
) -> int:
    """The sums of one layer for n inputs, without wrapping (`model.engine_kernel.accumulate`).

    Parameters
    ----------
    overflow : (n,) becomes true where a partial sum left the range of the accumulator.
    sums : (n, out_rows * pes), zeros or kept sums; receives the sums.

    Returns
    -------
    out_of_rows : the largest accumulator named by an entry that is not below out_rows, -1 if there is none.
    """
    limit = np.int64(1) << (accumulator_bits - 1)
    pes = memory.shape[2]
    bad = np.int64(-1)
    for number in range(len(memory)):
        mine = sums[number]
        seen = np.int64(0)
        for row in range(scan.rows.size):
            y, x = scan.y[row], scan.x[row]
            base = (y * geometry.row_pitch + x * geometry.out_channels) * pes
            for pe in range(pes):
                activation = np.int64(memory[number, scan.rows[row], pe])
                if not is_active(activation, geometry):
                    continue
                column = scan.columns[row] + (0 if geometry.local else pe)
                first, last = taps.starts[column * pes], taps.starts[(column + 1) * pes]
                if geometry.local:
                    first, last = taps.starts[column * pes + pe], taps.starts[column * pes + pe + 1]
                inside = within(y, x, taps.reach[column], geometry)
                if taps.plain and inside and not geometry.maximum:
                    for entry in range(first, last):
                        target = base - taps.offsets[entry]
                        total = mine[target] + activation * taps.values[entry]
                        mine[target] = total
                        seen |= total + limit
                    continue
                if taps.plain:
                    for entry in range(first, last):
                        at_y, at_x = y - taps.y[entry], x - taps.x[entry]
                        if not (0 <= at_y < geometry.out_height and 0 <= at_x < geometry.out_width):
                            continue
                        target = base - taps.offsets[entry]
                        product = activation * taps.values[entry]
                        if geometry.maximum:
                            mine[target] = larger(mine[target], product)
                        else:
                            mine[target] += product
                            seen |= mine[target] + limit
                    continue
                for entry in range(first, last):
                    if not on_map(y - taps.y[entry], x - taps.x[entry], geometry):
                        continue
                    at_y, at_x = (y - taps.y[entry]) & COORDINATE_MASK, (x - taps.x[entry]) & COORDINATE_MASK
                    address = at_y * geometry.row_pitch + at_x * geometry.out_channels + taps.channels[entry]
                    address &= LOW
                    if address >= geometry.out_rows:
                        bad = max(bad, address)
                        continue
                    target = address * pes + taps.pes[entry]
                    product = activation * taps.values[entry]
                    if geometry.maximum:
                        mine[target] = larger(mine[target], product)
                    else:
                        mine[target] += product
                        seen |= mine[target] + limit
        overflow[number] |= (seen >> accumulator_bits) != 0
    return int(bad)
