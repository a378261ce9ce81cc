"""sim/terminal/sweep_decision.py: limits of a device, its columns, the page, the origin of results; as commands."""

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from model.config import ArrayConfig
from sim.sweep.results import read_results
from sim.synthesis.usage import Usage
from sim.terminal import sweep_usage
from sim.version import version_text
from tests.support.tools.commands import Run, runner

SPACE = ("--layer", "NT-We", "--pes", "16", "--vary", "queue_depth=2,4,8", "--jobs", "1")


@pytest.fixture
def synthesised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ArrayConfig]:
    """The arrays that were synthesised: 1,000 lookup tables for a slot of the queue, 3 block RAMs."""
    found: list[ArrayConfig] = []

    def measure(config: ArrayConfig, _: object) -> Usage:
        found.append(config)
        return Usage(luts=1000 * config.queue_depth, block_rams=3)

    monkeypatch.setenv("EIE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sweep_usage, "measure_usage", measure)
    return found


@pytest.fixture
def eie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


def test_lookup_tables_limit_and_are_columns(eie: Run, synthesised: list[ArrayConfig]) -> None:
    code, out, err = eie("sweep", *SPACE, "-o", "r.csv", "--max-luts", "4000")
    assert code == 0, err
    assert "synthesis of 3 arrays for ecp5-85k (yosys)" in err
    assert [array.queue_depth for array in synthesised] == [2, 4, 8]
    assert out.splitlines()[-3] == (
        "Recommended: queue_depth=4. Of 2 points within --max-luts 4000 it has the least us, 24.88 us; it takes "
        "5,711.6 nJ, 10.70 mm2, 142,084 nJ us, 4,000 LUTs, 3 block RAMs of ecp5-85k."
    )
    options = "--preset eie64 --set pes=16 --set queue_depth=4"
    assert out.splitlines()[-2:] == [
        f"Build it: eie verilog {options} -o build/verilog",
        f"Place and route it: eie fpga --device ecp5-85k {options}",
    ]
    measured = [(row["device"], row["luts"], row["block_rams"]) for row in read_results(Path("r.csv")).rows]
    assert measured == [("ecp5-85k", luts, 3.0) for luts in (2000, 4000, 8000)]
    # The file has them, for other limits too.
    shown = json.loads(eie("sweep", "--show", "r.csv", "--max-brams", "3", "--best", "area", "--json")[1])
    best = shown["recommendation"]
    assert (best["config"]["queue_depth"], best["luts"], best["block_rams"], best["within_limits"]) == ("2", 2000, 3, 3)
    assert len(synthesised) == 3


def test_what_other_limits_leave_out_is_not_synthesised(eie: Run, synthesised: list[ArrayConfig]) -> None:
    code, out, _ = eie("sweep", *SPACE, "-o", "r.csv", "--max-brams", "3", "--min-fps", "41000")
    assert code == 0
    assert [array.queue_depth for array in synthesised] == [8]
    assert "2 of 3 points do not keep the other limits and were not synthesised for ecp5-85k." in out
    assert "2 points were not synthesised and keep no limit on lookup tables or block RAMs." in out
    assert [row["luts"] for row in read_results(Path("r.csv")).rows] == [None, None, 8000]
    assert "Recommended: queue_depth=8. Of 1 points within --min-fps 41000, --max-brams 3 it has" in out


def test_results_without_synthesis_keep_no_such_limit(eie: Run, synthesised: list[ArrayConfig]) -> None:
    assert eie("sweep", *SPACE, "-o", "r.csv")[0] == 0
    assert synthesised == []
    assert eie("sweep", "--show", "r.csv", "--max-luts", "5")[2] == (
        "error: no point of these results was synthesised: sweep again with --max-luts, --max-brams or --device\n"
    )
    assert eie("sweep", "--show", "r.csv", "--device", "ecp5-85k")[0] == 2
    assert eie("sweep", *SPACE, "-o", "s.csv", "--device", "vu9p")[2].startswith("error: no device 'vu9p'; devices: ")
    assert not Path("s.csv.journal").exists()


def test_the_origin_is_a_command_that_gives_the_same_file(eie: Run) -> None:
    assert eie("sweep", *SPACE, "-o", "r.csv", "--best", "area", "--max-mm2", "100")[0] == 0
    with Path("r.csv").open(newline="") as file:
        origins = {(cells["version"], cells["command"]) for cells in csv.DictReader(file)}
    ((version, command),) = origins
    assert version == version_text()
    assert command == ("eie sweep --layer NT-We --seed 1 --vary queue_depth=2,4,8 --preset eie64 --set pes=16")
    assert eie(*shlex.split(command)[1:], "-o", "again.csv")[0] == 0
    assert Path("again.csv").read_bytes() == Path("r.csv").read_bytes()


def without_names(page: Path) -> str:
    """Bokeh numbers its objects on through a process; a command by itself begins at 1."""
    return re.sub(r'"p\d+"', '"p"', page.read_text())


def test_a_page_is_the_same_again(eie: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    code, out, err = eie("sweep", *SPACE, "-o", "r.csv", "--html", "p.html", "--max-mm2", "100")
    assert code == 0, err
    assert out.splitlines()[-1] == "p.html: 3 points. Open it in a browser; it needs no network."
    show = ("sweep", "--show", "r.csv", "--html", "q.html")
    assert eie(*show, "--json")[0] == 0
    first = without_names(Path("q.html"))
    assert eie(*show, "--json")[0] == 0
    assert without_names(Path("q.html")) == first
    assert "2020-09-13T12:26:40+00:00" in first
    assert eie("sweep", "--show", "r.csv", "--html", "r.csv")[0] == 2
    assert eie("sweep", *SPACE, "-o", "r.csv", "--shard", "1/2", "--html", "p.html")[0] == 2
