"""The recurrence of local mode (docs/contract/architecture.md, section 12): when every row is pushed."""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.schedule_kernel import PREFETCH_CYCLES, QUEUED_AFTER, Queueing

OWN_SEEN_AFTER = 4  # cycles until a push counts in the PEs that had an activation in it, and no longer in every PE


@compiled
def push_schedule(
    rows: NDArray[np.int64],
    own: NDArray[np.bool_],
    busy: NDArray[np.int32],
    in_rows: int,
    queueing: Queueing,
    pushes: NDArray[np.int32],
) -> tuple[int, int, int]:
    """When rows are pushed, for one layer and input.

    Parameters
    ----------
    rows : (n,) number of each row with a pending activation, ascending.
    own : (n, pes) whether a PE has one in it.
    busy : (n, pes) cycles that a PE spends on it, 0 if nothing enters its queue.
    in_rows : rows that are read.
    queueing : queues of `broadcasts_per_cycle` slots or more.
    pushes : (n,) receives the cycle in which each push is decided.

    Returns
    -------
    exhausted, drained, stalls : as `model.schedule_kernel.layer_schedule`.
    """
    pes = own.shape[1]
    room = queueing.queue_depth - queueing.broadcasts_per_cycle
    finished = np.zeros(busy.shape, dtype=np.int32)  # when a PE is through with a push and all before it
    before, row, stalls, latest = PREFETCH_CYCLES - 1, -1, 0, 0
    for number in range(len(rows)):
        earliest = before + rows[number] - row
        cycle = earliest
        while True:
            most = 0
            for pe in range(pes):
                taken, last = 0, number - 1
                while last >= 0 and (finished[last, pe] >= cycle - 1 or pushes[last] >= cycle - QUEUED_AFTER):
                    if pushes[last] > cycle - OWN_SEEN_AFTER:
                        taken += 1
                    elif pushes[last] >= cycle - QUEUED_AFTER:
                        taken += own[last, pe]
                    else:
                        taken += busy[last, pe] > 0
                    last -= 1
                most = max(most, taken)
            if most <= room:
                break
            cycle += 1
        stalls += cycle - earliest
        before, row = cycle, rows[number]
        pushes[number] = cycle
        for pe in range(pes):
            through = finished[number - 1, pe] if number else np.int32(0)
            if busy[number, pe] > 0:
                through = np.int32(max(through, cycle + QUEUED_AFTER) + busy[number, pe])
                latest = max(latest, through)
            finished[number, pe] = through
    exhausted = before + in_rows - 1 - row
    drained = exhausted + 1
    if len(rows):
        drained = max(drained, before + QUEUED_AFTER, 1 + latest)
    return int(exhausted), int(drained), int(stalls)
