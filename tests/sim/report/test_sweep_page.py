"""sim/report/sweep_page.py: what the page of a sweep says and draws."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from model.config import PRESETS
from sim.energy.technology import load_technology
from sim.report import sweep_page as module
from sim.report.origin import Provenance
from sim.report.sweep_page import Exploration, sweep_page
from sim.sweep.front import candidates, pareto_front
from sim.sweep.points import points
from sim.sweep.recommend import Limits, recommend
from sim.sweep.results import PointRow, row
from tests.support.tools.browser import Browser, drawn
from tests.support.tools.sweep import record

TECHNOLOGY = load_technology()
MADE = Provenance(command="eie sweep --html <p>.html", date="2020-09-13T12:26:40+00:00", versions={"eie": "1 (a)"})


def rows(costs: Sequence[tuple[int, int]], measured: int = 0) -> list[PointRow]:
    """A point for each pair of cycles and reads, deeper queues one after the other; so many of them synthesised."""
    space = points(PRESETS["eie64"].with_(name="<b>"), {"queue_depth": tuple(range(1, 1 + len(costs)))})
    made = [row(point, "a&b", record(*cost), TECHNOLOGY) for point, cost in zip(space, costs, strict=True)]
    for number, each in enumerate(made[:measured]):
        each.measured("ecp5-85k", 1000 + number, 10)
    return made


def page(made: Sequence[PointRow], limits: Limits) -> str:
    found = candidates(made)
    recommendation = recommend(found, "time", limits) if limits.given else None
    sentences = ["Recommended: <i>.", "Build it: eie verilog --set a=b"] if limits.given else []
    exploration = Exploration(
        rows=made,
        found=found,
        front=pareto_front(found),
        limits=limits,
        recommendation=recommendation,
        sentences=sentences,
    )
    return sweep_page(exploration, MADE, "From <here>.")


# The second and the fourth are behind the first and the third.
COSTS = ((100_000, 1000), (100_000, 2000), (2000, 10**6), (2500, 10**6))


def test_the_page_says_what_was_found() -> None:
    html = page(rows(COSTS, measured=3), Limits(luts=1005, fps=1, mw=10**6, mm2=60, block_rams=12))
    body = html[: html.index('<script type="application/json"')]
    assert re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", body)[:4] == [
        ("combinations", "4"),
        ("ran", "4"),
        ("on the front", "2"),
        ("within the limits", "3"),
    ]
    for text in (
        "<p>Recommended: &lt;i&gt;.</p>",
        "<pre>eie verilog --set a=b</pre>",
        "<pre>eie sweep --html &lt;p&gt;.html</pre>",
        "at most 60 mm2, at most 1e+06 mW, at least 1 inputs a second, at most 1,005 lookup tables, at most 12 block",
        "1 points were not synthesised",
        "From &lt;here&gt;.",
        '<meta name="generator" content="eie 1 (a)">',
        "<dt>name</dt><dd>&lt;b&gt;</dd>",
    ):
        assert text in body, text
    assert len(re.findall(r'<div id="plot-\d+">', body)) == 4  # energy, area, lookup tables, block RAMs
    for words in ("on the front", "behind it", "behind it, beyond a limit", "recommended", "queue_depth=3"):
        assert f'"{words}"' in html, words
    assert html.count('"name":"Span"') == 1 + 2 + 2 + 2  # inputs a second in all, mm2, lookup tables, block RAMs


def test_without_limits_and_synthesis_there_are_two_plots() -> None:
    html = page(rows(COSTS), Limits())
    assert len(re.findall(r'<div id="plot-\d+">', html)) == 2
    assert "No limits were given." in html
    assert '"recommended"' not in html
    assert '"name":"Span"' not in html


def test_a_large_space_leaves_out_points_behind_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 3)
    html = page(rows([(1000 + 10 * number, 10**6) for number in range(9)]), Limits())
    assert "5 points off the front are not drawn." in html
    assert '"queue_depth=1"' in html
    assert '"queue_depth=3"' not in html


def test_nothing_that_ran_is_said_with_the_reason() -> None:
    point = points(PRESETS["eie64"], {})[0]
    html = page([row(point, "L", {"reason": "too <small>"}, TECHNOLOGY)], Limits())
    assert "<td>too &lt;small&gt;</td>" in html
    assert 'id="plot-0"' not in html


def test_in_a_browser(tmp_path: Path, chromium: Browser) -> None:
    path = tmp_path / "sweep.html"
    path.write_text(page(rows(COSTS, measured=4), Limits(luts=1002, mw=2000)))
    for width, dark in ((390, True), (1400, False)):
        assert drawn(chromium, path, width=width, dark=dark) == 4
        titles = chromium.run("return Bokeh.documents.map((each) => each.roots()[0].title.text_color)")
        assert set(titles) == {"#e4e7eb" if dark else "#1f2933"}
