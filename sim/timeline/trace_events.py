"""The schedule of a run as trace events: a lane per PE, lanes for phases and broadcasts, counters for the queues.

With `maps` the pushes of local mode stand in the lane of the broadcasts; the counter of broadcasts leaves them out.

Events are those of the Trace Event Format that Perfetto and chrome://tracing read: complete events ("X"), counters
("C") and metadata ("M"). Its times are microseconds and viewers keep whole nanoseconds, so that is what they are here;
the exact cycles are in the arguments of every event. Events of a lane never overlap except to lie within one another.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.layouts import flush_cycles
from model.schedule import PREFETCH_CYCLES, QUEUED_AFTER, LayerSchedule

Event = dict[str, Any]

PROCESS = 1
PHASE_LANE, BROADCAST_LANE, FIRST_PE_LANE = 1, 2, 3


@dataclass(frozen=True, kw_only=True)
class View:
    """What of a run is shown, and how.

    Parameters
    ----------
    begin, end : cycles of the run, from `begin` to `end` - 1; events are cut at these bounds.
    cycle_ns : nanoseconds that a cycle takes in the trace, 1 or more.
    queue_of_each_pe : a counter per PE too.
    layers : names of those that are shown; None for all.
    pes : those with a lane and a counter; None for all.
    """

    begin: int
    end: int
    cycle_ns: float
    queue_of_each_pe: bool = False
    layers: frozenset[str] | None = None
    pes: range | None = None

    def shows(self, layer: str) -> bool:
        """Whether a layer of this name is shown."""
        return self.layers is None or layer in self.layers

    def microseconds(self, cycle: int) -> float:
        """When a cycle begins, in whole nanoseconds: no two cycles begin together."""
        return math.floor(cycle * self.cycle_ns) / 1000


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What a view shows of one layer, in cycles of the layer, whose PREFETCH_0 is cycle `offset` of the run.

    slices : (pe, broadcast number) of every slice shown, PE by PE.
    stalled, broadcasts : numbers of the broadcasts whose waiting, and which themselves, are shown; of those decided
        together the first.
    counters : name and (end - begin,) values, and where they change.
    """

    schedule: LayerSchedule
    offset: int
    begin: int
    end: int
    slices: tuple[NDArray[np.int64], NDArray[np.int64]]
    stalled: NDArray[np.int64]
    broadcasts: NDArray[np.int64]
    counters: list[tuple[str, NDArray[np.float64], NDArray[np.int64]]]

    @property
    def size(self) -> int:
        """Events at most: two phases may be cut away."""
        changes = sum(len(at) for _, _, at in self.counters)
        return 1 + 5 + len(self.slices[0]) + len(self.stalled) + len(self.broadcasts) + changes


class Timeline:
    """The events of a run, layer after layer, that a view shows. `size` is known before any is made.

    enough : the first of them, no whole layer behind so many; `end` is the cycle of the run where they end.
    """

    def __init__(self, schedules: Sequence[LayerSchedule], view: View, enough: float = math.inf) -> None:
        self._view = view
        self._pes = schedules[0].pes
        self._lanes = range(self._pes) if view.pes is None else view.pes
        self._parts: list[_Part] = []
        offset = sent = 0
        self.end = view.end
        for schedule in schedules:
            if self.size > enough:
                self.end = min(offset, view.end)
                break
            begin, end = max(view.begin - offset, 0), min(view.end - offset, schedule.cycles)
            if begin < end and view.shows(schedule.work.name):
                each = self._lanes if view.queue_of_each_pe else range(0)
                self._parts.append(_part(schedule, offset, begin, end, sent, self._lanes, each))
            offset += schedule.cycles
            sent += 0 if schedule.work.own is not None else len(schedule.broadcasts)

    @property
    def size(self) -> int:
        """How many events there are at most, names of lanes left out."""
        return sum(part.size for part in self._parts)

    def events(self, process_name: str) -> Iterator[Event]:
        """Names first, then every layer's events lane by lane."""
        yield _metadata("process_name", 0, {"name": process_name})
        digits = len(str(self._pes - 1))
        lanes = {0: "phases", 1: "broadcast", **{2 + pe: f"PE {pe:0{digits}}" for pe in self._lanes}}
        for number, name in lanes.items():
            yield _metadata("thread_name", PHASE_LANE + number, {"name": name})
            yield _metadata("thread_sort_index", PHASE_LANE + number, {"sort_index": number})
        for part in self._parts:
            complete = _completer(part, self._view)
            yield from _phases(part, complete)
            yield from _broadcasts(part, complete)
            yield from _slices(part, complete)
            yield from _counters(part, self._view)


