"""What a sweep shows: the Pareto front, and the point that is recommended."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim.metrics.tables import headings
from sim.sweep.front import Candidate, front_columns, varied_fields
from sim.sweep.recommend import GOALS, Recommendation
from sim.sweep.results import MEASURED, Row
from sim.synthesis.families import FLOWS
from sim.terminal.options import as_options, known_preset
from sim.terminal.output import Output
from sim.text import as_text, count


def show_front(output: Output, rows: Sequence[Row], front: Sequence[Candidate]) -> None:
    """The front of these rows as a table."""
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    varied = varied_fields(rows)
    mean = "" if len(layers) == 1 else f", geometric means of {len(layers)} layers"
    figures = front_columns(front)
    shown = [figure.cells([candidate.value(figure) for candidate in front]) for figure in figures]
    output.table(
        f"Pareto front of time, energy and area: {len(front)} of {len(rows) // len(layers)} points{mean}",
        [*(varied or ["name"]), *headings(figures)],
        [
            [*(as_text(candidate.fields[name]) for name in varied or ["name"]), *cells]
            for candidate, cells in zip(front, zip(*shown, strict=True), strict=True)
        ],
    )


def recommendation_lines(found: Recommendation, varied: Sequence[str]) -> list[str]:
    """The point in one sentence with its reason, what was not measured, and the commands that build it."""
    missing = (
        [f"{count(found.unmeasured)} points were not synthesised and keep no limit on lookup tables or block RAMs."]
        if found.unmeasured
        else []
    )
    if found.best is None:
        each = "; ".join(f"{option}: {count(number)}" for option, number in found.kept_by.items())
        return [
            f"None of {count(found.of)} points that ran keeps every limit. Alone they are kept by so many: {each}."
            if found.of
            else "No point ran every layer: nothing to recommend.",
            *missing,
        ]
    best, figure = found.best, found.figure
    fields = ", ".join(f"{name}={as_text(best.fields[name])}" for name in varied) or str(best.fields["name"])
    costs = [f"{each.text(best.value(each))} {each.unit}" for each in GOALS.values() if each is not figure]
    if best.device is not None:
        costs += [f"{each.text(best.value(each))} {each.heading}" for each in MEASURED]
        costs[-1] += f" of {best.device}"
    limits = f" within {', '.join(found.kept_by)}" if found.kept_by else ""
    return [
        (
            f"Recommended: {fields}. Of {count(found.within)} points{limits} it has the least "
            f"{figure.heading.strip()}, {figure.text(best.value(figure))} {figure.unit}; it takes {', '.join(costs)}."
        ),
        *missing,
        f"Build it: {build_command(best.fields)}",
        *(
            [f"Place and route it: {place_command(best.fields, best.device)}"]
            if best.device in FLOWS and FLOWS[best.device].place_and_route is not None
            else []
        ),
    ]


def build_command(fields: Mapping[str, Any]) -> str:
    """What writes the Verilog of the array with these fields, which may be text."""
    return f"eie verilog {as_options(known_preset(fields['name']), fields)} -o build/verilog"


def place_command(fields: Mapping[str, Any], device: str) -> str:
    """What places and routes it on the device."""
    return f"eie fpga --device {device} {as_options(known_preset(fields['name']), fields)}"
