"""benchmarks/random_mutants.py: faults of every kind, each of which is another program, the same for a seed."""

import ast
from pathlib import Path

import pytest

import benchmarks.mutate
from benchmarks.mutate import KILLED, SURVIVED, Mutant, main
from benchmarks.random_mutants import SOURCES, changes, draw, guards_of

SOURCE = """
def run(m, x: int = 3):
    if x < 1:
        raise ValueError(f"wanted {x + 1}")
    with m.If(x == 2):
        y = (x + 4) << x
    while x and y:
        y = y & 7
    return y
    return y
"""


def test_every_kind_of_fault(tmp_path: Path) -> None:
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "unit.py").write_text(SOURCE)
    found = {change.fault.strip() for change in changes(tmp_path, "hw/unit.py")}
    assert found == {
        "def run(m, x: int = 4):",
        "with m.If(x != 2):",
        "with m.If(x == 3):",
        "with m.If((x == 2) == 0):",
        "y = (x - 4) << x",
        "y = (x + 5) << x",
        "y = (x + 4) >> x",
        "while x or y:",
        "while not (x and y):",
        "y = y | 7",
        "y = y & 8",
    }


def test_a_seed_draws_the_same_programs_each_time(project_root: Path) -> None:
    drawn = draw(project_root, 60, 5)
    assert drawn == draw(project_root, 60, 5) != draw(project_root, 60, 6)
    assert {change.file.split("/")[0] for change in drawn} == {"hw", "model", "sw"}
    for change in drawn:
        text = (project_root / change.file).read_text()
        other = text.replace(change.line, change.fault)
        assert ast.dump(ast.parse(other)) != ast.dump(ast.parse(text))
        assert text.count(change.line) == 1
        assert change.tests


def test_tests_are_those_of_the_name_and_those_that_compare(project_root: Path) -> None:
    assert guards_of(project_root, "hw/pe/issue.py") == ["tests/hw/pe/test_issue.py", *SOURCES["hw"]]
    every = {test.split("::")[0] for tests in SOURCES.values() for test in tests}
    assert all((project_root / test).exists() for test in every)


def test_more_than_there_are(project_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--random", "9999", "--file", "hw/pe/issue.py"])
    assert "9999 random faults were wanted, hw/pe/issue.py can have" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--random", "3", "--list", "sw"])


def test_the_share_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = iter([KILLED, SURVIVED, KILLED, KILLED])
    monkeypatch.setattr(benchmarks.mutate, "copy_sources", lambda _: None)
    monkeypatch.setattr(benchmarks.mutate, "failure", lambda *_: "")

    def run(mutant: Mutant, _: Path) -> tuple[str, float]:
        return next(outcomes), 1.0

    monkeypatch.setattr(benchmarks.mutate, "run", run)
    assert main(["--random", "4", "--seed", "2"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("4 mutants: 3 killed, 0 equivalent, 1 survived: 75.0% caught, seed 2\n")
