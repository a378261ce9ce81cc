"""Plots in the form of figure 5 of Deep Compression: how often a symbol occurs, and its Huffman code's bits."""

from typing import Any

import numpy as np

from sim.report.file import Histogram
from sim.report.style import FONT, MUTED, ORANGE, frame, hover, legend_above, models

HEIGHT = 250
MOST_LABELS = 8  # under a plot of half a page


def histogram_plot(histogram: Histogram, title: str, x_label: str, colour: str) -> Any:
    """A bar per symbol for how often it occurs, a mark for the bits of its code."""
    shares = 100 * histogram.counts / histogram.counts.sum()
    n = shares.size
    longest = int(histogram.lengths.max())
    made = frame(
        f"{title} - {histogram.mean_bits:.2f} bits each, entropy {histogram.entropy:.2f}",
        x_label,
        "% of entries",
        HEIGHT,
        x_range=(-0.7, n - 0.3),
        y_range=(0, 1.08 * float(shares.max())),
    )
    source = models.ColumnDataSource(
        {
            "at": np.arange(n),
            "label": list(histogram.labels),
            "share": shares,
            "count": histogram.counts.astype(np.float64),
            "bits": histogram.lengths.astype(np.float64),
        }
    )
    bars = made.vbar(x="at", top="share", width=0.8, source=source, fill_color=colour, line_color=None)
    made.extra_y_ranges = {"bits": models.Range1d(0, 1.15 * longest)}
    axis = models.LinearAxis(
        y_range_name="bits",
        axis_label="bits of its code",
        axis_label_text_color=ORANGE,
        axis_label_text_font_style="normal",
        axis_label_text_font_size="12px",
        major_label_text_color=ORANGE,
        major_label_text_font_size="11px",
        axis_label_text_font=FONT,
        major_label_text_font=FONT,
        axis_line_color=MUTED,
        minor_tick_line_color=None,
    )
    made.add_layout(axis, "right")
    bits = made.scatter(
        x="at", y="bits", source=source, y_range_name="bits", size=5 if n > 60 else 7, color=ORANGE, line_color="white"
    )
    hover(made, [bars], [("", "@label"), ("entries", "@count{0,0} (@share{0.00} %)"), ("code", "@bits{0} bits")])
    shown = list(range(0, n, -(-n // MOST_LABELS)))
    made.xaxis[0].ticker = models.FixedTicker(ticks=shown)
    made.xaxis[0].major_label_overrides = {at: histogram.labels[at] for at in shown}
    made.xgrid.grid_line_color = None
    legend_above(made, [("share of entries", [bars]), ("bits of the Huffman code", [bits])])
    return made
