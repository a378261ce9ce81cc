"""sim/commands/energy.py: `eie energy` as a user runs it."""

import json
from pathlib import Path

import pytest

from sim.cli import main
from sim.energy.check import check
from sim.energy.technology import DEFAULT_TECHNOLOGY, load_technology


def test_prints_every_figure_with_its_source_and_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["energy"]) == 0
    out = capsys.readouterr().out
    technology = load_technology()
    for figures in technology.figures.values():
        for figure in figures.values():
            assert any(
                f"{figure.value:g} {figure.unit}" in line and line.endswith(figure.source) for line in out.splitlines()
            )
    assert technology.sram_source in out
    for row in check(technology):
        assert any(
            f"{row.model_mw:.3f}" in line and f"{row.paper_mw:.3f}" in line
            for line in out.splitlines()
            if line.startswith(f"{row.part} ")
        )
    assert "+22.2 %" in out
    assert "-0.0 %" not in out
    assert "…" not in out


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["energy", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = check(load_technology())
    assert [row["part"] for row in report["check"]] == [row.part for row in rows]
    assert [row["deviation"] for row in report["check"]] == [row.deviation for row in rows]
    assert report["figures"]["event"]["multiply"]["value"] == 0.6
    assert sum(report["check_units"]["pointer read"].values()) == pytest.approx(
        next(row.model_mw for row in rows if row.part == "pointer read")
    )
    assert len(report["srams"]) == 11
    assert report["check_memories"]["sparse_matrix"] == {"bytes": 131072, "bits": 64}


def test_another_technology_is_another_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    text = DEFAULT_TECHNOLOGY.read_text().replace('"cmos45"', '"mine"').replace("value = 0.6\n", "value = 6\n")
    path.write_text(text)
    assert main(["energy", "--technology", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["technology"] == "mine"
    assert report["figures"]["event"]["multiply"]["value"] == 6
    assert report["check"][0]["model_mw"] == pytest.approx(check(load_technology())[0].model_mw + 5.4 * 0.8)


def test_a_missing_file_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["energy", "--technology", "none.toml"]) == 2
    assert capsys.readouterr() == ("", "error: cannot read none.toml: No such file or directory\n")
