"""What a sweep shows: the Pareto front, and the point that is recommended."""

from collections.abc import Mapping, Sequence
from typing import Any

from model.config import PRESETS
from sim.metrics.tables import columns, headings
from sim.sweep.front import candidates, pareto_front, varied_fields
from sim.sweep.recommend import GOALS, Recommendation
from sim.sweep.results import Row
from sim.terminal.options import DEFAULT_PRESET, as_options
from sim.terminal.output import Output
from sim.text import as_text, count


def show_front(output: Output, rows: Sequence[Row]) -> None:
    """The front of marked rows as a table."""
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    front = pareto_front(candidates([row for row in rows if row["pareto"]]))
    varied = varied_fields(rows)
    mean = "" if len(layers) == 1 else f", geometric means of {len(layers)} layers"
    figures = columns("front")
    shown = [figure.cells([candidate.value(figure) for candidate in front]) for figure in figures]
    output.table(
        f"Pareto front of time, energy and area: {len(front)} of {len(rows) // len(layers)} points{mean}",
        [*(varied or ["name"]), *headings(figures)],
        [
            [*(as_text(candidate.fields[name]) for name in varied or ["name"]), *cells]
            for candidate, cells in zip(front, zip(*shown, strict=True), strict=True)
        ],
    )


def show_recommendation(output: Output, found: Recommendation, varied: Sequence[str]) -> None:
    """The point in one sentence with its reason, and the command that builds it."""
    if found.best is None:
        each = "; ".join(f"{option}: {count(number)}" for option, number in found.kept_by.items())
        output.line(
            f"None of {count(found.of)} points that ran keeps every limit. Alone they are kept by so many: {each}."
            if found.of
            else "No point ran every layer: nothing to recommend."
        )
        return
    best, figure = found.best, found.figure
    fields = ", ".join(f"{name}={as_text(best.fields[name])}" for name in varied) or str(best.fields["name"])
    costs = ", ".join(f"{each.text(best.value(each))} {each.unit}" for each in GOALS.values() if each is not figure)
    limits = f" within {', '.join(found.kept_by)}" if found.kept_by else ""
    output.line(
        f"Recommended: {fields}. Of {count(found.within)} points{limits} it has the least {figure.heading.strip()}, "
        f"{figure.text(best.value(figure))} {figure.unit}; it takes {costs}."
    )
    output.line(f"Build it: {build_command(best.fields)}")


def build_command(fields: Mapping[str, Any]) -> str:
    """What writes the Verilog of the array with these fields, which may be text."""
    preset = str(fields["name"]) if fields["name"] in PRESETS else DEFAULT_PRESET
    return f"eie verilog {as_options(preset, fields)} -o build/verilog"