Complete = Callable[[int, str, str, int, int, Event], Iterator[Event]]


def _part(schedule: LayerSchedule, offset: int, begin: int, end: int, sent: int, lanes: range, counted: range) -> _Part:
    """`lanes` are the PEs whose slices are shown, `counted` those with a counter of their own."""
    sent_at, ready = schedule.broadcasts, schedule.ready
    shown = (schedule.busy > 0) & (schedule.starts < end) & (schedule.finishes >= begin)
    occupancy = schedule.occupancy(begin, end)
    figures = [("queue mean", occupancy.mean(axis=0)), ("queue fullest", occupancy.max(axis=0).astype(np.float64))]
    broadcasts = sent_at if schedule.work.own is None else sent_at[:0]
    figures.append(
        ("broadcasts", sent + np.searchsorted(broadcasts, np.arange(begin, end), side="right").astype(float))
    )
    digits = len(str(schedule.pes - 1))
    figures += [(f"queue PE {pe:0{digits}}", occupancy[pe].astype(np.float64)) for pe in counted]
    pe, number = np.nonzero(shown.T[lanes.start : lanes.stop])
    pe += lanes.start
    return _Part(
        schedule=schedule,
        offset=offset,
        begin=begin,
        end=end,
        slices=(pe, number),
        stalled=np.flatnonzero(schedule.leads & (ready < sent_at) & (ready < end) & (sent_at > begin)),
        broadcasts=np.flatnonzero(schedule.leads & (sent_at >= begin) & (sent_at < end)),
        counters=[(name, values, np.flatnonzero(np.diff(values, prepend=-1.0))) for name, values in figures],
    )


def _completer(part: _Part, view: View) -> Complete:
    """Makes the complete event of the layer's cycles `first` to `last` - 1 cut to the view; none if all is cut away."""

    def complete(lane: int, name: str, category: str, first: int, last: int, arguments: Event) -> Iterator[Event]:
        begin, end = max(first, part.begin), min(last, part.end)
        if begin >= end:
            return
        start, stop = (view.microseconds(part.offset + cycle) for cycle in (begin, end))
        yield {
            "ph": "X",
            "name": name,
            "cat": category,
            "pid": PROCESS,
            "tid": lane,
            "ts": start,
            "dur": round(stop - start, 3),
            "args": {"cycle": part.offset + first, "cycles": last - first, **arguments},
        }

    return complete


def _phases(part: _Part, complete: Complete) -> Iterator[Event]:
    schedule = part.schedule
    decided = "broadcasts" if schedule.work.own is None else "pushes"
    figures = {decided: len(schedule.broadcasts), "stalls": schedule.stalls}
    yield from complete(PHASE_LANE, schedule.work.name, "layer", 0, schedule.cycles, figures)
    ends = (
        ("prefetch", PREFETCH_CYCLES),
        ("compute", schedule.exhausted + 1),
        ("drain", schedule.drained + 1),
        ("write-back", schedule.cycles - flush_cycles(schedule.work.config)),
        ("flush", schedule.cycles),
    )
    first = 0
    for name, last in ends:
        yield from complete(PHASE_LANE, name, "phase", first, last, {})
        first = last


