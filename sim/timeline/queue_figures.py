"""What the activation queues of a layer hold, counted over its cycles of BROADCAST and DRAIN."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from model.schedule import PREFETCH_CYCLES, LayerSchedule

PARTS = 60  # of a layer's time, in what is shown over time
WINDOW = 1 << 14  # cycles looked at together: bounds memory


@dataclass(frozen=True, kw_only=True)
class QueueFigures:
    """The queues of all PEs over runs of one layer; every field is a sum over the runs, and so is the sum of figures.

    Parameters
    ----------
    runs : how many.
    cycles : from PREFETCH_0 to the last FLUSH cycle.
    stalls : cycles in which a broadcast waited for a full queue.
    computing : cycles of BROADCAST and DRAIN; nothing is in a queue in others. The rest is about these.
    full : cycles in which some queue had too few slots for another broadcast, counting what was on its way to it and
        slots that became free in the cycle before.
    histogram : (depth + 1,) int64, PE cycles by what the PE's queue held.
    highest : of what the fullest queue held, over the cycles.
    mean_parts, highest_parts : (PARTS,) mean over the PEs and fullest queue, means over equal parts of the time.
    """

    runs: int
    cycles: int
    stalls: int
    computing: int
    full: int
    histogram: NDArray[np.int64]
    highest: int
    mean_parts: NDArray[np.float64]
    highest_parts: NDArray[np.float64]

    def __add__(self, other: "QueueFigures") -> "QueueFigures":
        """The figures of the runs of both."""
        return QueueFigures(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )

    @property
    def shares(self) -> NDArray[np.float64]:
        """(depth + 1,) share of PE cycles by what the queue held; the first is that of empty queues."""
        return self.histogram / self.histogram.sum()

    @property
    def mean(self) -> float:
        """What a queue held, mean over PEs and cycles."""
        return float(self.shares @ np.arange(self.histogram.size))

    @property
    def fullest(self) -> float:
        """What the fullest queue held, mean over cycles."""
        return self.highest / self.computing

    @property
    def most(self) -> int:
        """The most that a queue ever held."""
        return int(np.flatnonzero(self.histogram)[-1])

    @property
    def full_share(self) -> float:
        """Share of the cycles in which some queue had no slot left."""
        return self.full / self.computing


def queue_figures(schedule: LayerSchedule) -> QueueFigures:
    """Of one run of a layer."""
    begin, end = PREFETCH_CYCLES, schedule.drained + 1
    histogram = np.zeros(schedule.queue_depth + 1, dtype=np.int64)
    totals, highest = (np.zeros(end - begin, dtype=np.int64) for _ in range(2))
    full = 0
    for first in range(begin, end, WINDOW):
        last = min(first + WINDOW, end)
        occupancy = schedule.occupancy(first, last)
        histogram += np.bincount(occupancy.reshape(-1), minlength=histogram.size)
        totals[first - begin : last - begin] = occupancy.sum(axis=0)
        highest[first - begin : last - begin] = occupancy.max(axis=0)
        full += int(schedule.full(first, last).any(axis=0).sum())
    return QueueFigures(
        runs=1,
        cycles=schedule.cycles,
        stalls=schedule.stalls,
        computing=end - begin,
        full=full,
        histogram=histogram,
        highest=int(highest.sum()),
        mean_parts=_parts(totals) / schedule.pes,
        highest_parts=_parts(highest),
    )


def _parts(values: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means over PARTS equal parts of values; a part shorter than a cycle is the cycle that it lies in."""
    edges = np.arange(PARTS + 1) * values.size // PARTS
    return np.add.reduceat(values, edges[:-1]) / np.maximum(np.diff(edges), 1)
