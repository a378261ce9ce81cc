"""sim/installation.py: what is there and what is missing."""

import tomllib
from pathlib import Path

import pytest

from sim.installation import EXTRAS, PROGRAMS, extras, programs


def test_every_extra_of_the_project_says_what_it_is_for(project_root: Path) -> None:
    declared = tomllib.loads((project_root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS) == {"", *declared}


def test_a_package_is_there_missing_or_too_old() -> None:
    listed = ["numpy>=2", 'numpy>=999; extra == "train"', 'no-such-package>=1; extra == "onnx"']
    parts = {part.name: part for part in extras(listed)}
    assert parts["eie"].complete
    assert set(parts["eie"].found) == {"numpy"}
    assert parts["eie"].get == ""
    assert parts["train"].missing[0].startswith("numpy>=999, found ")
    assert parts["onnx"].missing == ("no-such-package",)
    assert parts["onnx"].get == "pip install '.[onnx]'"
    assert parts["fpga"].complete


def test_programs_are_looked_for_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "g++").write_text("#!/bin/sh\n")
    (tmp_path / "g++").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {part.name: part for part in programs()}
    assert set(found) == set(PROGRAMS)
    assert found["g++"].found == {"g++": str(tmp_path / "g++")}
    assert found["iverilog"].missing == ("iverilog",)
    assert found["iverilog"].get == "apt install iverilog"
