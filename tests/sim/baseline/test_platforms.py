"""sim/baseline/platforms.py: published times unless a file has measured ones, and how the array compares."""

import json
from pathlib import Path

import pytest

from sim.baseline.files import Measured
from sim.baseline.measurement import Form
from sim.baseline.platforms import COLUMNS, devices, last_row, remarks, rows
from sim.cli import main
from sim.paper import PAPER_LAYERS

LAYERS = [PAPER_LAYERS["Alex-7"], PAPER_LAYERS["NT-We"]]
ARRAY = {"Alex-7": 10.0, "NT-We": 5.0}


def test_without_files_the_published_times_stand_there():
    found = devices(LAYERS, [])
    table = rows(ARRAY, found)
    assert table[0] == ["Alex-7", "10.0", "6,187.1", "1,282.1", "188.9", "682.1", "243.0", "65.8", "8.9", "51.5"]
    assert len(table[1]) == len(COLUMNS) == len(last_row(ARRAY, found))
    assert last_row(ARRAY, found)[6] == f"{(243.0 / 10 * 65.0 / 5) ** 0.5:,.2f}x"
    assert remarks(found)[0].count("published in the EIE paper, Table IV") == 2


def test_a_file_takes_the_place_of_what_is_published():
    times: dict[tuple[str, Form, int], float] = {("Alex-7", "dense", 1): 20.0, ("Alex-7", "CSR", 64): 4.0}
    measured = Measured(kind="gpu", device="Some GPU", date="2026-01-02", times=times)
    found = devices(LAYERS, [measured])
    table = rows(ARRAY, found)
    assert table[0][2:] == ["6,187.1", "1,282.1", "188.9", "682.1", "20.0", "", "", "4.0"]
    assert table[1][6:] == ["", "", "", ""]
    assert last_row(ARRAY, found)[6:] == ["2.00x", "", "", "0.40x"]
    assert "Last four: GPU, Some GPU, measured 2026-01-02." in remarks(found)[0]


def test_the_command_takes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "gpu.json"
    timings = [{"form": "dense", "batch": 1, "median_us": 7.5}]
    layers = [{"name": "NT-We", "timings": timings}]
    path.write_text(json.dumps({"gpu": {"name": "G"}, "machine": {"cpu": "C", "date": "today"}, "layers": layers}))
    assert main(["bench", "--layer", "NT-We", "--gpu", str(path), "--json"]) == 0
    cpu, gpu = json.loads(capsys.readouterr().out)["platforms"]
    assert cpu["source"].endswith("published in the EIE paper, Table IV")
    assert gpu["microseconds"] == [{"layer": "NT-We", "form": "dense", "batch": 1, "us": 7.5}]
    assert main(["bench", "--layer", "NT-We", "--cpu", str(path)]) == 2
    assert "it holds the times of a GPU" in capsys.readouterr().err
