"""The Pareto front of a sweep: points that no other beats in time, energy and area at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sim.metrics.figure import Figure
from sim.metrics.tables import columns
from sim.sweep.results import COLUMNS, COSTS, RAN, Row


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A point over all layers of the sweep.

    Parameters
    ----------
    fields : those of its configuration.
    rows : its rows, one per layer; it ran all of them.
    """

    fields: dict[str, Any]
    rows: Sequence[Row]

    def value(self, figure: Figure[Any]) -> float | None:
        """Of all layers together, see `Figure.over`; each ran with its own enlarged memories."""
        return figure.over([row[figure.name] for row in self.rows])

    @cached_property
    def costs(self) -> tuple[float, ...]:
        """Time, energy and area: less is better."""
        return tuple(self.value(figure) or 0.0 for figure in COSTS)


def candidates(rows: Sequence[Row]) -> list[Candidate]:
    """The points that ran every layer of the sweep, in the order of the rows."""
    layers = {row["layer"] for row in rows}
    by_fields: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        by_fields.setdefault(tuple(_fields(row).values()), []).append(row)
    return [
        Candidate(fields=_fields(group[0]), rows=group)
        for group in by_fields.values()
        if len(group) == len(layers) and all(row["status"] == RAN for row in group)
    ]


def pareto_front(found: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other beats: none is as good in time, energy and area and better in one. The fastest first."""
    front: list[Candidate] = []
    for candidate in sorted(found, key=lambda candidate: candidate.costs):  # behind all that could beat it
        if not any(_beats(other.costs, candidate.costs) for other in front):
            front.append(candidate)
    return front


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(mine <= its for mine, its in zip(one, other, strict=True))


def mark_front(rows: Sequence[Row]) -> list[Candidate]:
    """Set ``pareto`` in all rows and return the front."""
    front = pareto_front(candidates(rows))
    for row in rows:
        row["pareto"] = False
    for candidate in front:
        for row in candidate.rows:
            row["pareto"] = True
    return front


def front_payload(front: Sequence[Candidate]) -> list[dict[str, Any]]:
    """The front as JSON."""
    return [
        {
            "config": candidate.fields,
            **{figure.name: candidate.value(figure) for figure in columns("front")},
        }
        for candidate in front
    ]


def varied_fields(rows: Sequence[Row]) -> list[str]:
    """Fields of the configuration that differ among the rows."""
    return [name for name in _fields(rows[0]) if len({row[name] for row in rows}) > 1]


def _fields(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in COLUMNS and name != "layer"}
