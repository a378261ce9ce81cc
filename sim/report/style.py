"""The look of a report's plots: one frame, one set of colours, the tooltips."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.energy.components import COMPONENTS

plotting: Any = import_module("bokeh.plotting")
models: Any = import_module("bokeh.models")

INK, MUTED, RULE, AXIS = "#1f2933", "#616e7c", "#e4e7eb", "#9aa5b1"
# What stands for these where the reader's system is dark; plots have no background of their own.
DARK = {INK: "#e4e7eb", MUTED: "#a7b1bc", RULE: "#323f4b", AXIS: "#616e7c"}
BLUE, ORANGE, GREEN, RED, PURPLE, CYAN, BROWN, GREY = (
    *("#2b6cb0", "#dd6b20", "#2f855a", "#c53030", "#805ad5", "#319795", "#975a16", "#a0aec0"),
)
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif"

# Colours by what a figure speaks of, the same in every plot.
PHASES = {
    "broadcasting": BLUE,
    "held up by a full queue": "#90cdf4",
    "draining the queues": ORANGE,
    "writing back": PURPLE,
}
PE_CYCLES = {
    "nonzero weights": BLUE,
    "fillers": CYAN,
    "empty slices": BROWN,
    "waiting for work": "#cbd2d9",
    "writing back": PURPLE,
}
COMPONENT_COLOURS = {component.name: component.colour for component in COMPONENTS.values()}
MOST_IN_A_ROW, LEGEND_COLUMNS = 5, 4  # of a legend in half a page: short names, and any
LOAD = ("#f7fafc", "#bee3f8", "#63b3ed", "#2b6cb0", "#1a365d")  # 0 % to 100 %, evenly


def gradient(stops: Sequence[str] = LOAD, steps: int = 101) -> list[str]:
    """So many colours through the stops, evenly spaced."""
    at = np.linspace(0, len(stops) - 1, steps)
    channels = [[int(stop[first : first + 2], 16) for stop in stops] for first in (1, 3, 5)]
    mixed = [np.interp(at, np.arange(len(stops)), channel).tolist() for channel in channels]
    return ["#" + "".join(f"{round(value):02x}" for value in colour) for colour in zip(*mixed, strict=True)]


def frame(title: str, x_label: str, y_label: str, height: int, **options: Any) -> Any:
    """An empty figure as wide as its place."""
    made = plotting.figure(
        title=title,
        x_axis_label=x_label,
        y_axis_label=y_label,
        height=height,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location=None,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        min_border_right=16,
        **options,
    )
    made.title.text_color, made.title.text_font_size, made.title.text_font = INK, "14px", FONT
    for axis in made.axis:
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_color = axis.major_label_text_color = MUTED
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_font_size, axis.major_label_text_font_size = "12px", "11px"
        axis.axis_line_color = axis.major_tick_line_color = AXIS
        axis.minor_tick_line_color = None
    made.grid.grid_line_color = RULE
    return made


def count_ticks(axis: Any) -> None:
    """Ticks with thousands separators."""
    axis.formatter = models.NumeralTickFormatter(format="0,0.[00]")


def hover(made: Any, renderers: Sequence[Any], tooltips: Sequence[tuple[str, str]]) -> None:
    """Tooltips of these renderers."""
    made.add_tools(models.HoverTool(renderers=list(renderers), tooltips=list(tooltips)))


def legend_above(made: Any, items: Sequence[tuple[str, Sequence[Any]]], columns: int = 0) -> None:
    """A legend over the plot, out of its way."""
    legend = models.Legend(
        items=[(name, list(renderers)) for name, renderers in items],
        orientation="horizontal",
        location="top_left",
        border_line_color=None,
        background_fill_alpha=0,
        label_text_color=INK,
        label_text_font=FONT,
        label_text_font_size="11px",
        label_standoff=4,
        spacing=12,
        padding=0,
        margin=4,
        glyph_height=14,
        glyph_width=14,
    )
    if columns:
        legend.ncols = columns
    made.add_layout(legend, "above")


def stacked_bars(
    title: str,
    names: Sequence[str],
    parts: Mapping[str, NDArray[np.float64]],
    colours: Mapping[str, str],
    x_label: str,
    number: str,
) -> Any:
    """A bar per name, the first on top, made of parts, (names,) each; `number` is the format of a tooltip."""
    columns = len(parts) if len(parts) <= MOST_IN_A_ROW else LEGEND_COLUMNS
    height = 80 + 22 * -(-len(parts) // columns) + 24 * len(names)
    made = frame(title, x_label, "", height, y_range=list(reversed(names)))
    source = models.ColumnDataSource({"name": list(names), **parts})
    left = np.zeros(len(names))
    items: list[tuple[str, list[Any]]] = []
    for part, values in parts.items():
        right = left + values
        source.data[f"{part} from"], source.data[f"{part} to"] = left, right
        bars = made.hbar(
            y="name",
            left=f"{part} from",
            right=f"{part} to",
            height=0.72,
            source=source,
            fill_color=colours[part],
            line_color=None,
        )
        hover(made, [bars], [("", "@name"), (part, f"@{{{part}}}{{{number}}}")])
        items.append((part, [bars]))
        left = right
    made.x_range.start, made.x_range.range_padding = 0, 0.02
    made.ygrid.grid_line_color = None
    count_ticks(made.xaxis[0])
    legend_above(made, items, columns)
    return made
