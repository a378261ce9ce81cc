"""sim/study/summary.py: several seeds are one line, the front has what nothing beats, CSV has every row."""

import csv
import io
from typing import Any

import pytest

from sim.study.summary import csv_text, simulated_images, summaries

ARRAY = {"pes": 4, "cycles": 10.0, "microseconds": 1.0, "nanojoules": 2.0, "mm2": 0.5, "image_bytes": 100.0}


def row(name: str, size: int, error: float, seed: int | None = 0, **other: Any) -> dict[str, Any]:
    """A row with these figures."""
    result = {"error": 0.01, "ratio": None, "counted": "file"}
    method = {"name": "M", "paper": "P, 2015", "published": result, "target": result, "note": ""}
    figures = {"test_images": 100, "parameters": 12, "weights": 10, "kept": 5, "macs": 20, "ratio": 4.0, "simulated": 2}
    made = {"recipe_sha256": "a", "threads": 1, "made_by": {"version": "eie 1"}, "training_seconds": 60.0}
    errors = {"float32_error": error, "integer_error": error}
    asked = {"name": name, "network": "lenet-5", "seed": seed, "method": method}
    arrays = {"paper": ARRAY, "fitted": None, "verified": None, "refusals": {}}
    return {**asked, **figures, **made, **errors, **arrays, "bytes": size, **other}


def test_the_front_has_what_nothing_beats() -> None:
    rows = [row("a", 100, 0.02), row("b", 100, 0.01), row("c", 50, 0.02), row("d", 200, 0.01), row("e", 50, 0.02)]
    rows += [row("f", 50, 0.03)]  # beaten by what is as small
    assert [each.name for each in summaries(rows) if each.on_front] == ["b", "c", "e"]


def test_seeds_are_one_line() -> None:
    rows = [row("a", 100, 0.02, 1), row("b", 90, 0.05), row("a", 110, 0.01, 0)]
    first, second = summaries(rows)
    assert [each["seed"] for each in first.rows] == [0, 1]
    assert first.mean("bytes") == 105
    assert first.mean("integer_error") == pytest.approx(0.015)
    assert first.spread == pytest.approx(0.005)
    assert second.spread is None
    assert first.minutes() == 1
    assert first.on_array("paper", "cycles") == 10
    assert first.on_array("fitted", "cycles") is None


def test_how_many_images_were_simulated_is_what_the_rows_say() -> None:
    assert simulated_images(summaries([row("a", 1, 0.1), row("b", 1, 0.1)])) == "2"
    assert simulated_images(summaries([row("a", 1, 0.1), row("b", 1, 0.1, simulated=1000)])) == "2 or 1,000"


def test_what_the_rtl_said() -> None:
    assert summaries([row("a", 1, 0.1)])[0].verified == ""
    assert (
        summaries([row("a", 1, 0.1, 0, verified="equal"), row("a", 1, 0.1, 1, verified="equal")])[0].verified == "equal"
    )
    assert summaries([row("a", 1, 0.1, 0, verified="equal"), row("a", 1, 0.1, 1)])[0].verified == "equal, not run"


def test_csv_has_every_row() -> None:
    rows = [row("a", 100, 0.02, 1), row("b", 90, 0.05, None, method=None, training_seconds=None)]
    first, second = csv.DictReader(io.StringIO(csv_text(rows)))
    assert (first["name"], first["seed"], first["bytes"], first["paper_cycles"]) == ("a", "1", "100", "10.0")
    assert (first["fitted_cycles"], first["published_error"], first["published_ratio"]) == ("", "0.01", "")
    assert (first["method"], first["paper_of_method"], first["version"]) == ("M", "P, 2015", "eie 1")
    assert (second["method"], second["seed"], second["training_seconds"]) == ("", "", "")
