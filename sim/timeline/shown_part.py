"""Which part of a run a trace shows: cycles, layers and PEs, as its options say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.errors import EieError
from model.schedule import LayerSchedule
from sim.timeline.trace_events import Timeline, View

MOST_EVENTS = 500_000  # about 80 MB; viewers become slow beyond
FIRST_EVENTS = 60_000  # of a run of which no part was asked for: written and opened in a few seconds


@dataclass(frozen=True, kw_only=True)
class ShownPart:
    """What was asked for.

    Parameters
    ----------
    begin : first cycle; None: of the run, or of the first of `layers`.
    cycles : how many; None: up to the end of the run or of the last of `layers`, or as many as have `MOST_EVENTS`, and
        if nothing else says what is shown, `FIRST_EVENTS`.
    layers : their names; none for all.
    pes : those with a lane; None for all.
    """

    begin: int | None
    cycles: int | None
    layers: frozenset[str]
    pes: range | None

    def timeline(self, schedules: Sequence[LayerSchedule], view: View) -> tuple[View, Timeline, bool]:
        """The view of that part, its events, and whether it is only the first of it, as much as a viewer takes.

        `view` says how it is shown. EieError for layers and cycles that the run has not, and for too many events.
        """
        total = sum(schedule.cycles for schedule in schedules)
        first, last = self._bounds(schedules)
        begin = first if self.begin is None else self.begin
        if begin >= total:
            raise EieError(f"--from must be below {total}, the cycles of the run, got {begin}")
        end = max(last, begin + 1) if self.cycles is None else min(begin + self.cycles, total)
        view = replace(view, begin=begin, end=end, layers=self.layers or None, pes=self.pes)
        if self.cycles is None:
            asked = self.begin is not None or self.layers or self.pes is not None
            view, timeline = _first_part(schedules, view, MOST_EVENTS if asked else min(FIRST_EVENTS, MOST_EVENTS))
        else:
            timeline = Timeline(schedules, view)
        if timeline.size > MOST_EVENTS:
            raise EieError(
                f"cycles {begin:,} to {view.end - 1:,} of the run's {total:,} have {timeline.size:,} events, wanted "
                f"{MOST_EVENTS:,} at most: show a part with --cycles A:B, --layer or --lanes"
            )
        if not timeline.size:
            raise EieError(f"cycles {begin:,} to {view.end - 1:,} show nothing of {', '.join(sorted(self.layers))}")
        return view, timeline, view.end < end

    def _bounds(self, schedules: Sequence[LayerSchedule]) -> tuple[int, int]:
        """The first cycle of the first of the layers, and the one behind the last."""
        names = list(dict.fromkeys(schedule.work.name for schedule in schedules))
        unknown = sorted(self.layers - set(names))
        if unknown:
            raise EieError(f"no layer {unknown[0]!r} in this run; layers: {', '.join(names)}")
        ends: list[tuple[int, int]] = []
        offset = 0
        for schedule in schedules:
            if not self.layers or schedule.work.name in self.layers:
                ends.append((offset, offset + schedule.cycles))
            offset += schedule.cycles
        return ends[0][0], ends[-1][1]


def parse_cycles(begin: int | None, text: str | None) -> tuple[int | None, int | None]:
    """First cycle and number of cycles of --from and --cycles, which is N or A:B; None where not given."""
    if begin is not None and begin < 0:
        raise EieError(f"--from must be 0 or more, got {begin}")
    if text is None:
        return begin, None
    if re.fullmatch(r"-?\d{1,18}", text):
        if int(text) < 1:
            raise EieError(f"--cycles must be 1 or more, got {text}")
        return begin, int(text)
    first, last = _span("--cycles", text, "N or A:B")
    if begin is not None:
        raise EieError(f"--from {begin} and --cycles {text} say both where to begin; wanted one of them")
    return first, last - first


def parse_lanes(text: str | None, pes: int) -> range | None:
    """The PEs of --lanes, A:B, from A to before B; None where not given."""
    if text is None:
        return None
    first, last = _span("--lanes", text, "A:B")
    if last > pes:
        raise EieError(f"--lanes must end at {pes}, the PEs of the array, or before, got {text}")
    return range(first, last)


def _span(option: str, text: str, wanted: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,18}):(\d{1,18})", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise EieError(f"{option} must be {wanted}, with A below B, got {text!r}")
    return int(found[1]), int(found[2])


def _first_part(schedules: Sequence[LayerSchedule], view: View, most: int) -> tuple[View, Timeline]:
    """As many cycles from the first as have at most so many events."""
    timeline = Timeline(schedules, view, most)
    while timeline.size > most and timeline.end - view.begin > 1:
        shown = (timeline.end - view.begin) * most // timeline.size
        view = replace(view, end=view.begin + max(1, shown * 9 // 10))
        timeline = Timeline(schedules, view)
    return view, timeline
