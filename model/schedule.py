"""When every PE works on which slice, and what its queue holds in every cycle: the recurrence told in full.

Cycles are those of docs/contract/architecture.md, section 8: a layer's PREFETCH_0 is its cycle 0.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.layouts import flush_cycles
from model.push_schedule import OWN_SEEN_AFTER, push_schedule
from model.schedule_kernel import PREFETCH_CYCLES, QUEUED_AFTER, Queueing, layer_schedule

__all__ = ["PREFETCH_CYCLES", "QUEUED_AFTER", "LayerSchedule", "LayerWork"]


@dataclass(frozen=True, kw_only=True)
class LayerWork:
    """What a layer asks of the array for one input, whatever its queues hold.

    Parameters
    ----------
    name : of the layer.
    in_rows, out_rows : local activations per PE, source and destination; a column tile that keeps its sums has no
        destination, 0.
    columns : (n,) columns with a nonzero activation in the order of broadcast, counted from the layer's first.
    rows : (n,) number of the local row, of those read, that each lies in; ascending.
    activations : (n,) int16, theirs.
    counts, nonzeros : (all columns, pes) int32, entries of every slice, with and without fillers.
    config : of the array; its queue_depth is not looked at.
    own : None; in local mode (n, pes) whether a PE has an activation of its own in a row. The n are then rows that are
        pushed, `columns` the PEs' own, and activations (n, pes).
    """

    name: str
    in_rows: int
    out_rows: int
    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    activations: NDArray[np.int16]
    counts: NDArray[np.int32]
    nonzeros: NDArray[np.int32]
    config: ArrayConfig
    own: NDArray[np.bool_] | None = None

    @cached_property
    def entries(self) -> NDArray[np.int32]:
        """(n, pes) entries of every slice, fillers included."""
        return self._of_slices(self.counts)

    @cached_property
    def weights(self) -> NDArray[np.int32]:
        """(n, pes) entries of every slice, fillers excluded."""
        return self._of_slices(self.nonzeros)

    @cached_property
    def busy(self) -> NDArray[np.int32]:
        """(n, pes) cycles that a PE spends on every slice; 0 for a slice that never comes to the queue."""
        if self.config.skip_empty_slices:
            return self.entries
        spent = np.maximum(self.entries, 1)
        return spent if self.own is None else np.where(self.own, spent, np.int32(0))

    def _of_slices(self, counts: NDArray[np.int32]) -> NDArray[np.int32]:
        found = counts[self.columns]
        return found if self.own is None else np.where(self.own, found, np.int32(0))

    @property
    def unbounded_depth(self) -> int:
        """A queue depth that no larger one betters: no queue is ever full."""
        return len(self.columns) + self.config.broadcasts_per_cycle

    def cycles(self, queue_depth: int) -> int:
        """From PREFETCH_0 to the last FLUSH cycle with queues of this depth; never more with deeper ones.

        The depth is `broadcasts_per_cycle` or more.
        """
        _, (_, drained, _) = self._decide(queue_depth)
        return drained + 1 + self.out_rows + flush_cycles(self.config)

    def schedule(self, queue_depth: int) -> "LayerSchedule":
        """Every broadcast and every slice with queues of this depth, `broadcasts_per_cycle` or more."""
        broadcasts, (exhausted, drained, stalls) = self._decide(queue_depth)
        return LayerSchedule(
            work=self,
            queue_depth=queue_depth,
            broadcasts=broadcasts,
            exhausted=exhausted,
            drained=drained,
            stalls=stalls,
        )

    def _decide(self, queue_depth: int) -> tuple[NDArray[np.int32], tuple[int, int, int]]:
        """The cycles of the broadcasts, and what the recurrence returns."""
        broadcasts = np.empty(len(self.columns), dtype=np.int32)
        queueing = Queueing.of(self.config)._replace(queue_depth=queue_depth)
        if self.own is None:
            told = layer_schedule(self.columns, self.rows, self.counts, self.in_rows, queueing, broadcasts)
        else:
            told = push_schedule(self.rows, self.own, self.busy, self.in_rows, queueing, broadcasts)
        return broadcasts, told


@dataclass(frozen=True, kw_only=True)
class LayerSchedule:
    """One layer of one run, cycle by cycle. Slices are (n, pes): broadcast number, PE.

    Parameters
    ----------
    work : what was to be done.
    queue_depth : slots of every queue.
    broadcasts : (n,) int32, the cycle in which each broadcast, in local mode each push, was decided; the select
        register is valid in the next.
    exhausted : cycle in which the last local row is exhausted, the last of compute.
    drained : last cycle of DRAIN.
    stalls : cycles in which a broadcast waited for a full queue.
    """

    work: LayerWork
    queue_depth: int
    broadcasts: NDArray[np.int32]
    exhausted: int
    drained: int
    stalls: int

    @property
    def pes(self) -> int:
        return self.work.counts.shape[1]

    @property
    def cycles(self) -> int:
        """From PREFETCH_0 to the last FLUSH cycle."""
        return self.drained + 1 + self.work.out_rows + flush_cycles(self.work.config)

    @property
    def entries(self) -> NDArray[np.int32]:
        """(n, pes) entries of every slice, fillers included."""
        return self.work.entries

    @property
    def busy(self) -> NDArray[np.int32]:
        """(n, pes) cycles that a PE spends on every slice; 0 for a slice that never comes to the queue."""
        return self.work.busy

    @cached_property
    def finishes(self) -> NDArray[np.int32]:
        """(n, pes) cycle in which the last entry of every slice is issued; of a dropped slice, one before `starts`.

        finish[j] = max(finish[j-1], broadcast[j] + 5) + busy[j], solved for the running sum of busy.
        """
        total = np.cumsum(self.busy, axis=0, dtype=np.int32)
        waited = self.broadcasts[:, None] + np.int32(QUEUED_AFTER) - (total - self.busy)
        return total + np.maximum.accumulate(waited, axis=0)

    @cached_property
    def starts(self) -> NDArray[np.int32]:
        """(n, pes) cycle in which the first entry of every slice is issued."""
        return self.finishes - self.busy + 1

    @cached_property
    def leads(self) -> NDArray[np.bool_]:
        """(n,) whether a broadcast is the first of those decided with it."""
        return np.diff(self.broadcasts, prepend=-1) > 0

    @cached_property
    def ready(self) -> NDArray[np.int32]:
        """(n,) first cycle in which each broadcast could have been decided; until `broadcasts` it stalls."""
        zero_rows = np.maximum(np.diff(self.work.rows, prepend=-1) - 1, 0)
        before = np.concatenate([[PREFETCH_CYCLES - 1], self.broadcasts[:-1]])
        ready = (before + 1 + zero_rows).astype(np.int32)[self.leads]
        return ready[np.cumsum(self.leads) - 1]

    def occupancy(self, begin: int, end: int) -> NDArray[np.int32]:
        """(pes, end - begin) slices in every queue in the cycles begin to end - 1, as queue_count shows them."""
        change = np.zeros((self.pes, end - begin + 1), dtype=np.int32)
        enters = np.broadcast_to(self.broadcasts[:, None] + QUEUED_AFTER, self.busy.shape)
        for times, step in ((enters, 1), (self.finishes + 1, -1)):
            number, pe = np.nonzero((self.busy > 0) & (times < end))
            np.add.at(change, (pe, np.maximum(times[number, pe] - begin, 0)), step)
        return np.cumsum(change[:, :-1], axis=1, dtype=np.int32)

    def in_flight(self, begin: int, end: int) -> NDArray[np.int32]:
        """(end - begin,) broadcasts on their way to the queues, selected or in stages B, P and Q, in those cycles."""
        cycles = np.arange(begin, end)
        sent = np.searchsorted(self.broadcasts, cycles)
        return (sent - np.searchsorted(self.broadcasts, cycles - QUEUED_AFTER + 1)).astype(np.int32)

    def full(self, begin: int, end: int) -> NDArray[np.bool_]:
        """(pes, end - begin) whether a queue and what is on its way leave too few slots: then none is decided.

        Seen a cycle late: slots that became free in the cycle before are still taken.
        """
        taken = self.occupancy(begin - 1, end - 1) + self._coming(np.arange(begin, end))
        return taken + self.work.config.broadcasts_per_cycle > self.queue_depth

    def _coming(self, cycles: NDArray[np.int64]) -> NDArray[np.int64]:
        """(cycles,) or (pes, cycles) slices that were decided less than six cycles before each.

        Of pushes the newer ones count in every PE, the others in those that had an activation of their own in them.
        """
        before, newer, older = (
            np.searchsorted(self.broadcasts, cycles - ago) for ago in (0, OWN_SEEN_AFTER - 1, QUEUED_AFTER)
        )
        if self.work.own is None:
            return before - older
        owned = np.concatenate([np.zeros((1, self.pes), np.int64), np.cumsum(self.work.own, axis=0, dtype=np.int64)])
        return (before - newer) + (owned[newer] - owned[older]).T
