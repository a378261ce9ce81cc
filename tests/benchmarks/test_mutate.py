"""benchmarks/mutate.py, coverage_report.py and fuzz: the harnesses notice what they are for."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import benchmarks.mutate
from benchmarks.coverage_report import missed_raises, percent
from benchmarks.mutate import EQUIVALENT, KILLED, SURVIVED, Mutant, load, main, run

SOURCE = "def double(x):\n    return 2 * x\n\n\ndef unused(x):\n    return x\n"
TEST = "from code_under_test import double\n\n\ndef test_it():\n    assert double(3) == 6\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code_under_test.py").write_text(SOURCE)
    (tmp_path / "test_it.py").write_text(TEST)
    return tmp_path


def mutant(line: str, fault: str, equivalent: str = "", tests: str = "test_it.py") -> Mutant:
    return Mutant(
        file="code_under_test.py", line=line, fault=fault, why="a fault", tests=[tests], equivalent=equivalent
    )


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (mutant("2 * x", "3 * x"), KILLED),
        (mutant("2 * x", "2 * ("), KILLED),
        (mutant("    return x", "    return -x"), SURVIVED),
        (mutant("    return x", "    return -x", equivalent="nobody calls it"), EQUIVALENT),
        (mutant("2 * x", "3 * x", equivalent="not so"), KILLED),
    ],
)
def test_outcomes(folder: Path, fault: Mutant, outcome: str) -> None:
    assert run(fault, folder)[0] == outcome
    assert (folder / "code_under_test.py").read_text() == SOURCE


def test_a_mutant_that_fits_nowhere(folder: Path) -> None:
    for line, fault in (("3 * x", "x"), ("x", "y"), ("2 * x", "2 * x"), ("2 * x", "2\n* x")):
        with pytest.raises(ValueError, match=r"code_under_test\.py must hold .* once, on one line"):
            run(mutant(line, fault), folder)
    with pytest.raises(RuntimeError, match="pytest ended with"):
        run(mutant("2 * x", "3 * x", tests="missing.py"), folder)
    assert (folder / "code_under_test.py").read_text() == SOURCE


def test_survivors_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = iter([(KILLED, 1.0), (SURVIVED, 1.0), (EQUIVALENT, 1.0)])
    faults = [mutant("a", "b"), mutant("c", "d"), mutant("e", "f", equivalent="it is unused")]
    monkeypatch.setattr(benchmarks.mutate, "load", lambda _: faults)
    monkeypatch.setattr(benchmarks.mutate, "copy_sources", lambda _: None)
    monkeypatch.setattr(benchmarks.mutate, "failure", lambda *_: "")
    monkeypatch.setattr(benchmarks.mutate, "run", lambda *_: next(outcomes))
    assert main([]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "3 mutants: 1 killed, 1 equivalent, 1 survived"
    assert out[1:] == [
        "equivalent: code_under_test.py: a fault: it is unused",
        "survived: code_under_test.py: c -> d (a fault)",
    ]


def test_tests_that_fail_anyway_are_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "test_it.py").write_text("def test_it():\n    assert 2 == 3\n")
    monkeypatch.setattr(benchmarks.mutate, "load", lambda _: [mutant("2 * x", "3 * x")])
    monkeypatch.setattr(
        benchmarks.mutate, "copy_sources", lambda to: [shutil.copy2(path, to) for path in folder.glob("*.py")]
    )
    with pytest.raises(SystemExit, match="2"):
        main([])
    error = capsys.readouterr().err
    assert "the tests must pass without a fault, but" in error
    assert "1 failed" in error


def test_no_faults_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--list", "sw", "--file", "hw/control/loader.py"])
    assert "there are none of hw/control/loader.py in it" in capsys.readouterr().err


def test_every_mutant_of_the_lists_fits_its_file(project_root: Path, tmp_path: Path) -> None:
    mutants = load()
    assert len(mutants) >= 35
    assert len({(each.file, each.line, each.fault) for each in mutants}) == len(mutants)
    for each in mutants:
        copy = tmp_path / each.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((project_root / each.file).read_text())
        each.apply(tmp_path)
        assert each.why
        assert all((project_root / test.split("::")[0]).is_file() for test in each.tests)


def test_coverage_counts_lines_and_raises(tmp_path: Path) -> None:
    (tmp_path / "sw").mkdir()
    (tmp_path / "sw" / "a.py").write_text("def f(x):\n    if x:\n        raise ValueError\n    raise TypeError\n")
    summary = {"covered_lines": 3, "num_statements": 4}
    found: dict[str, Any] = {"files": {"sw/a.py": {"missing_lines": [3], "summary": summary}}}
    (missed,) = missed_raises(found, tmp_path)
    assert (missed.file, missed.line, missed.text) == ("sw/a.py", 3, "raise ValueError")
    assert percent(found, "sw") == 75.0
