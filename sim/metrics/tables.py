"""Tables of figures: a row for each layer, a column for each figure that the table has."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim.metrics.figure import Figure, Table
from sim.metrics.metrics import FIGURES, Metrics


def columns(table: Table, *more: Figure[Any]) -> list[Figure[Any]]:
    """The figures of a table in order, and further ones behind them."""
    return [*(figure for figure in FIGURES if table in figure.tables), *more]


def headings(figures: Sequence[Figure[Any]]) -> list[str]:
    """Of the columns."""
    return [figure.heading for figure in figures]


def rows(
    metrics: Mapping[str, Metrics], figures: Sequence[Figure[Any]], total: Metrics | None = None
) -> tuple[list[list[str]], list[str]]:
    """A row of cells for each, its name first; and that of the total, empty without one."""
    everything = [*metrics.values(), *([total] if total else [])]
    made = [figure.cells([figure.get(each) for each in everything]) for figure in figures]
    cells = [[column[row] for column in made] for row in range(len(everything))]
    body = [[name, *cells[row]] for row, name in enumerate(metrics)]
    return body, ["total", *cells[-1]] if total else []


def mean_row(metrics: Sequence[Metrics], figures: Sequence[Figure[Any]]) -> list[str]:
    """The cells of what stands for layers that ran each by itself (`Figure.over`), without a name."""
    return [figure.text(figure.over([figure.get(each) for each in metrics])) for figure in figures]


def markdown() -> str:
    """All figures as a table of the documentation."""
    head = ["| figure | in tables | unit | what it is | the field's word |", "|---|---|---|---|---|"]
    return "\n".join(
        [
            *head,
            *(
                f"| `{figure.name}` | {figure.heading} | {figure.unit} | {figure.meaning} | {figure.term} |"
                for figure in FIGURES
            ),
            "",
        ]
    )
