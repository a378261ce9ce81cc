"""sim/baseline/comparison.py: speed-ups of planned times, the layers in which the array is slower, what is printed."""

import json
from collections.abc import Sequence

import pytest

from sim.baseline.comparison import LayerBaseline, paper_us, payload, speed_ups
from sim.baseline.measurement import Form, Timing
from sim.commands.baseline import COLUMNS, ENERGY_COLUMNS, show
from sim.paper import PAPER_LAYERS
from sim.terminal.output import Output


def timing(
    us: float, *, form: Form = "dense", batch: int = 1, threads: int | None = 1, microjoules: float | None = None
) -> Timing:
    return Timing(
        library="numpy" if form == "dense" else "scipy",
        form=form,
        batch=batch,
        threads=threads,
        runs=9,
        median_us=us,
        lower_quartile_us=us * 0.9,
        upper_quartile_us=us * 1.1,
        minimum_us=us * 0.5,
        maximum_us=us * 2,
        microjoules=microjoules,
        watts=None if microjoules is None else 73.0,
    )


def baseline(name: str, array_us: float, timings: Sequence[Timing]) -> LayerBaseline:
    return LayerBaseline(layer=PAPER_LAYERS[name], weights=1, enlarged={}, array_us=array_us, timings=timings)


@pytest.fixture
def baselines() -> list[LayerBaseline]:
    return [
        baseline("Alex-7", 10, [timing(40), timing(5, form="CSR", batch=64)]),
        baseline("NT-We", 20, [timing(20), timing(10, form="CSR", batch=64)]),
        baseline("NT-Wd", 30, [timing(480), timing(240, form="CSR", batch=64)]),
    ]


def test_speed_ups_show_the_corners_in_which_the_array_is_slower(baselines: list[LayerBaseline]) -> None:
    rows = {row.against: row for row in speed_ups(baselines)}
    dense, csr = rows["numpy dense, batch 1, 1 thread"], rows["scipy CSR, batch 64, 1 thread"]
    assert dense.mean == pytest.approx((4 * 1 * 16) ** (1 / 3))
    assert dense.us == pytest.approx((40 * 20 * 480) ** (1 / 3))
    assert (dense.least, dense.least_layer, dense.most, dense.most_layer) == (1, "NT-We", 16, "NT-Wd")
    assert dense.slower == []
    assert csr.mean == pytest.approx((0.5 * 0.5 * 8) ** (1 / 3))
    assert csr.slower == ["Alex-7", "NT-We"]


def test_the_papers_columns_come_last(baselines: list[LayerBaseline]) -> None:
    rows = speed_ups(baselines)
    assert [row.against for row in rows] == [
        "numpy dense, batch 1, 1 thread",
        "scipy CSR, batch 64, 1 thread",
        *(
            f"paper's {name} {form}, batch {batch}"
            for name, batch in [("i7-5930K", 1), ("i7-5930K", 64), ("Titan X", 1), ("Titan X", 64)]
            for form in ("dense", "CSR")
        ),
    ]
    assert rows[4].mean == pytest.approx((188.9 / 10 * 28.7 / 20 * 69.0 / 30) ** (1 / 3))
    assert rows[8].mean == pytest.approx((8.9 / 10 * 3.2 / 20 * 2.3 / 30) ** (1 / 3))
    assert rows[8].slower == ["Alex-7", "NT-We", "NT-Wd"]


def test_the_paper_has_two_batches() -> None:
    layer = PAPER_LAYERS["VGG-6"]
    assert paper_us(layer, "cpu", 1, "dense") == 35022.8
    assert paper_us(layer, "gpu", 64, "CSR") == 121.5
    assert paper_us(layer, "cpu", 2, "CSR") is None
    rows = speed_ups([baseline("VGG-6", 1, [timing(2, batch=2, threads=4)])])
    assert [row.against for row in rows] == ["numpy dense, batch 2, 4 threads"]


def test_a_table_per_batch_and_threads(baselines: list[LayerBaseline], capsys: pytest.CaptureFixture[str]) -> None:
    show(Output(as_json=False), baselines, "cpu")
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["batch", "1,", "1", "thread"]
    assert lines[1] == " ".join(COLUMNS).split()
    row = next(line for line in lines if line[:1] == ["NT-Wd"])
    assert row == [
        "NT-Wd",
        "numpy",
        "dense",
        "9",
        "480.0",
        "432.0",
        "..",
        "528.0",
        "240.0",
        "..",
        "960.0",
        "1,361.4",
        "30.0",
        "16x",
    ]
    assert "batch 64, 1 thread" in out.splitlines()
    assert out.count("Alex-7, NT-We") == 1
    assert "W" not in lines[1]


def test_everything_slower_is_said_so_and_a_gpu_has_no_threads(capsys: pytest.CaptureFixture[str]) -> None:
    both = [baseline(name, 10, [timing(5, threads=None)]) for name in ("Alex-7", "NT-We")]
    show(Output(as_json=False), both, "gpu")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "batch 1"
    assert next(line for line in lines if line.startswith("numpy dense, batch 1 ")).split()[-2:] == ["all", "2"]


def test_energy_has_columns_where_it_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    timings = [timing(5, microjoules=1234.4), timing(6, form="CSR")]
    show(Output(as_json=False), [baseline("Alex-7", 10, timings)], "cpu")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1][-2:] == ENERGY_COLUMNS
    assert next(line for line in lines if line[1:2] == ["numpy"])[-2:] == ["1,234", "73"]
    assert next(line for line in lines if line[1:2] == ["scipy"])[-1] == "0.60x"


def test_payload_holds_the_same_as_plain_values(baselines: list[LayerBaseline]) -> None:
    result = json.loads(json.dumps(payload(baselines, "cpu"), allow_nan=False))
    first = result["layers"][0]
    assert (first["name"], first["shape"], first["array_us"]) == ("Alex-7", [4096, 4096], 10)
    assert first["timings"][0]["speed_up"] == 4
    assert [item["paper_us"] for item in first["timings"]] == [6187.1, 682.1]
    assert [row["against"] for row in result["speed_ups"]] == [row.against for row in speed_ups(baselines)]
