"""sim/commands/area.py: `eie area` as a user runs it."""

import json

import pytest

from model.config import PRESETS
from sim.cli import main
from sim.energy.area import array_area
from sim.energy.area_check import check_area
from sim.energy.technology import load_technology


def test_prints_every_part_and_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["area"]) == 0
    out = capsys.readouterr().out
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    area = array_area(PRESETS["eie64"], load_technology())
    assert out.startswith("eie64, 64 PEs: area in cmos45, an estimate\n")
    for part in ("other logic", "filler cells"):
        assert f"{area.pe_um2[part]:,.0f}" in out
    assert lines["array"].split() == ["array", f"{area.total_pe_um2:,.0f}", f"{area.mm2:.3f}", "100.0", "%"]
    assert "-7.9 %" in lines["pointer read"]
    assert "one factor fitted to it" in lines["PE"]
    assert "-0.0 %" not in out
    assert "outside" not in out


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["area", "--pes", "16", "--set", "sparse_matrix_depth=1048576", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    array = PRESETS["eie64"].with_(pes=16, sparse_matrix_depth=1 << 20)
    technology = load_technology()
    area = array_area(array, technology)
    assert report["config"] == array.to_dict()
    assert report["mm2"] == area.mm2 == pytest.approx(sum(report["parts_mm2"].values()))
    assert report["pe_um2"] == area.pe_um2
    assert report["remarks"] == area.remarks
    assert len(area.remarks) == 1
    assert [row["deviation"] for row in report["check"]] == [row.deviation for row in check_area(technology)]


def test_a_memory_unlike_any_measured_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["area", "--set", "sparse_matrix_depth=1048576"]) == 0
    assert "\nSparse-matrix read: a memory of 8,388,608 bytes, 64 bits wide, lies outside" in capsys.readouterr().out


def test_bad_input_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["area", "--technology", "none.toml"]) == 2
    assert capsys.readouterr() == ("", "error: cannot read none.toml: No such file or directory\n")
