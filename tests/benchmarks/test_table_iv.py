"""benchmarks/bench_table_iv.py: each experiment changes what it says and nothing else."""

import json
import sys
from dataclasses import replace

import pytest

from benchmarks import bench_table_iv
from benchmarks.bench_table_iv import ARRAY, IDEAL_WITHIN, explain, main, run_with_its_work
from sim.paper import PAPER_LAYERS
from sim.simulation.paper_layers import BenchmarkLayer

SMALL = replace(PAPER_LAYERS["NT-We"], inputs=400, outputs=128, ideal_us=0.25, actual_us=0.3)


def test_its_work_is_the_papers_ideal_time() -> None:
    base = BenchmarkLayer(SMALL, ARRAY.code_bits, 1).run(ARRAY)
    assert base.metrics.ideal_cycles < 100
    density, run = run_with_its_work(SMALL, base, 1)
    assert run.metrics.ideal_cycles == pytest.approx(SMALL.ideal_cycles, rel=IDEAL_WITHIN)
    assert run.layer.weight_density == density > SMALL.weight_density


def test_work_that_is_already_the_papers_is_left_alone() -> None:
    base = BenchmarkLayer(SMALL, ARRAY.code_bits, 1).run(ARRAY)
    same = replace(SMALL, ideal_us=base.metrics.ideal_cycles / 800)
    assert run_with_its_work(same, base, 1) == (SMALL.weight_density, base)


def test_a_deeper_queue_costs_no_cycles_and_uneven_rows_do() -> None:
    row = explain(SMALL, 2)
    assert row["paper"] == pytest.approx(1.2)
    assert row["deeper_queue"] < row["eie64"] < row["rows"]["0.5"]
    assert row["its_work"] < row["eie64"]


def test_json_has_every_layer_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_table_iv, "PAPER_LAYERS", {**PAPER_LAYERS, "NT-We": SMALL})
    monkeypatch.setattr(sys, "argv", ["bench_table_iv", "--layer", "NT-We", "--json", "--seed", "2"])
    main()
    found = json.loads(capsys.readouterr().out)
    assert found["layers"] == [explain(SMALL, 2)]
    assert found["seed"] == 2


def test_a_negative_seed_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_table_iv", "--seed", "-1"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.endswith("error: --seed must be 0 or more, got -1\n")
