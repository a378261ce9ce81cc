"""The one point of a sweep that is best at something, within limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from model.errors import EieError
from sim.metrics.figure import Figure
from sim.metrics.metrics import Metrics
from sim.sweep.front import Candidate
from sim.sweep.results import LUTS, MEASURED

Goal = Literal["time", "energy", "area", "product"]

GOALS: Mapping[Goal, Figure[Any]] = {
    "time": Metrics.microseconds,
    "energy": Metrics.energy_nj,
    "area": Metrics.area_mm2,
    "product": Metrics.energy_delay_nj_us,
}
MICROSECONDS = 1e6  # in a second
OPTIONS = ("--max-mm2", "--max-mw", "--min-fps", "--max-luts", "--max-brams")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a point may cost at most, and do at least; None: as much as it likes.

    Parameters
    ----------
    mm2 : area of the array, square millimetres.
    mw : mean power from start to done, milliwatts.
    fps : inputs per second, one after another.
    luts, block_rams : counted by synthesis for a device; a point that was not measured does not keep them.
    """

    mm2: float | None = None
    mw: float | None = None
    fps: float | None = None
    luts: int | None = None
    block_rams: int | None = None

    def __post_init__(self) -> None:
        for option, value in zip(OPTIONS, self._values, strict=True):
            if value is not None and not 0 < value < float("inf"):
                raise EieError(f"{option} must be a number above 0, got {value:g}")

    @property
    def _values(self) -> tuple[float | None, ...]:
        return self.mm2, self.mw, self.fps, self.luts, self.block_rams

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return any(value is not None for value in self._values)

    @property
    def of_device(self) -> bool:
        """Whether one of them wants a synthesis."""
        return self.luts is not None or self.block_rams is not None

    @property
    def without_device(self) -> "Limits":
        """Those that a run alone tells."""
        return replace(self, luts=None, block_rams=None)

    def kept(self, candidate: Candidate) -> Mapping[str, bool]:
        """Whether a point keeps each limit that is given, by the option's name."""
        area, power, time = (
            candidate.value(figure) or 0.0 for figure in (Metrics.area_mm2, Metrics.milliwatts, Metrics.microseconds)
        )
        kept: dict[str, bool] = {}
        if self.mm2 is not None:
            kept[f"--max-mm2 {self.mm2:g}"] = area <= self.mm2
        if self.mw is not None:
            kept[f"--max-mw {self.mw:g}"] = power <= self.mw
        if self.fps is not None:
            kept[f"--min-fps {self.fps:g}"] = self.fps * time <= MICROSECONDS
        for option, most, figure in zip(OPTIONS[3:], (self.luts, self.block_rams), MEASURED, strict=True):
            if most is not None:
                taken = candidate.value(figure)
                kept[f"{option} {most}"] = taken is not None and taken <= most
        return kept


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """A point and why it is the one.

    Parameters
    ----------
    goal : that no other point within the limits is better at.
    best : the point; None if none keeps the limits.
    within : points that keep all limits, of `of`.
    kept_by : points that keep each limit by itself, by its option.
    unmeasured : points without lookup tables and block RAMs, where a limit is on these.
    """

    goal: Goal
    best: Candidate | None
    within: int
    of: int
    kept_by: Mapping[str, int] = field(default_factory=dict[str, int])
    unmeasured: int = 0

    @property
    def figure(self) -> Figure[Any]:
        """What the goal is about."""
        return GOALS[self.goal]

    def payload(self) -> dict[str, Any]:
        """As JSON."""
        best = self.best
        return {
            "goal": self.goal,
            "config": None if best is None else best.fields,
            "value": None if best is None else best.value(self.figure),
            "within_limits": self.within,
            "of": self.of,
            "kept_by": dict(self.kept_by),
            "unmeasured": self.unmeasured,
            "device": None if best is None else best.device,
            **{figure.name: None if best is None else best.value(figure) for figure in MEASURED},
        }


def recommend(found: Sequence[Candidate], goal: Goal, limits: Limits) -> Recommendation:
    """The point that is best at `goal` of those within `limits`; of equal ones the cheaper in time, energy, area."""
    kept = [limits.kept(candidate) for candidate in found]
    within = [candidate for candidate, each in zip(found, kept, strict=True) if all(each.values())]
    figure = GOALS[goal]
    options = list(kept[0]) if kept else []
    return Recommendation(
        goal=goal,
        best=min(within, key=lambda each: (each.value(figure) or 0.0, each.costs), default=None),
        within=len(within),
        of=len(found),
        kept_by={option: sum(each[option] for each in kept) for option in options},
        unmeasured=sum(each.value(LUTS) is None for each in found) if limits.of_device else 0,
    )
