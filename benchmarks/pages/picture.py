"""docs/results.svg, the README's picture: the figures of docs/results.md as bars, each with its number.

Run: ``python -m benchmarks.pages --page results.svg``
"""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.pages.figures import DOCS, LAYERS, Figures, lenet_bytes, load, series

NAME = "docs/results.svg"
COLOURS = ("#9aa5b1", "#3b6ea5", "#d9822b")
INK = "#1f2933"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text: it can be read, searched and compared
    "svg.hashsalt": "eie",  # the same drawing gives the same names inside the file
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw(figures: Figures) -> str:
    """The picture as SVG: file sizes, useful share, time, a panel each."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 6.6), layout="constrained")
        grid = figure.add_gridspec(2, 4)
        sizes = lenet_bytes(figures)
        left = figure.add_subplot(grid[0, 0])
        bars(
            left,
            [name for name, _, _ in sizes],
            (
                ("Deep Compression", [paper / 1000 for _, paper, _ in sizes]),
                ("this compressor, whole file", [ours / 1000 for _, _, ours in sizes]),
            ),
            (COLOURS[0], COLOURS[2]),
        )
        left.set_title("bytes of a network, thousands")
        (title, unit, useful), (time_title, time_unit, times) = series(figures)
        for place, name, what, lines, colours in (
            (grid[0, 1:], title, unit, useful, COLOURS[1:]),
            (grid[1, :], time_title, time_unit, times, COLOURS),
        ):
            axes = figure.add_subplot(place)
            bars(axes, LAYERS, lines, colours)
            axes.set_title(f"{name}, {what}")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": "Results of docs/results.md"})
    return "\n".join(line.rstrip() for line in buffer.getvalue().decode().splitlines()) + "\n"


def bars(
    axes: Axes, groups: Sequence[str], lines: Sequence[tuple[str, Sequence[float]]], colours: Sequence[str]
) -> None:
    """Groups of bars with their numbers above them and a legend."""
    width = 0.84 / len(lines)
    for number, ((label, values), colour) in enumerate(zip(lines, colours, strict=True)):
        places = [at - 0.42 + width * (number + 0.5) for at in range(len(groups))]
        drawn = axes.bar(places, values, width * 0.94, label=label, color=colour)
        axes.bar_label(drawn, labels=[f"{value:.1f}" for value in values], fontsize=7, padding=1)
    axes.set_xticks(range(len(groups)), groups)
    axes.margins(y=0.24)
    axes.legend(frameon=False, ncols=len(lines) if len(groups) > 2 else 1, loc="upper right", fontsize=8)


def texts(picture: str) -> list[str]:
    """All text in an SVG, which does not depend on who drew it."""
    return re.findall(r"<text\b[^>]*>([^<]*)</text>", picture)


def up_to_date(*, check: bool, path: Path = DOCS / "results.svg") -> bool:
    """Draw it; with `check`, whether the file says the same numbers and words, else it is written.

    Drawings of two versions of matplotlib differ in their curves, not in their text.
    """
    drawn = draw(load())
    if not check:
        path.write_text(drawn)
        return True
    return path.exists() and texts(path.read_text()) == texts(drawn)
