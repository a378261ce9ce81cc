"""One HTML file that needs nothing else: sections of text, tables and plots, and Bokeh's own code inside.

The page is `page.html.j2` beside this, its look `page.css`; here is what they are filled with.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from sim.report.style import DARK, FONT, INK, LOAD, MUTED, RULE

Columns = Literal["whole", "halves", "wide-left"]  # of a row of plots

embed: Any = import_module("bokeh.embed")
resources: Any = import_module("bokeh.resources")

TEMPLATE = "page.html.j2"


class Page:
    """A page that grows from top to bottom; `html` is the file. Whatever text it is given is escaped.

    `generator` : what its head says that it was made by.
    """

    def __init__(self, title: str, lead: str, generator: str) -> None:
        self._title, self._lead, self._generator = title, lead, generator
        self._blocks: list[dict[str, Any]] = []
        self._plots: list[Any] = []

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Figures that stand out: what, how much."""
        self._add("facts", pairs=facts)

    def section(self, title: str, text: str) -> None:
        """A head and a sentence or two."""
        self._add("section", title=title, text=text)

    def note(self, text: str) -> None:
        """A remark in small print."""
        self._add("note", text=text)

    def load_key(self) -> None:
        """What the colours of the loads mean."""
        self._add("load_key")

    def code(self, text: str) -> None:
        """Text as it is."""
        self._add("code", text=text)

    def picture(self, what: str, address: str) -> None:
        """A picture as a data: address, and what it shows."""
        self._add("picture", text=what, address=address)

    def fields(self, fields: Sequence[tuple[str, str]]) -> None:
        """Names and values, several beside each other."""
        self._add("fields", pairs=fields)

    def plots(self, *plots: Any, columns: Columns = "halves") -> None:
        """Plots side by side, each in a column."""
        self._add("plots", columns=columns, numbers=range(len(self._plots), len(self._plots) + len(plots)))
        self._plots += plots

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], total: Sequence[str] = ()
    ) -> None:
        """Rows under a head, the first column to the left, the others to the right."""
        self._add("table", title=title, columns=columns, rows=rows, total=total)

    def html(self) -> str:
        """The whole file."""
        # Bokeh's names of its objects are numbered in the order in which they were made.
        items = [embed.json_item(plot) for plot in self._plots]
        environment = Environment(
            loader=PackageLoader(__package__ or "", "."),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            keep_trailing_newline=True,
        )
        return environment.get_template(TEMPLATE).render(
            title=self._title,
            lead=self._lead,
            generator=self._generator,
            blocks=self._blocks,
            plots=json.dumps(items, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
            library="\n".join(resources.Resources(mode="inline", components=["bokeh"], log_level="error").js_raw),
            ink=INK,
            muted=MUTED,
            rule=RULE,
            font=FONT,
            load=", ".join(LOAD),
            dark=DARK,
        )

    def _add(self, kind: str, **content: Any) -> None:
        self._blocks.append({"kind": kind, **content})
