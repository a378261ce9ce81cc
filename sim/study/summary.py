"""Rows of one recipe with several seeds as one, the front of all, and a CSV of every row."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from sim.study.rows import Row
from sim.text import count
from sim.version import version_text

CSV_FIELDS = (
    *("name", "network", "seed", "float32_error", "integer_error", "test_images", "parameters", "weights", "kept"),
    *("macs", "bytes", "ratio", "simulated", "training_seconds", "threads", "verified", "recipe_sha256"),
)
CSV_ARRAYS = ("pes", "cycles", "microseconds", "nanojoules", "mm2", "image_bytes")


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The rows of one name.

    rows : one for each seed, in order.
    on_front : whether no other has fewer bytes and fewer errors, or one of them with the other equal.
    """

    name: str
    rows: tuple[Row, ...]
    on_front: bool = False

    def mean(self, key: str) -> float:
        """Of a figure that every row has."""
        return mean(row[key] for row in self.rows)

    def on_array(self, array: str, key: str) -> float | None:
        """Mean of a figure on the "paper" array or the "fitted" one; None if some row has none."""
        values = [None if row[array] is None else row[array][key] for row in self.rows]
        known = [value for value in values if value is not None]
        return mean(known) if len(known) == len(values) else None

    def minutes(self) -> float | None:
        """Of training a row, mean; None for files from elsewhere."""
        seconds = [row["training_seconds"] for row in self.rows]
        return None if None in seconds else mean(seconds) / 60

    @property
    def spread(self) -> float | None:
        """Half of what lies between the best and the worst integer error; None with one row."""
        errors = [row["integer_error"] for row in self.rows]
        return (max(errors) - min(errors)) / 2 if len(errors) > 1 else None

    @property
    def method(self) -> dict[str, Any] | None:
        """The [method] table of its recipe."""
        return self.rows[0]["method"]

    @property
    def verified(self) -> str:
        """What the RTL said: "equal" if it did of every row, "" if it was not asked."""
        said = {row["verified"] for row in self.rows}
        return "" if said == {None} else ", ".join(sorted(text or "not run" for text in said))


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """By name, in the order in which names first come, seeds in order; the front is marked."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row["name"], []).append(row)
    found = [
        Summary(name=name, rows=tuple(sorted(group, key=lambda row: -1 if row["seed"] is None else row["seed"])))
        for name, group in by_name.items()
    ]
    points = [(each.mean("bytes"), each.mean("integer_error")) for each in found]
    return [
        Summary(name=each.name, rows=each.rows, on_front=not any(beats(other, point) for other in points))
        for each, point in zip(found, points, strict=True)
    ]


def beats(other: tuple[float, float], point: tuple[float, float]) -> bool:
    """Whether `other` is as small in both and smaller in one."""
    return other != point and other[0] <= point[0] and other[1] <= point[1]


def simulated_images(found: Sequence[Summary]) -> str:
    """How many test images the arrays' figures are means of; rows of different studies may differ."""
    return " or ".join(count(number) for number in sorted({row["simulated"] for each in found for row in each.rows}))


def csv_text(rows: Sequence[Row]) -> str:
    """A line for every row; what a row has not is empty."""
    buffer = io.StringIO()
    arrays = [(array, key) for array in ("paper", "fitted") for key in CSV_ARRAYS]
    results = [(which, key) for which in ("published", "target") for key in ("error", "ratio", "counted")]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        [
            *CSV_FIELDS,
            *("_".join(each) for each in (*arrays, *results)),
            *("method", "paper_of_method", "version"),
        ]
    )
    for row in rows:
        method = row["method"]
        writer.writerow(
            [
                *(row.get(name) for name in CSV_FIELDS),
                *(None if row[array] is None else row[array][key] for array, key in arrays),
                *(None if method is None else method[which][key] for which, key in results),
                *((None, None) if method is None else (method["name"], method["paper"])),
                row["made_by"]["version"] if "made_by" in row else version_text(),
            ]
        )
    return buffer.getvalue()