def _broadcasts(part: _Part, complete: Complete) -> Iterator[Event]:
    """A broadcast is where it is decided; before it, the cycles in which it waits and who was full in the last."""
    schedule, work = part.schedule, part.schedule.work
    stalled = set(part.stalled.tolist())
    full = schedule.full(part.begin, part.end)
    for number in sorted({*stalled, *part.broadcasts.tolist()}):
        decided = int(schedule.broadcasts[number])
        if work.own is None:
            name, category, sent = _broadcast(schedule, number)
            waiting: Event = {"column": sent["column"]}
        else:
            name, category, sent = _push(schedule, number, work.own)
            waiting = {"row": sent["row"]}
        if number in stalled:
            last = min(decided, part.end) - 1
            waiting["full PEs"] = ", ".join(map(str, np.flatnonzero(full[:, last - part.begin])))
            yield from complete(BROADCAST_LANE, "stall", "stall", int(schedule.ready[number]), decided, waiting)
        yield from complete(BROADCAST_LANE, name, category, decided, decided + 1, sent)


def _broadcast(schedule: LayerSchedule, number: int) -> tuple[str, str, Event]:
    """Name, category and arguments of the broadcasts that were decided with this one, the first of them."""
    work, decided = schedule.work, schedule.broadcasts[number]
    lanes = schedule.broadcasts[number : number + work.config.broadcasts_per_cycle]
    together = np.flatnonzero(lanes == decided) + number
    columns = work.columns[together]
    names = ", ".join(map(str, columns))
    sent = {
        "column": names,
        "row": int(work.rows[number]),
        "PE": ", ".join(map(str, columns % schedule.pes)),
        "activation": ", ".join(map(str, work.activations[together])),
        "entries": int(schedule.entries[together].sum()),
    }
    return f"column {names}", "broadcast", sent


def _push(schedule: LayerSchedule, number: int, own: NDArray[np.bool_]) -> tuple[str, str, Event]:
    """The same of a push of local mode."""
    row, pes = int(schedule.work.rows[number]), np.flatnonzero(own[number])
    sent = {
        "row": row,
        "PE": ", ".join(map(str, pes)),
        "activation": ", ".join(map(str, schedule.work.activations[number, pes])),
        "entries": int(schedule.entries[number].sum()),
    }
    return f"push row {row}", "push", sent


def _slices(part: _Part, complete: Complete) -> Iterator[Event]:
    schedule, work = part.schedule, part.schedule.work
    pes, numbers = part.slices
    columns = work.columns[numbers]
    entries = schedule.entries[numbers, pes]
    fillers = entries - work.nonzeros[columns, pes]
    starts, finishes = schedule.starts[numbers, pes], schedule.finishes[numbers, pes]
    waited = starts - schedule.broadcasts[numbers] - QUEUED_AFTER - 1
    for pe, column, held, padding, start, finish, wait in zip(
        *(values.tolist() for values in (pes, columns, entries, fillers, starts, finishes, waited)), strict=True
    ):
        name = f"column {column}" if held else f"column {column}, empty"
        figures = {"entries": held, "fillers": padding, "waited": wait}
        yield from complete(FIRST_PE_LANE + pe, name, "slice", start, finish + 1, figures)


def _counters(part: _Part, view: View) -> Iterator[Event]:
    for name, values, changes in part.counters:
        for at, value in zip(changes.tolist(), values[changes].tolist(), strict=True):
            cycle = part.offset + part.begin + at
            yield {
                "ph": "C",
                "name": name,
                "pid": PROCESS,
                "ts": view.microseconds(cycle),
                "args": {"sent" if name == "broadcasts" else "slices": round(value, 4)},
            }


def _metadata(name: str, lane: int, arguments: Event) -> Event:
    return {"ph": "M", "name": name, "pid": PROCESS, "tid": lane, "args": arguments}
