"""benchmarks/scale_sim.py: what SCALE-Sim is given and what is read from it, without it and without a network."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import scale_sim
from benchmarks.scale_sim import Gemm, environment, read_report, simulate, write_inputs
from model.errors import EieError

GEMM = Gemm(m=1, n=30, k=20, rows=4, columns=8)
REPORT = """LayerID, Total Cycles (incl. prefetch), Total Cycles, Stall Cycles, Overall Util %, Mapping Efficiency %,
0, 67281, 33663, 0, 12.16766182455515, 12.5,
"""


def test_inputs(tmp_path: Path) -> None:
    write_inputs(GEMM, tmp_path)
    config = configparser.ConfigParser()
    config.read(tmp_path / "array.cfg")
    assert config["architecture_presets"]["ArrayHeight"] == "4"
    assert config["architecture_presets"]["ArrayWidth"] == "8"
    assert (tmp_path / "layer.csv").read_text().splitlines()[1] == "layer, 1, 30, 20,"


def test_report() -> None:
    run = read_report(REPORT, "noise\nseconds 1.5 0.5\n")
    assert (run.cycles, run.seconds, run.processor_seconds) == (33663, 1.5, 0.5)
    assert run.utilisation == pytest.approx(0.121676618)


@pytest.mark.parametrize(
    ("report", "out"), [("", "seconds 1 1"), ("a, b,\n1, 2,\n", "seconds 1 1"), (REPORT, "seconds 1")]
)
def test_another_report_is_one_sentence(report: str, out: str) -> None:
    with pytest.raises(EieError, match="wanted"):
        read_report(report, out)


def test_a_simulation_is_run_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = "import pathlib\npathlib.Path('out/run').mkdir(parents=True)\nassert '20' in open('layer.csv').read()\n"
    fake = written + f"open('out/run/COMPUTE_REPORT.csv', 'w').write({REPORT!r})\nprint('seconds', 2.5, 2)\n"
    monkeypatch.setattr(scale_sim, "RUNNER", fake)
    assert simulate(GEMM, Path(sys.executable)).seconds == 2.5


def test_a_failure_is_the_last_line_that_it_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_sim, "RUNNER", "raise ValueError('no such thing')")
    with pytest.raises(EieError, match=r"^SCALE-Sim failed: ValueError: no such thing$"):
        simulate(GEMM, Path(sys.executable))


def test_what_cannot_be_installed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[str], folder: Path) -> str:
        said = "WARNING: Retrying\nERROR: No matching distribution found for scalesim==3.0.0\n"
        raise subprocess.CalledProcessError(1, command, stderr=said)

    monkeypatch.setattr(scale_sim.venv, "create", lambda folder, **_: None)
    folder = tmp_path / "environment"
    with pytest.raises(EieError, match=r"^scalesim==3.0.0 could not be installed into .*: No such file or directory"):
        environment(folder)
    monkeypatch.setattr(scale_sim, "_run", refuse)
    with pytest.raises(EieError, match=r": ERROR: No matching distribution found for scalesim==3\.0\.0$"):
        environment(folder)
    assert not folder.exists()


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "installed").write_text("one\ntwo")
    assert environment(folder, ["one", "two"]) == folder / "bin" / "python"
    made: list[Path] = []

    def create(path: Path, **_: object) -> None:
        made.append(path)

    monkeypatch.setattr(scale_sim.venv, "create", create)
    monkeypatch.setattr(scale_sim, "_run", lambda command, folder: "")
    assert environment(folder, ["one", "three"]) == folder / "bin" / "python"
    assert made == [folder]
    assert (folder / "installed").read_text() == "one\nthree"
