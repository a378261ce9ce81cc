"""sim/commands/doctor.py: `eie doctor` as a user runs it."""

import json
from pathlib import Path

import pytest

from sim.cli import main
from sim.commands import doctor
from sim.installation import extras


def test_says_what_is_there_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert text.startswith(f"{report['version']}, Python {report['python']}")
    assert report["extras"]["eie"]["missing"] == []
    assert "numpy" in report["extras"]["eie"]["found"]
    for name, part in (*report["extras"].items(), *report["programs"].items()):
        assert f"\n{name} " in text
        assert bool(part["missing"]) == bool(part["get"])
    assert set(report["simulators"]) == {"icarus", "verilator"}


def test_a_package_that_eie_needs_and_lacks_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "extras", lambda: extras(["no-such-package>=1"]))
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err == "error: eie itself lacks no-such-package: pip install .\n"


def test_a_cache_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EIE_CACHE", str(tmp_path / "file" / "cache"))
    assert main(["doctor"]) == 0
    assert "cannot be written; set EIE_CACHE to a folder that can" in capsys.readouterr().out
