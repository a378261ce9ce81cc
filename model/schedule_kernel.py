"""The compiled broadcast recurrence: when each active column of a layer is broadcast, and when the layer is drained."""

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
    queued = np.zeros((RECENT, pes), dtype=np.int32)  # slices that are not empty, up to each of the last columns
    finished = np.zeros(pes, dtype=np.int32)
    places = np.zeros(pes, dtype=np.int32)
    rings = np.zeros(pes, dtype=np.int32)
    last_finished = np.zeros(len(active), dtype=np.int32)
    for pe in range(pes):
        rings[pe] = pe * size
    mask = np.int32(size - 1)
    broadcast = np.int32(PREFETCH_CYCLES - 1)
    row = -1
    lane = 0
    # A slice that is not known yet takes a slot even where it is empty: there must be more slots than these.
    deep = queueing.queue_depth > (KNOWN_AFTER + 1) * queueing.broadcasts_per_cycle
    stalls = 0
    for number in range(len(active)):
        column = active[number]
        lane += 1
        if rows[number] != row or lane == queueing.broadcasts_per_cycle:
            earliest = np.int32(broadcast + 1 + max(rows[number] - row - 1, 0))
            cycle = earliest
            # Were no slice empty, those up to this one would have to be finished; where they are, no queue is full.
            finished_first = number - queueing.queue_depth + queueing.broadcasts_per_cycle - 1
            free = never_full or finished_first < 0
            if not free and deep:
                free = last_finished[finished_first] + FREED_AFTER <= cycle
            while not free:
                unknown = np.int32(0)
                while unknown < number and broadcasts[number - 1 - unknown] > cycle - KNOWN_AFTER:
                    unknown += np.int32(1)
                until = np.int32(NEVER)  # these are the unknown ones up to that cycle
                if unknown > 0:
                    until = np.int32(broadcasts[number - unknown] + KNOWN_AFTER - 1)
                slots = np.int32(queueing.queue_depth - queueing.broadcasts_per_cycle + 1 - unknown)
                if slots > 0:
                    known = (number - 1 - unknown) % RECENT
                    for pe in range(pes):
                        places[pe] = ((queued[known, pe] - slots) & mask) + rings[pe]
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
        before, now = (number - 1) % RECENT, number % RECENT
        for pe in range(pes):
            count = np.int32(counts[column, pe])
            finish = max(finished[pe], arrival) + count
            finished[pe] = finish if count > 0 else finished[pe]
            queued[now, pe] = queued[before, pe] + np.int32(count > 0)
        if not never_full:
            latest = np.int32(0)
            for pe in range(pes):
                latest = max(latest, finished[pe])
            last_finished[number] = latest
            for pe in range(pes):
                places[pe] = (queued[before, pe] & mask) + rings[pe]
            for pe in range(pes):
                ring[np.uint32(places[pe])] = finished[pe]  # of an empty slice the next overwrites it
    exhausted = int(broadcast + in_rows - 1 - row)
    drained = exhausted + 1
    if len(active) > 0:
        drained = max(exhausted + 1, int(broadcast) + QUEUED_AFTER, 1 + int(finished.max()))
    return exhausted, drained, int(stalls)
