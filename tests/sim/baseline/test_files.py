"""sim/baseline/files.py: what `eie baseline` wrote is read; anything else is refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.errors import EieError
from sim.baseline.files import read_baseline

MACHINE = {"cpu": "a CPU", "date": "2026-01-01T00:00:00+00:00"}


def timing(form: str, batch: int, median: float) -> dict[str, Any]:
    return {"library": "numpy", "form": form, "batch": batch, "threads": 1, "median_us": median}


def write(path: Path, **changes: Any) -> Path:
    layers = [{"name": "Alex-7", "timings": [timing("dense", 1, 9.0), timing("dense", 1, 7.0), timing("CSR", 64, 2.0)]}]
    path.write_text(json.dumps({"machine": MACHINE, "layers": layers, **changes}))
    return path


def test_the_fastest_of_each_form_and_batch(tmp_path: Path) -> None:
    found = read_baseline(write(tmp_path / "cpu.json"), "cpu")
    assert (found.kind, found.device, found.date) == ("cpu", "a CPU", MACHINE["date"])
    assert found.times == {("Alex-7", "dense", 1): 7.0, ("Alex-7", "CSR", 64): 2.0}


def test_a_gpu_has_its_own_name(tmp_path: Path) -> None:
    assert read_baseline(write(tmp_path / "gpu.json", gpu={"name": "a GPU"}), "gpu").device == "a GPU"


def test_the_other_kind_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "gpu.json", gpu={"name": "a GPU"})
    with pytest.raises(
        EieError, match=r"must be a file that `eie baseline cpu -o` writes, it holds the times of a GPU$"
    ):
        read_baseline(path, "cpu")
    with pytest.raises(EieError, match=r"`eie baseline gpu -o` writes, it holds the times of a CPU$"):
        read_baseline(write(tmp_path / "cpu.json"), "gpu")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff"])
def test_what_is_not_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cpu.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(EieError, match=r"it is not JSON$"):
        read_baseline(path, "cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {"layers": None},
        {"layers": [{"name": "Alex-7"}]},
        {"machine": []},
        {"layers": [{"name": "Alex-7", "timings": [timing("ELL", 1, 1.0)]}]},
        {"layers": [{"name": "Alex-7", "timings": [timing("dense", 1, 0.0)]}]},
        {"layers": [{"name": "Alex-7", "timings": [timing("dense", 1, float("nan"))]}]},
        {"layers": [{"name": "Alex-7", "timings": [timing("dense", 1, float("inf"))]}]},
    ],
)
def test_other_contents(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(EieError, match=r"its contents are others$"):
        read_baseline(write(tmp_path / "cpu.json", **changes), "cpu")


@pytest.mark.parametrize("text", ["1", "[]", '"gpu"', "null"])
def test_json_that_is_no_object(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cpu.json"
    path.write_text(text)
    with pytest.raises(EieError, match=r"its contents are others$"):
        read_baseline(path, "cpu")
