"""One HTML file that needs nothing else: sections of text, tables and plots, and Bokeh's own code inside."""

import json
from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import Any, Literal

from sim.report.style import FONT, INK, LOAD, MUTED, RULE

Columns = Literal["whole", "halves", "wide-left"]  # of a row of plots

embed: Any = import_module("bokeh.embed")
resources: Any = import_module("bokeh.resources")

# No source but the file itself: a browser that follows it sends nothing.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #fff; color: {INK}; font: 15px/1.5 {FONT}; }}
main {{ max-width: 1320px; margin: 0 auto; padding: 28px 28px 48px; }}
h1 {{ font-size: 26px; line-height: 1.25; margin: 0 0 4px; font-weight: 650; overflow-wrap: anywhere; }}
h2 {{ font-size: 19px; margin: 44px 0 4px; padding-top: 18px; border-top: 1px solid {RULE}; font-weight: 650; }}
p {{ margin: 4px 0 12px; max-width: 100ch; }}
.lead, .note, figcaption {{ color: {MUTED}; }}
.note {{ font-size: 13px; }}
.facts {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin: 20px 0 0; }}
.facts div {{ border: 1px solid {RULE}; border-radius: 8px; padding: 10px 14px; }}
.facts dt {{ color: {MUTED}; font-size: 13px; }}
.facts dd {{ margin: 0; font-size: 21px; font-weight: 650; font-variant-numeric: tabular-nums; }}
.fields {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 0 28px; font-size: 13px; }}
.fields div {{ display: flex; justify-content: space-between; gap: 12px; padding: 3px 0;
  border-bottom: 1px solid {RULE}; }}
.fields dt {{ color: {MUTED}; }}
.fields dd {{ margin: 0; font-variant-numeric: tabular-nums; }}
.row {{ display: grid; gap: 8px 28px; margin: 10px 0; }}
.halves {{ grid-template-columns: 1fr 1fr; }}
.wide-left {{ grid-template-columns: 2fr 1fr; }}
.row > div {{ min-width: 0; }}
.scroll {{ overflow-x: auto; margin: 10px 0 16px; }}
table {{ border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; padding: 4px 0; }}
th, td {{ padding: 4px 14px 4px 0; text-align: right; white-space: nowrap; border-bottom: 1px solid {RULE}; }}
th {{ color: {MUTED}; font-weight: 500; }}
th:first-child, td:first-child {{ text-align: left; }}
tr.total td {{ font-weight: 650; }}
pre {{ background: #f5f7fa; border-radius: 8px; padding: 12px 14px; font-size: 13px; white-space: pre-wrap;
  overflow-wrap: anywhere; }}
.key {{ display: inline-block; width: 160px; height: 12px; border-radius: 3px; vertical-align: -1px; margin: 0 6px;
  border: 1px solid {RULE}; background: linear-gradient(to right, {", ".join(LOAD)}); }}
@media (max-width: 900px) {{ .halves, .wide-left {{ grid-template-columns: 1fr; }} }}
@media print {{ h2, .row {{ break-inside: avoid; }} }}
"""

# The number of plots that are drawn stands in the page, for whoever waits for it.
SCRIPT = """
(async () => {
  const plots = JSON.parse(document.getElementById("plots").textContent);
  for (const [number, plot] of plots.entries()) {
    await Bokeh.embed.embed_item(plot, `plot-${number}`);
    document.documentElement.dataset.drawn = `${number + 1}`;
  }
})();
"""

KEY = '<p class="note">share of the time in which a PE works: 0 %<span class="key"></span>100 %</p>'


class Page:
    """A page that grows from top to bottom; `html` is the file."""

    def __init__(self, title: str, lead: str) -> None:
        self._title = title
        self._parts = [f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>']
        self._plots: list[Any] = []

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Figures that stand out: what, how much."""
        cells = "".join(f"<div><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>" for what, value in facts)
        self._parts.append(f'<dl class="facts">{cells}</dl>')

    def section(self, title: str, text: str) -> None:
        """A head and a sentence or two."""
        self._parts.append(f"<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>")

    def note(self, text: str) -> None:
        """A remark in small print."""
        self._parts.append(f'<p class="note">{escape(text)}</p>')

    def load_key(self) -> None:
        """What the colours of the loads mean."""
        self._parts.append(KEY)

    def code(self, text: str) -> None:
        """Text as it is."""
        self._parts.append(f"<pre>{escape(text)}</pre>")

    def fields(self, fields: Sequence[tuple[str, str]]) -> None:
        """Names and values, several beside each other."""
        cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in fields)
        self._parts.append(f'<dl class="fields">{cells}</dl>')

    def plots(self, *plots: Any, columns: Columns = "halves") -> None:
        """Plots side by side, each in a column."""
        cells = "".join(f'<div id="plot-{len(self._plots) + number}"></div>' for number in range(len(plots)))
        self._plots += plots
        self._parts.append(f'<div class="row {columns}">{cells}</div>')

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], total: Sequence[str] = ()
    ) -> None:
        """Rows under a head, the first column to the left, the others to the right."""
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        body = "".join(_row(row) for row in rows) + (_row(total, ' class="total"') if total else "")
        caption = f"<caption>{escape(title)}</caption>" if title else ""
        self._parts.append(
            f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def html(self) -> str:
        """The whole file."""
        # Bokeh's names of its objects are numbered in the order in which they were made.
        items = [embed.json_item(plot) for plot in self._plots]
        data = json.dumps(items, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        library = "\n".join(resources.Resources(mode="inline", components=["bokeh"], log_level="error").js_raw)
        body = "\n".join(self._parts)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self._title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
            f'<script type="application/json" id="plots">{data}</script>\n'
            f"<script>{library}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
        )


def _row(cells: Sequence[str], attributes: str = "") -> str:
    return f"<tr{attributes}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
