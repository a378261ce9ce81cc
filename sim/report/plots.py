"""The plots of a run: cycles, energy, load and queues over time, roofline."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from model.config import ArrayConfig
from sim.energy.components import COMPONENTS
from sim.report.facts import LayerFacts
from sim.report.style import (
    BLUE,
    COMPONENT_COLOURS,
    FONT,
    INK,
    MUTED,
    ORANGE,
    PE_CYCLES,
    PHASES,
    count_ticks,
    frame,
    gradient,
    hover,
    legend_above,
    models,
    stacked_bars,
)
from sim.timeline.pe_load import Timeline
from sim.timeline.queue_figures import PARTS

TIMELINE_HEIGHT = 210
MOST_NAMED = 12  # points of the roofline that are named; of more only the tooltips tell


def cycles_plot(layers: Sequence[LayerFacts]) -> Any:
    """Cycles of every layer, by phase."""
    parts = {phase: np.array([layer.phases[phase] for layer in layers]) for phase in PHASES}
    names = [layer.name for layer in layers]
    return stacked_bars("Cycles by phase", names, parts, PHASES, "cycles per input", "0,0.[0]")


def pe_cycles_plot(layers: Sequence[LayerFacts]) -> Any:
    """What the PEs do in these cycles, as shares."""
    parts = {what: 100 * np.array([layer.pe_cycles[what] for layer in layers]) for what in PE_CYCLES}
    names = [layer.name for layer in layers]
    made = stacked_bars("What the PEs do", names, parts, PE_CYCLES, "% of the cycles of all PEs", "0.0")
    made.x_range.end = 100
    return made


def energy_plot(layers: Sequence[LayerFacts]) -> Any:
    """Energy of every layer by component."""
    return _by_component(layers, "Energy by component", "uJ per input", [0.001] * len(layers), "0,0.[0000]")


def energy_share_plot(layers: Sequence[LayerFacts]) -> Any:
    """The same as shares."""
    scales = [100 / (layer.metrics.energy.total_nj or 1) for layer in layers]
    made = _by_component(layers, "The same as shares", "% of the layer's energy", scales, "0.0")
    made.x_range.end = 100
    return made


def _by_component(layers: Sequence[LayerFacts], title: str, x_label: str, scales: Sequence[float], number: str) -> Any:
    parts = {
        component: np.array(
            [layer.metrics.energy.nanojoules[component] * scale for layer, scale in zip(layers, scales, strict=True)]
        )
        for component in COMPONENTS
    }
    return stacked_bars(title, [layer.name for layer in layers], parts, COMPONENT_COLOURS, x_label, number)


def load_plot(name: str, timeline: Timeline) -> Any:
    """How busy every PE is over time, as a heat map."""
    load = timeline.load
    pes, cycles = load.shape[0], timeline.queues.cycles
    made = frame(f"{name}: load of each PE", "cycle", "PE", TIMELINE_HEIGHT, x_range=(0, cycles), y_range=(pes, 0))
    # Rows of an image go upwards; the axis goes down, so that PE 0 is on top.
    image = made.image(
        image=[load],
        x=0,
        y=0,
        dw=cycles,
        dh=pes,
        color_mapper=models.LinearColorMapper(palette=gradient(), low=0, high=100),
    )
    made.grid.grid_line_color = None
    count_ticks(made.xaxis[0])
    hover(made, [image], [("cycle", "$x{0,0}"), ("PE", "$y{0}"), ("working", "@image %")])
    return made


def queue_plot(name: str, timeline: Timeline) -> Any:
    """What the queues hold over the time of BROADCAST and DRAIN."""
    queues = timeline.queues
    depth = queues.histogram.size - 1
    made = frame(
        f"{name}: queues",
        "% of broadcast and drain",
        "slices in a queue",
        TIMELINE_HEIGHT,
        x_range=(0, 100),
        y_range=(0, 1.06 * depth),
    )
    at = (np.arange(PARTS) + 0.5) * 100 / PARTS
    items: list[tuple[str, list[Any]]] = []
    for what, values, colour in (
        ("fullest", queues.highest_parts / queues.runs, ORANGE),
        ("mean of the PEs", queues.mean_parts / queues.runs, BLUE),
    ):
        source = models.ColumnDataSource({"at": at, "slices": values})
        line = made.step("at", "slices", source=source, mode="center", line_color=colour, line_width=1.6)
        hover(made, [line], [(what, "@slices{0.0}")])
        items.append((what, [line]))
    made.add_layout(models.Span(location=depth, dimension="width", line_color=MUTED, line_dash="dotted"))
    legend_above(made, items)
    return made


def roofline(layers: Sequence[LayerFacts], array: ArrayConfig) -> Any:
    """Useful operations per second against useful operations per byte, on two memories.

    The sparse-matrix memories give every PE a row in each cycle. The input stream gives a word in each cycle; it loads
    the image once for any number of inputs, and what is shown is what would be left if every input had to load it.
    Each of the layers, one at least, has a useful operation.
    """
    clock = array.clock_mhz / 1000
    peak = 2 * array.pes * clock
    sram = array.pes * array.row_bits / 8 * clock
    stream = array.stream_bits / 8 * clock
    points = {"resident": _resident(layers), "reloaded": _reloaded(layers)}
    intensities, speeds = (np.concatenate([point[axis] for point in points.values()]) for axis in (0, 1))
    left, right = min(intensities.min(), peak / sram) / 2, 3 * max(intensities.max(), peak / stream)
    bottom = speeds.min() / 2
    made = frame(
        f"Roofline of {array.name}: {array.pes} PEs at {array.clock_mhz:g} MHz",
        "useful operations per byte read",
        "useful GOP/s (a multiply-accumulate is 2)",
        440,
        x_axis_type="log",
        y_axis_type="log",
        x_range=(left, right),
        y_range=(bottom, 2 * peak),
    )
    items: list[tuple[str, list[Any]]] = []
    for name, bandwidth, colour in (
        (f"sparse-matrix memories, {sram:,.1f} GB/s", sram, BLUE),
        (f"input stream, {stream:,.1f} GB/s", stream, ORANGE),
    ):
        xs = np.array([left, peak / bandwidth, right])
        line = made.line(xs, np.minimum(peak, bandwidth * xs), line_color=colour, line_width=2)
        items.append((name, [line]))
    for name, key, colour in (
        ("weights resident", "resident", BLUE),
        ("weights loaded with every input", "reloaded", ORANGE),
    ):
        xs, ys = points[key]
        source = models.ColumnDataSource({"x": xs, "y": ys, "name": [layer.name for layer in layers]})
        marks = made.scatter(
            "x", "y", source=source, size=9, fill_color=colour, fill_alpha=0.75, line_color="white", line_width=1
        )
        hover(made, [marks], [("", "@name"), ("GOP/s", "@y{0,0.00}"), ("operations per byte", "@x{0,0.00}")])
        items.append((name, [marks]))
        if len(layers) <= MOST_NAMED:
            made.add_layout(_names([layer.name for layer in layers], xs, ys))
    made.add_layout(
        models.Label(
            x=left,
            y=peak,
            text=f" {peak:,.1f} GOP/s: every PE multiplies in every cycle",
            text_color=INK,
            text_font=FONT,
            text_font_size="11px",
            y_offset=4,
        )
    )
    made.add_layout(models.Span(location=peak, dimension="width", line_color=MUTED, line_dash="dotted"))
    legend_above(made, items)
    return made


def _names(names: Sequence[str], xs: Any, ys: Any) -> Any:
    """The names of points under them; points too close for names of their own share a label."""
    groups: list[list[int]] = []
    for point in np.lexsort((names, xs)).tolist():
        for group in groups:
            if abs(np.log10(xs[point] / xs[group[-1]])) < 0.12 and abs(np.log10(ys[point] / ys[group[-1]])) < 0.12:
                group.append(point)
                break
        else:
            groups.append([point])
    below = [-7]
    for before, group in pairwise(groups):
        # A label whose neighbour stands close goes under it.
        close = xs[group[0]] / xs[before[-1]] < 3 and abs(np.log10(ys[group].min() / ys[before].min())) < 0.2
        below.append(-42 if close and below[-1] == -7 else -7)
    source = models.ColumnDataSource(
        {
            "below": below,
            "x": [xs[group].mean() for group in groups],
            "y": [ys[group].min() for group in groups],
            "text": [", ".join(names[point] for point in group) for group in groups],
        }
    )
    return models.LabelSet(
        x="x",
        y="y",
        text="text",
        source=source,
        y_offset="below",
        text_align="center",
        text_baseline="top",
        text_color=MUTED,
        text_font={"value": FONT},
        text_font_size={"value": "10px"},
    )


def _resident(layers: Sequence[LayerFacts]) -> tuple[Any, Any]:
    """Operations per byte of the sparse-matrix memories and GOP/s, (layers,) each."""
    operations = np.array([2 * layer.metrics.events.useful_macs for layer in layers])
    read = np.array([layer.metrics.events.row_reads * layer.metrics.config.row_bits / 8 for layer in layers])
    nanoseconds = np.array([1000 * layer.metrics.microseconds for layer in layers])
    return operations / np.maximum(read, 1), operations / nanoseconds


def _reloaded(layers: Sequence[LayerFacts]) -> tuple[Any, Any]:
    """The same of the input stream, if it had to load the layer's image for every input."""
    operations = np.array([2 * layer.metrics.events.useful_macs for layer in layers])
    read = np.array([layer.metrics.events.image_bits / 8 for layer in layers])
    words = np.array([layer.metrics.events.image_bits / layer.metrics.config.stream_bits for layer in layers])
    cycles = words + np.array([layer.metrics.cycles for layer in layers])
    nanoseconds = 1000 * cycles / np.array([layer.metrics.config.clock_mhz for layer in layers])
    return operations / read, operations / nanoseconds
