"""benchmarks/pages: what pages show is what commands print; stale pages, wrong links and missing files are named."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.pages import __main__ as pages
from benchmarks.pages import blocks, figures, picture

# Roots of paths that a page may name; what is not there must have moved.
NAMED = re.compile(r"`((?:hw|model|sw|sim|tests|docs|examples|benchmarks|findings)/[\w./-]*)`")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(blocks, "output", lambda command: "first\nsecond   \nthird\n\n")
    path = tmp_path / "README.md"
    path.write_text('# Page\n<!-- [[[cog show("eie config", first=2) ]]] -->\nold\n<!-- [[[end]]] -->\nafter\n')
    (tmp_path / "docs").mkdir()
    return path


def test_a_block_becomes_the_command_and_its_output(page: Path) -> None:
    assert pages.pages() == [page]
    assert not pages.up_to_date(page, check=True)
    assert "\nold\n" in page.read_text()
    assert pages.up_to_date(page, check=False)
    assert "-->\n```\n$ eie config\nfirst\nsecond\n...\n```\n<!-- [[[end]]] -->\nafter\n" in page.read_text()
    assert pages.up_to_date(page, check=True)


def test_a_block_may_begin_at_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "output", lambda command: "first\nsecond\nthird\n")
    blocks.show("eie energy", after="sec")
    assert capsys.readouterr().out == "```\n$ eie energy\n...\nsecond\nthird\n```\n"
    with pytest.raises(ValueError, match="eie energy printed no line with nothing"):
        blocks.show("eie energy", after="nothing")


def test_what_an_earlier_run_left_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "ROOT", tmp_path)
    monkeypatch.setattr(blocks, "output", lambda command: "")
    (tmp_path / "build").mkdir()
    for name in ("a.csv", "a.csv.journal", "b.csv"):
        (tmp_path / "build" / name).touch()
    blocks.show("eie sweep", fresh="a.csv*")
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["b.csv"]


def test_a_command_that_fails_stops_the_page() -> None:
    with pytest.raises(RuntimeError, match=r"eie inspect nothing\.eie ended with 2: reading nothing\.eie\nerror: "):
        blocks.output("eie inspect nothing.eie")


def test_one_page_is_what_its_commands_print() -> None:
    assert (
        subprocess.run([sys.executable, "-m", "benchmarks.pages", "--check", "--page", "commands.md"]).returncode == 0
    )


def test_the_picture_says_the_numbers_of_the_results(tmp_path: Path) -> None:
    assert picture.up_to_date(check=True)
    said = picture.texts((figures.DOCS / "results.svg").read_text())
    read = figures.load()
    for layer in figures.LAYERS:
        assert layer in said
        for head in ("us", "us, `eie64`", "useful, `balanced64`"):
            assert f"{figures.number(read.layers[layer][head]):.1f}" in said
    stale = tmp_path / "results.svg"
    assert not picture.up_to_date(check=True, path=stale)
    picture.up_to_date(check=False, path=stale)
    assert picture.up_to_date(check=True, path=stale)
    stale.write_text(stale.read_text().replace(">98.3<", ">98.4<"))
    assert not picture.up_to_date(check=True, path=stale)


def test_the_readme_shows_figures_of_the_results(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text().splitlines()
    for row in figures.load().summary():
        assert f"| {' | '.join(row)} |" in readme


def test_results_without_their_tables_are_named() -> None:
    with pytest.raises(ValueError, match=r"docs/results\.md must have two tables, found 1"):
        figures.tables("| a | b |\n|---|---|\n| 1 | 2 |\n")


def test_paths_that_pages_name_are_there(project_root: Path) -> None:
    texts = [project_root / name for name in ("README.md", "CONTRIBUTING.md")]
    texts += sorted((project_root / "docs").rglob("*.md")) + sorted((project_root / "examples").rglob("*.md"))
    named = {(text, path) for text in texts for path in NAMED.findall(text.read_text())}
    assert len(named) > 60
    missing = [f"{text.name}: {path}" for text, path in sorted(named) if not (project_root / path).exists()]
    assert missing == []


def test_links_of_pages_outside_the_site_lead_somewhere(project_root: Path) -> None:
    texts = [project_root / "README.md", project_root / "CONTRIBUTING.md", *(project_root / "examples").rglob("*.md")]
    links = [(text, link) for text in texts for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text.read_text())]
    assert len(links) > 15
    assert [link for text, link in links if "://" not in link and not (text.parent / link).exists()] == []


def test_the_readme_is_short(project_root: Path) -> None:
    assert len((project_root / "README.md").read_text().splitlines()) <= 180


def test_the_python_of_the_readme_prints_what_it_says(project_root: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (project_root / "README.md").read_text(), re.DOTALL)
    said = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert said
    done = subprocess.run([sys.executable, "-c", code], cwd=project_root, capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines(), done.returncode) == (said, 0), done.stderr


def test_the_site_shows_the_whole_python_interface(tmp_path: Path, project_root: Path) -> None:
    eie = import_module("eie")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=project_root, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)
    page = (tmp_path / "api" / "index.html").read_text()
    modules = [home for home in eie.HOMES.values() if ":" not in home]
    wanted = [f"eie.{name}" for name in eie.__all__ if eie.HOMES[name] not in modules]
    wanted += [f"{module}.{name}" for module in modules for name in import_module(module).__all__]
    assert len(wanted) > len(eie.__all__)
    assert [name for name in wanted if f'id="{name}"' not in page] == []
