"""How busy every PE is over the time of a layer, from the schedules of its runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.schedule import LayerSchedule, LayerWork
from sim.timeline.queue_figures import QueueFigures, queue_figures

BINS = 200  # equal parts of a layer's time


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """One layer's runs, one after the other.

    Parameters
    ----------
    load : (pes, bins) uint8, percent of each of BINS equal parts of the time in which a PE works on a slice; fewer
        bins if there are fewer cycles.
    queues : what the queues hold, the sum over the runs.
    """

    load: NDArray[np.uint8]
    queues: QueueFigures


def timeline(works: Sequence[LayerWork], queue_depth: int) -> Timeline:
    """Of one layer, with queues of this depth."""
    total = sum(work.cycles(queue_depth) for work in works)
    edges = np.arange(min(BINS, total) + 1) * total // min(BINS, total)
    busy = np.zeros((works[0].counts.shape[1], edges.size), np.int64)
    queues: list[QueueFigures] = []
    offset = 0
    for work in works:
        schedule = work.schedule(queue_depth)
        # Edges before this run stay as they are; those behind it have all of its work in front of them.
        behind = np.searchsorted(edges, offset)
        busy[:, behind:] += busy_until(schedule, edges[behind:] - offset)
        queues.append(queue_figures(schedule))
        offset += schedule.cycles
    share = np.diff(busy, axis=1) / np.diff(edges)
    return Timeline(load=np.rint(100 * share).astype(np.uint8), queues=sum(queues[1:], queues[0]))


def busy_until(schedule: LayerSchedule, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """(pes, times) cycles before each time in which a PE works on a slice."""
    total = np.zeros((schedule.pes, times.size), np.int64)
    if not schedule.busy.size:
        return total
    before = np.concatenate([np.zeros((1, schedule.pes), np.int64), np.cumsum(schedule.busy, axis=0, dtype=np.int64)])
    last = schedule.busy.shape[0] - 1
    for pe in range(schedule.pes):
        done = np.searchsorted(schedule.finishes[:, pe], times)  # slices that finish before each time
        current = np.minimum(done, last)
        started = np.where(done <= last, np.maximum(times - schedule.starts[current, pe], 0), 0)
        total[pe] = before[done, pe] + started
    return total
