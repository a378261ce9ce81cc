"""benchmarks/results.py: docs/results.md says what is computed, and a wrong row is named."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results import BEGIN, END, block, main, markdown
from benchmarks.results_figures import Figure, layer_table, lenet_figures, power_figures, run_layers
from model.errors import EieError
from sim.terminal.output import Output

SMALL_LAYERS = ("Alex-8", "NT-We", "NT-LSTM")
TABLE = [["layer", "useful"], ["*whose*", "ours"], ["Alex-6", "81 %"]]
FIGURES = [Figure("bytes", "6,123", "ours", "`eie inspect`")]
SPEED = Figure("engine", "1 G", "ours", "`bench`", "machine")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("EIE_DATA", raising=False)
    monkeypatch.setattr(results, "compute", lambda data, output: (list(TABLE), list(FIGURES)))
    monkeypatch.setattr(results, "speed_figures", lambda: [SPEED])
    monkeypatch.setattr(results, "machine_sentence", lambda: "a machine")
    path = tmp_path / "results.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return path


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["results", *options])
    return main()


def test_the_page_says_what_is_computed(project_root: Path) -> None:
    table = layer_table(run_layers(lambda _: None, SMALL_LAYERS))
    figures = [*power_figures(), *lenet_figures(None, Output(as_json=True))]
    said = block(project_root / "docs" / "results.md").splitlines()
    wanted = [line for line in markdown(table, figures, "").splitlines() if line.startswith("| ")]
    assert len(wanted) > 12
    missing = [line for line in wanted if line not in said]
    assert missing == [], "python -m benchmarks.results --data DIR --write brings the page up to date"


@pytest.mark.slow
def test_the_page_says_everything_that_is_computed(monkeypatch: pytest.MonkeyPatch, data_folder: Path) -> None:
    assert run(monkeypatch, "--check", "--data", str(data_folder)) == 0


def test_write_replaces_the_block_and_nothing_else(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--write", "--page", str(page)) == 0
    text = page.read_text()
    assert text == f"before\n{BEGIN}\n{markdown(TABLE, [*FIGURES, SPEED], 'a machine')}\n{END}\nafter\n"
    for row in (
        "| Alex-6 | 81 % |",
        "| *whose* | ours |",
        "| bytes | 6,123 | ours | `eie inspect` |",
        "| engine | 1 G",
    ):
        assert row in text
    assert "Timed on: a machine." in text
    assert run(monkeypatch, "--check", "--page", str(page)) == 0


def test_a_wrong_row_is_named(page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "--write", "--page", str(page))
    page.write_text(page.read_text().replace("81 %", "82 %").replace("| 1 G", "| 2 G"))
    capsys.readouterr()
    assert run(monkeypatch, "--check", "--page", str(page)) == 1
    assert capsys.readouterr().err.splitlines()[0] == "results.md has no row | Alex-6 | 81 % |"
    assert run(monkeypatch, "--check", "--json", "--page", str(page)) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["rows"], report["missing"]) == (4, ["| Alex-6 | 81 % |"])


@pytest.mark.parametrize("text", ["", BEGIN + "\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_without_markers_nothing_is_written(
    text: str, page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page.write_text(text)
    for option in ("--write", "--check"):
        assert run(monkeypatch, option, "--page", str(page)) == 2
        expected = f"error: {page} must have the lines {BEGIN} and {END} once, in this order\n"
        assert capsys.readouterr().err == expected
    assert page.read_text() == text


def test_a_missing_file_is_one_sentence(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page.unlink()
    assert run(monkeypatch, "--check", "--page", str(page)) == 2
    assert capsys.readouterr().err == f"error: cannot read {page}: No such file or directory\n"
    with pytest.raises(EieError):
        block(page)


def test_json_has_everything(page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--json", "--page", str(page)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["layers"] == TABLE
    assert [figure["needs"] for figure in found["figures"]] == ["nothing", "machine"]
    assert found["machine"] == "a machine"
