"""benchmarks/bench_row_search.py: before the search it is `eie bench`, and the search is judged by other inputs."""

import json
import sys
from dataclasses import replace

import pytest

from benchmarks import bench_row_search
from benchmarks.bench_row_search import ARRAY, main, measure
from sim.paper import PAPER_LAYERS
from sim.simulation.paper_layers import run_layer

DENSE = replace(PAPER_LAYERS["NT-We"], inputs=300, outputs=200)
SPARSE = replace(PAPER_LAYERS["Alex-8"], inputs=300, outputs=200)


def test_before_the_search_it_is_eie_bench() -> None:
    row = measure(DENSE, ARRAY, 0, 8, 1, lambda _: None)
    assert row["inputs_seen"] == 1
    assert row["before"] == row["after"] == row["before_seen"] == row["after_seen"]
    assert row["before"] == pytest.approx(run_layer(DENSE, ARRAY, 1).metrics.useful_efficiency)


def test_swaps_help_where_every_column_is_active() -> None:
    tried: list[int] = []
    row = measure(DENSE, ARRAY.with_(pes=8, queue_depth=3), 60, 8, 1, tried.append)
    assert row["after"] == row["after_seen"] > row["before"]
    assert sum(tried) == 60


def test_other_inputs_judge_where_they_differ() -> None:
    row = measure(SPARSE, ARRAY, 30, 3, 1, lambda _: None)
    assert row["inputs_seen"] == 3
    assert row["after_seen"] >= row["before_seen"]
    assert row["before"] != row["before_seen"]


def test_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_row_search, "PAPER_LAYERS", {"NT-We": DENSE})
    monkeypatch.setattr(sys, "argv", ["bench_row_search", "--tries", "5", "--json"])
    main()
    found = json.loads(capsys.readouterr().out)
    assert [row["layer"] for row in found["layers"]] == ["NT-We"]
    assert found["tries"] == 5
    monkeypatch.setattr(sys, "argv", ["bench_row_search", "--tries", "5"])
    main()
    assert "…" not in capsys.readouterr().out


def test_what_cannot_be_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_row_search", "--inputs", "0"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.endswith("error: --inputs must be 1 or more, got 0\n")
