"""sim/sweep/results.py: what a row says, and files of rows."""

import csv
from pathlib import Path

import pytest

import sim.sweep.results
from model.config import PRESETS
from model.errors import EieError
from sim.energy.area import array_area
from sim.energy.components import COMPONENTS
from sim.energy.events import Events
from sim.energy.model import EnergyModel
from sim.energy.technology import load_technology
from sim.sweep.points import points
from sim.sweep.results import COLUMNS, ORIGIN, Row, read_results, row, write_rows
from sim.text import as_text
from tests.support.tools.sweep import record

TECHNOLOGY = load_technology()
MADE = {"version": "eie 1.2 (abc+)", "command": "eie sweep --layer \"Alex-7\" --vary 'name=a, b'"}
FORMATS = [".csv", ".parquet"]


def rows() -> list[Row]:
    base = PRESETS["eie64"].with_(name='a "quoted", name\nof two lines')
    space = points(base, {"index_bits": (4, 8), "clock_mhz": (800.0, 0.1)})
    records = [record(1000), record(2000, pointer_depth=25090, activation_depth=600), None, None]
    made = [row(point, "Alex-7", found, TECHNOLOGY) for point, found in zip(space, records, strict=True)]
    made.append(row(space[0], "NT-We", {"reason": "too small"}, TECHNOLOGY))
    return [{**cells, "pareto": number == 0} for number, cells in enumerate(made)]


def test_a_row_is_what_the_point_costs() -> None:
    found = rows()[1]
    array = points(PRESETS["eie64"], {"clock_mhz": (0.1,)})[0].array
    assert array is not None
    array = array.with_(pointer_depth=25090, activation_depth=600)
    events = Events(**record(2000)["events"])
    energy = EnergyModel.of_array(array, TECHNOLOGY).energy(events)
    assert list(found) == ["layer", *array.to_dict(), *COLUMNS]
    assert (found["status"], found["reason"]) == ("ran", None)
    assert found["pointer_depth"] == 16384
    assert found["enlarged"] == "pointer_depth=25090, activation_depth=600"
    assert (found["cycles"], found["microseconds"]) == (2000, 20000)
    assert found["energy_nj"] == energy.total_nj
    names = [f"{name.replace(' ', '_').replace('-', '_').replace('/', '_')}_nj" for name in COMPONENTS]
    assert [found[name] for name in names] == list(energy.nanojoules.values())
    assert found["milliwatts"] == pytest.approx(energy.total_nj / 20000)
    assert found["area_mm2"] == array_area(array, TECHNOLOGY).mm2
    assert found["energy_delay_nj_us"] == pytest.approx(energy.total_nj * 20000)


def test_a_point_that_did_not_run_has_the_reason_and_no_figures() -> None:
    _, _, no_array, _, did_not_fit = rows()
    assert no_array["reason"] == "max_code_length must be between 9 and 16, got 8"
    assert did_not_fit["reason"] == "too small"
    for cells in (no_array, did_not_fit):
        assert cells["status"] == "skipped"
        assert {cells[name] for name in COLUMNS if name not in ("status", "reason", "pareto")} == {None}


@pytest.mark.parametrize("suffix", FORMATS)
def test_rows_come_back_from_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"results{suffix}"
    write_rows(path, rows(), MADE)
    results = read_results(path)
    assert results.origin == MADE
    for found, wrote in zip(results.rows, rows(), strict=True):
        assert list(found) == list(wrote)
        for name, value in wrote.items():
            if COLUMNS.get(name) in (float, bool):
                assert found[name] == value, name
            else:
                assert found[name] == as_text(value), name


@pytest.mark.parametrize("suffix", FORMATS)
def test_equal_rows_are_equal_files(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        write_rows(tmp_path / f"{name}{suffix}", rows(), MADE)
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_other_programs_read_them(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet files need pyarrow, the extra `parquet`")
    write_rows(tmp_path / "results.csv", rows(), MADE)
    write_rows(tmp_path / "results.parquet", rows(), MADE)
    with (tmp_path / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(cells["cycles"]) for cells in table[:2]] == [1000, 2000]
    assert [{name: cells[name] for name in ORIGIN} for cells in table] == [MADE] * len(table)
    assert (table[0]["skip_empty_slices"], table[0]["pareto"], table[2]["cycles"]) == ("false", "true", "")
    assert parquet.read_table(tmp_path / "results.parquet").to_pylist() == [{**cells, **MADE} for cells in rows()]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"results{suffix}"
    write_rows(path, rows(), MADE)
    content = path.read_bytes()
    damaged = [b"", b"\n", b"layer\n", content[: len(content) // 2], content.replace(b"layer", b"Layer"), b"\xff" * 99]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(EieError, match="holds no results of a sweep") as refused:
            read_results(path)
        assert "\n" not in str(refused.value)


def test_a_cell_that_is_no_figure_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_rows(path, rows(), MADE)
    path.write_text(path.read_text().replace(",1000.0,", ",many,", 1))
    with pytest.raises(EieError, match="holds no results of a sweep: could not convert string to float: 'many'"):
        read_results(path)


def test_other_formats_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EieError, match=r"results of a sweep are a \.csv or a \.parquet file, got 'r\.xlsx'"):
        write_rows(Path("r.xlsx"), rows(), MADE)
    monkeypatch.setattr(sim.sweep.results, "imported", lambda name: None)
    with pytest.raises(EieError, match=r"files need pyarrow: pip install 'pyarrow>="):
        write_rows(tmp_path / "r.parquet", rows(), MADE)
    assert not (tmp_path / "r.parquet").exists()


def test_what_synthesis_measured_is_noted(tmp_path: Path) -> None:
    point = points(PRESETS["eie64"], {})[0]
    ran = row(point, "Alex-7", record(2000, pointer_depth=25090, activation_depth=600), TECHNOLOGY)
    assert point.array is not None
    assert ran.array == point.array.with_(pointer_depth=25090, activation_depth=600)
    assert row(point, "NT-We", record(2000), TECHNOLOGY).array == point.array
    assert row(point, "NT-We", {"reason": "too small"}, TECHNOLOGY).array is None
    assert (ran["device"], ran["luts"], ran["block_rams"]) == (None, None, None)
    ran.measured("ecp5-85k", 5066, 52)
    ran.pareto = True
    write_rows(tmp_path / "results.csv", [ran], MADE)
    (found,) = read_results(tmp_path / "results.csv").rows
    assert (found["device"], found["luts"], found["block_rams"]) == ("ecp5-85k", 5066, 52)
