"""sim/terminal/output.py: tables for people or one JSON object, and nothing else on standard output."""

import io
import json

import pytest

from model.errors import EieError
from sim.provenance import remember
from sim.terminal.output import Output
from sim.text import count, mean, percent, ratio
from sim.version import version_text


def show(output: Output) -> None:
    output.line("a [red] line")
    output.table("a [title]", ["name", "value"], [["[x]", "1"]], ["sum", "2"])
    output.result({"value": 1})
    output.note("a [note]")
    with output.steps("first") as say:
        say("second")
    with output.bar("counting", 2) as advance:
        advance(1)


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    show(Output(as_json=False))
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["a", "[red]", "line"]
    assert ["[x]", "1"] in lines
    assert lines.index(["sum", "2"]) > lines.index(["[x]", "1"])
    assert err.splitlines() == ["a [note]", "first", "second", "counting"]


def test_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    remember(["simulate", "my net.eie", "--json"])
    show(Output(as_json=True))
    found = json.loads(capsys.readouterr().out)
    assert found.pop("made_by") == {"version": version_text(), "command": "eie simulate 'my net.eie' --json"}
    assert found == {"value": 1}


def test_wide_tables_are_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table("t", ["a", "b"], [["x" * 70, "y" * 70]])
    assert f"{'x' * 70}" in capsys.readouterr().out


def test_a_figure_that_is_not_finite_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EieError, match="JSON takes finite numbers"):
        Output(as_json=True).result({"microseconds": float("inf")})
    assert capsys.readouterr().out == ""


def test_long_work_says_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 1.0, 6.0, 7.0, 20.0, 30.0])
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    with Output(as_json=True).bar("counting", 5000) as advance:
        for _ in range(5):
            advance(1000)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "counting",
        "counting: 2,000 of 5,000, 333.3/s, 9 s left",
        "counting: 4,000 of 5,000, 200.0/s, 5 s left",
    ]


def test_numbers() -> None:
    assert (count(12345), mean(1234.56), percent(0.1234), ratio(29.84)) == ("12,345", "1,234.6", "12.3 %", "29.8x")


def test_a_reader_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    with pytest.raises(BrokenPipeError):
        Output(as_json=False).table("a", ["b"], [["c"]])
