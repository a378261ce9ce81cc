"""The Pareto front of a sweep: points that no other beats in time, energy and area at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sim.metrics.figure import Figure
from sim.metrics.tables import columns
from sim.sweep.results import COLUMNS, COSTS, MEASURED, RAN, Row


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A point over all layers of the sweep.

    Parameters
    ----------
    rows : its rows, one per layer; it ran all of them.
    """

    rows: Sequence[Row]

    @property
    def fields(self) -> dict[str, Any]:
        """Those of its configuration."""
        return {name: self.rows[0][name] for name in _names(self.rows[0])}

    def value(self, figure: Figure[Any]) -> float | None:
        """Of all layers together, see `Figure.over`; each ran with its own enlarged memories."""
        return figure.over([row[figure.name] for row in self.rows])

    @property
    def device(self) -> str | None:
        """That it was synthesised for, if it was."""
        return self.rows[0]["device"] or None

    @cached_property
    def costs(self) -> tuple[float, ...]:
        """Time, energy and area: less is better."""
        return tuple(self.value(figure) or 0.0 for figure in COSTS)


def candidates(rows: Sequence[Row]) -> list[Candidate]:
    """The points that ran every layer of the sweep, in the order of the rows."""
    layers = {row["layer"] for row in rows}
    names = varied_fields(rows)
    by_fields: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        by_fields.setdefault(tuple(row[name] for name in names), []).append(row)
    return [
        Candidate(rows=group)
        for group in by_fields.values()
        if len(group) == len(layers) and all(row["status"] == RAN for row in group)
    ]


def pareto_front(found: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other beats: none is as good in time, energy and area and better in one. The fastest first."""
    front: list[Candidate] = []
    best = np.empty((0, len(COSTS)))
    for candidate in sorted(found, key=lambda candidate: candidate.costs):  # behind all that could beat it
        costs = np.array(candidate.costs)
        if not ((best <= costs).all(axis=1) & (best != costs).any(axis=1)).any():
            front.append(candidate)
            best = np.vstack([best, costs])
    return front


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
            **{figure.name: candidate.value(figure) for figure in front_columns(front)},
        }
        for candidate in front
    ]


def front_columns(found: Sequence[Candidate]) -> list[Figure[Any]]:
    """The figures of its table; what synthesis measures only if it did of one of them."""
    return columns("front", *(figure for figure in MEASURED if any(each.value(figure) is not None for each in found)))


def varied_fields(rows: Sequence[Row]) -> list[str]:
    """Fields of the configuration that differ among the rows."""
    if not rows:
        return []
    return [name for name in _names(rows[0]) if len({row[name] for row in rows}) > 1]


def _names(row: Row) -> list[str]:
    return [name for name in row if name not in COLUMNS and name != "layer"]
