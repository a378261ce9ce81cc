"""The page of `eie sweep`: every point's time against what it costs, the front, limits and the recommended point."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.metrics.figure import Figure
from sim.metrics.metrics import Metrics
from sim.metrics.tables import headings
from sim.report.origin import Provenance, add_origin
from sim.report.page import Page
from sim.report.style import BLUE, GREY, INK, ORANGE, RED, count_ticks, frame, hover, legend_above, models
from sim.sweep.front import Candidate, front_columns, varied_fields
from sim.sweep.recommend import GOALS, MICROSECONDS, Limits, Recommendation
from sim.sweep.results import BLOCK_RAMS, COSTS, LUTS, MEASURED, Row
from sim.text import as_text, count

TIME, ENERGY, AREA = COSTS
MOST_POINTS = 4000  # in a plot beside those of the front: bounds the page
LOGARITHMIC = 20  # from where the largest is so many times the smallest
HEIGHT = 380
NAMES = {AREA: "area, mm2", ENERGY: "energy, nJ", LUTS: "lookup tables", BLOCK_RAMS: "block RAMs"}


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """What a sweep found, for its page.

    Parameters
    ----------
    rows : of all points.
    found : the points that ran every layer.
    front : those of them that no other beats.
    limits, recommendation : what was asked for, if anything was.
    sentences : the recommendation in words.
    """

    rows: Sequence[Row]
    found: Sequence[Candidate]
    front: Sequence[Candidate]
    limits: Limits
    recommendation: Recommendation | None
    sentences: Sequence[str]

    @property
    def best(self) -> Candidate | None:
        """The recommended point."""
        return None if self.recommendation is None else self.recommendation.best


def sweep_page(made: Exploration, provenance: Provenance, results: str) -> str:
    """The whole page as HTML; `results` says where the rows come from."""
    layers = list(dict.fromkeys(row["layer"] for row in made.rows))
    varied = varied_fields(made.rows)
    points = len(made.rows) // len(layers)
    means = "" if len(layers) == 1 else f" Time and energy are geometric means over {len(layers)} layers."
    what = layers[0] if len(layers) == 1 else f"{len(layers)} layers"
    page = Page(
        f"Arrays for {what}",
        f"{count(points)} combinations of {', '.join(varied) or 'nothing'}. Cycles are exact, from start to done; "
        f"energy and area are estimated.{means} Point at a mark for its combination.",
        provenance.generator,
    )
    page.facts(_facts(made, points))
    if made.sentences:
        page.section("Decision", made.sentences[0])
        for sentence in made.sentences[1:]:
            name, separator, command = sentence.partition(": eie ")
            page.note(f"{name}:" if separator else sentence)
            if separator:
                page.code(f"eie {command}")
    if made.found:
        _plots(page, made, varied)
        _front(page, made.front, varied)
    reasons = list(dict.fromkeys(str(row["reason"]) for row in made.rows if row["reason"]))
    if reasons:
        page.table("Combinations that did not run, by the reason", ["reason"], [[reason] for reason in reasons[:20]])
    fields = {name: as_text(made.rows[0][name]) for name in _fields(made.rows[0]) if name not in varied}
    add_origin(page, provenance, list(fields.items()), [results])
    return page.html()


def _facts(made: Exploration, points: int) -> list[tuple[str, str]]:
    facts = [
        ("combinations", count(points)),
        ("ran", count(len(made.found))),
        ("on the front", count(len(made.front))),
    ]
    if made.recommendation is not None and made.limits.given:
        facts.append(("within the limits", count(made.recommendation.within)))
    if made.best is not None:
        facts += [
            (f"recommended, {figure.unit}", figure.text(made.best.value(figure)))
            for figure in GOALS.values()
            if figure in COSTS
        ]
    return facts


def _fields(row: Row) -> list[str]:
    names = list(row)
    return names[1 : names.index("status")]


def _plots(page: Page, made: Exploration, varied: Sequence[str]) -> None:
    page.section(
        "Time against cost",
        "Lower and further to the left is better. Filled: on the front of time, energy and area, where no other is as "
        "good in all three and better in one; a point can be on it for a cost that another plot shows.",
    )
    shown = _Shown.of(made, varied)
    figures: list[Figure[Any]] = [ENERGY, AREA, *(each for each in MEASURED if shown.has(each))]
    page.plots(*(shown.plot(figure) for figure in figures))
    if shown.left_out:
        page.note(f"{count(shown.left_out)} points off the front are not drawn.")
    page.note(f"Dashed: the limits {', '.join(_texts(made.limits))}." if made.limits.given else "No limits were given.")
    unmeasured = sum(each.device is None for each in made.found)
    if 0 < unmeasured < len(made.found):
        page.note(f"{count(unmeasured)} points were not synthesised, and have no lookup tables and block RAMs.")


def _front(page: Page, front: Sequence[Candidate], varied: Sequence[str]) -> None:
    page.section("The front", "The fastest first.")
    names, figures = varied or ["name"], front_columns(front)
    cells = [figure.cells([each.value(figure) for each in front]) for figure in figures]
    page.table(
        "",
        [*names, *headings(figures)],
        [
            [*(as_text(each.fields[name]) for name in names), *figures_of]
            for each, figures_of in zip(front, zip(*cells, strict=True), strict=True)
        ],
    )


def _texts(limits: Limits) -> list[str]:
    values = {
        "at most {:g} mm2": limits.mm2,
        "at most {:g} mW": limits.mw,
        "at least {:g} inputs a second": limits.fps,
        "at most {:,} lookup tables": limits.luts,
        "at most {:,} block RAMs": limits.block_rams,
    }
    return [text.format(value) for text, value in values.items() if value is not None]


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """The points of the plots, in groups that are marked alike: name, points, how they are drawn."""

    groups: Sequence[tuple[str, Sequence[Candidate], dict[str, Any]]]
    left_out: int
    limits: Limits
    varied: Sequence[str]

    @classmethod
    def of(cls, made: Exploration, varied: Sequence[str]) -> "_Shown":
        best = made.best
        on_front = {id(each) for each in made.front}
        others = [each for each in made.found if id(each) not in on_front and each is not best]
        step = max(1, -(-len(others) // MOST_POINTS))
        drawn = others[::step]
        within = [all(made.limits.kept(each).values()) for each in drawn]
        front = [each for each in made.front if each is not best]
        groups = [
            ("on the front", front, {"fill_color": BLUE, "line_color": BLUE, "size": 9}),
            (
                "behind it",
                [each for each, keeps in zip(drawn, within, strict=True) if keeps],
                {"fill_color": None, "line_color": BLUE, "size": 8},
            ),
            (
                "behind it, beyond a limit",
                [each for each, keeps in zip(drawn, within, strict=True) if not keeps],
                {"fill_color": None, "line_color": GREY, "size": 7, "marker": "x"},
            ),
            (
                "recommended",
                [] if best is None else [best],
                {"fill_color": ORANGE, "line_color": INK, "size": 20, "marker": "star"},
            ),
        ]
        return cls(
            groups=[group for group in groups if group[1]],
            left_out=len(others) - len(drawn),
            limits=made.limits,
            varied=varied,
        )

    def has(self, figure: Figure[Any]) -> bool:
        """Whether any point has it."""
        return any(each.value(figure) is not None for _, group, _ in self.groups for each in group)

    def plot(self, figure: Figure[Any]) -> Any:
        """Time against a figure."""
        times, costs = (
            [value for _, group, _ in self.groups for each in group if (value := each.value(axis)) is not None]
            for axis in (TIME, figure)
        )
        made = frame(
            f"time against {NAMES[figure]}",
            "us",
            NAMES[figure],
            HEIGHT,
            x_axis_type=_scale(times),
            y_axis_type=_scale(costs),
        )
        self._limits(made, figure, times)
        drawn: list[tuple[str, list[Any]]] = []
        for name, group, look in self.groups:
            marks = made.scatter(x="x", y="y", source=self._source(group, figure), line_width=1.5, **look)
            drawn.append((name, [marks]))
            tooltips = [("", "@combination"), *((each.heading.strip(), f"@{{{each.name}}}") for each in self._told())]
            hover(made, [marks], tooltips)
        for data_range in (made.x_range, made.y_range):
            data_range.renderers = [marks for _, (marks,) in drawn]
            data_range.range_padding = 0.08
        for axis, values in zip(made.axis, (times, costs), strict=True):
            count_ticks(axis)
            if _scale(values) == "log":
                axis.ticker = _ticks(values)
        legend_above(made, drawn, columns=2)
        return made

    def _told(self) -> list[Figure[Any]]:
        return [*GOALS.values(), Metrics.milliwatts, *(each for each in MEASURED if self.has(each))]

    def _source(self, group: Sequence[Candidate], figure: Figure[Any]) -> Any:
        known = [each for each in group if each.value(figure) is not None]
        return models.ColumnDataSource(
            {
                "x": [each.value(TIME) for each in known],
                "y": [each.value(figure) for each in known],
                "combination": [
                    ", ".join(f"{name}={as_text(each.fields[name])}" for name in self.varied)
                    or str(each.fields["name"])
                    for each in known
                ],
                **{
                    told.name: [f"{told.text(each.value(told))} {told.unit}" for each in known] for told in self._told()
                },
            }
        )

    def _limits(self, made: Any, figure: Figure[Any], times: Sequence[float]) -> None:
        most = {AREA: self.limits.mm2, LUTS: self.limits.luts, BLOCK_RAMS: self.limits.block_rams}.get(figure)
        look = {"line_color": RED, "line_dash": "dashed", "line_width": 1.5}
        if most is not None:
            made.add_layout(models.Span(location=most, dimension="width", **look))
        if self.limits.fps is not None:
            made.add_layout(models.Span(location=MICROSECONDS / self.limits.fps, dimension="height", **look))
        if figure is ENERGY and self.limits.mw is not None:  # mW times us are nJ
            at = np.geomspace(min(times) / 10, max(times) * 10, 200)  # on a logarithmic axis it is no straight line
            made.line(at, self.limits.mw * at, **look)


def _ticks(values: Sequence[float]) -> Any:
    """1, 2 and 5 times the powers of ten around the values: Bokeh's own leave out those below 10."""
    powers = range(math.floor(math.log10(min(values))) - 1, math.ceil(math.log10(max(values))) + 2)
    return models.FixedTicker(ticks=[step * 10.0**power for power in powers for step in (1, 2, 5)])


def _scale(values: Sequence[float]) -> str:
    return "log" if values and min(values) > 0 and max(values) > LOGARITHMIC * min(values) else "linear"
