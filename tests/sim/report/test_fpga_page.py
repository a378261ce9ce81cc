"""sim/report/fpga_page.py: the page of a committed report, placed or not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sim.cli import main
from sim.report.fpga_page import fpga_page
from sim.report.origin import Provenance
from tests.support.tools.browser import Browser, drawn

MADE = Provenance(command="eie fpga", date="2020-09-13T12:26:40+00:00", versions={"eie": "1 (a)"})
PLAN = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'


@pytest.fixture
def report(project_root: Path) -> dict[str, Any]:
    """Of one PE on an ECP5."""
    found = (json.loads(path.read_text()) for path in sorted((project_root / "docs" / "fpga").glob("*.json")))
    return next(each for each in found if each.get("critical_path"))


def test_the_page_says_what_the_report_says(report: dict[str, Any]) -> None:
    html = fpga_page(report, PLAN, MADE)
    body = html[: html.index('<script type="application/json"')]
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", body))
    assert facts["clock"] == f"{report['fmax_mhz']:.1f} MHz"
    name, used = next(iter(report["used"].items()))
    assert facts[f"of {name}"] == f"{100 * used / report['available'][name]:.1f} %"
    assert f"<td>{report['critical_path'][-1]['ns']:.2f}</td>" in body
    for unit in (*report["pe_units"], *report["array_units"]):
        assert f"<td>{unit}</td>" in body
    assert "data:image/svg+xml;base64," in body
    assert len(re.findall(r'<div id="plot-\d+">', body)) == 2
    unplaced = {**report, "fmax_mhz": None, "critical_path": []}
    html = fpga_page(unplaced, None, MADE)
    assert "not placed" in html
    assert "Critical path" not in html
    assert "<img" not in html


def test_in_a_browser(report: dict[str, Any], tmp_path: Path, chromium: Browser) -> None:
    path = tmp_path / "fpga.html"
    path.write_text(fpga_page(report, PLAN, MADE))
    assert drawn(chromium, path, width=390, dark=True) == 2
    assert chromium.run("return document.querySelector('img.picture').naturalWidth") > 0


def test_a_question_has_no_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["fpga", "--check-inference", "--html", str(tmp_path / "p.html")]) == 2
    assert capsys.readouterr().err == (
        "error: --html is for an array that is synthesised, not for --fit and --check-inference\n"
    )
    assert not list(tmp_path.iterdir())
