"""A run beside what the EIE paper publishes, and beside measured baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from sim.baseline.files import FORMS, Measured
from sim.energy.check import PAPER_ARRAY_MW, PAPER_PE_MW, PAPER_UNITS_MW
from sim.metrics.metrics import Metrics
from sim.paper import PAPER_CLOCK_MHZ, PAPER_PES, PaperLayer, Platform, Times
from sim.report.facts import LayerFacts
from sim.report.style import BLUE, CYAN, GREEN, GREY, INK, ORANGE, PURPLE, frame, hover, legend_above, models

PUBLISHED: Sequence[tuple[str, Platform, str]] = (
    ("paper's CPU", "cpu_batch_1", GREY),
    ("paper's GPU", "gpu_batch_1", GREEN),
    ("paper's mobile GPU", "mobile_gpu_batch_1", PURPLE),
)
MEASURED_COLOURS = {"cpu": INK, "gpu": CYAN}


@dataclass(frozen=True, kw_only=True)
class Series:
    """Microseconds per frame of something, by layer; layers may be missing.

    `marker` and `filled` are how it is drawn: dense libraries are hollow, sparse ones filled.
    """

    name: str
    colour: str
    marker: str
    filled: bool
    times: dict[str, float]


def series(layers: Sequence[tuple[LayerFacts, PaperLayer]], measured: Sequence[Measured]) -> list[Series]:
    """This array first, then the paper's, then CPUs and GPUs at batch 1."""
    made = [
        Series(
            name="this array",
            colour=BLUE,
            marker="circle",
            filled=True,
            times={layer.name: layer.metrics.microseconds for layer, _ in layers},
        ),
        Series(
            name="paper's EIE",
            colour=ORANGE,
            marker="diamond",
            filled=True,
            times={paper.name: paper.actual_us for _, paper in layers},
        ),
    ]
    for name, platform, colour in PUBLISHED:
        for form in FORMS:
            times = {paper.name: _form(paper.platform_us[platform], form == "dense") for _, paper in layers}
            made.append(
                Series(name=f"{name}, {form}", colour=colour, marker="circle", filled=form != "dense", times=times)
            )
    for device in measured:
        for form in FORMS:
            times = {
                paper.name: device.times[paper.name, form, 1]
                for _, paper in layers
                if (paper.name, form, 1) in device.times
            }
            if times:
                made.append(
                    Series(
                        name=f"measured {device.kind.upper()}, {form}",
                        colour=MEASURED_COLOURS[device.kind],
                        marker="square",
                        filled=form != "dense",
                        times=times,
                    )
                )
    return made


def comparison_plot(names: Sequence[str], compared: Sequence[Series]) -> Any:
    """A row per layer, a mark per series, on a logarithmic axis of time."""
    made = frame(
        "Time of one frame, batch 1",
        "us",
        "",
        160 + 34 * len(names),
        y_range=list(reversed(names)),
        x_axis_type="log",
    )
    items: list[tuple[str, list[Any]]] = []
    for row in compared:
        source = models.ColumnDataSource({"us": list(row.times.values()), "name": list(row.times)})
        marks = made.scatter(
            "us",
            "name",
            source=source,
            marker=row.marker,
            size=13 if row.marker == "diamond" else 10,
            line_color=row.colour,
            line_width=1.6,
            fill_color=row.colour if row.filled else "white",
        )
        hover(made, [marks], [("", "@name"), (row.name, "@us{0,0.0} us")])
        items.append((row.name, [marks]))
    made.xaxis[0].formatter = models.NumeralTickFormatter(format="0,0.[0]")
    legend_above(made, items, 5)
    return made


def comparison_rows(compared: Sequence[Series]) -> list[list[str]]:
    """A row per series: geometric mean of its time, and how many times faster the array is."""
    own = compared[0]
    rows: list[list[str]] = []
    for row in compared:
        ratios = {name: time / own.times[name] for name, time in row.times.items()}
        least, most = min(ratios, key=lambda name: ratios[name]), max(ratios, key=lambda name: ratios[name])
        is_own = row is own
        rows.append(
            [
                row.name,
                str(len(ratios)),
                f"{geometric_mean(row.times.values()):,.1f}",
                "" if is_own else _times(geometric_mean(ratios.values())),
                "" if is_own else f"{_times(ratios[least])} ({least})",
                "" if is_own else f"{_times(ratios[most])} ({most})",
            ]
        )
    return rows


def ideal_rows(layers: Sequence[tuple[LayerFacts, PaperLayer]]) -> list[list[str]]:
    """A row per layer: cycles over ideal here and in the paper's Table IV."""
    return [
        [
            layer.name,
            f"{layer.metrics.microseconds:,.1f}",
            f"{paper.actual_us:,.1f}",
            f"{layer.metrics.ideal_cycles / layer.metrics.config.clock_mhz:,.1f}",
            f"{paper.ideal_us:,.1f}",
            Metrics.cycles_over_ideal.text(layer.metrics.cycles_over_ideal),
            f"{paper.actual_over_ideal:.2f}",
            f"{layer.metrics.milliwatts:,.0f}",
        ]
        for layer, paper in layers
        if layer.metrics.ideal_cycles
    ]


def array_rows(layers: Sequence[LayerFacts]) -> list[list[str]]:
    """The array over the whole run beside the paper's: what, here, in the paper."""
    array = layers[0].metrics.config
    microseconds = sum(layer.metrics.microseconds for layer in layers)
    nanojoules = sum(layer.metrics.energy_nj for layer in layers)
    milliwatts = nanojoules / microseconds
    operations = sum(2 * layer.metrics.events.useful_macs for layer in layers)
    units = {unit: sum(layer.metrics.energy.nanojoules[unit] for layer in layers) for unit in PAPER_UNITS_MW}
    lnzd = sum(layer.metrics.energy.nanojoules["leading-nonzero detection"] for layer in layers)
    # As in Table II, units include their share of clock, registers and leakage, in proportion to their own energy.
    share = (nanojoules - lnzd) / sum(units.values()) if any(units.values()) else 0.0
    per_pe = {unit: units[unit] * share / microseconds / array.pes for unit in units}
    return [
        ["processing elements", f"{array.pes}", f"{PAPER_PES}"],
        ["clock, MHz", f"{array.clock_mhz:g}", f"{PAPER_CLOCK_MHZ:g}"],
        [
            "peak, GOP/s",
            f"{2 * array.pes * array.clock_mhz / 1000:,.1f}",
            f"{2 * PAPER_PES * PAPER_CLOCK_MHZ / 1000:,.1f}",
        ],
        ["useful, GOP/s", f"{operations / microseconds / 1000:,.1f}", ""],
        ["power of the array, mW", f"{milliwatts:,.1f}", f"{PAPER_ARRAY_MW:g}"],
        ["power of a PE, mW", f"{(nanojoules - lnzd) / microseconds / array.pes:.3f}", f"{PAPER_PE_MW:.3f}"],
        *([f"its {unit}, mW", f"{per_pe[unit]:.3f}", f"{paper:.3f}"] for unit, paper in PAPER_UNITS_MW.items()),
    ]


def _form(times: Times, dense: bool) -> float:
    return times.dense if dense else times.sparse


def _times(value: float) -> str:
    return f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"
