"""findings: every script has the form that CONTRIBUTING.md asks for; what it says is checked by running it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "findings"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
RUNNER = FOLDER.parent / "benchmarks" / "findings.sh"


def test_there_are_findings() -> None:
    assert len(SCRIPTS) >= 10


@pytest.mark.parametrize("script", [*SCRIPTS, RUNNER], ids=lambda path: path.stem)
def test_it_is_a_script(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_it_stands_alone(script: Path, project_root: Path) -> None:
    text = script.read_text()
    head = text.split("set -euo pipefail")[0]
    assert head.startswith("#!/usr/bin/env bash\n# ")
    assert "# Seen" in head
    assert "Do: " in head
    installed = re.search(r" install (.*)", text)
    assert installed is not None
    packages = [word for word in installed[1].split() if not word.startswith("-")]
    assert packages
    assert all("==" in package for package in packages)
    assert "trap 'rm -rf \"$folder\"' EXIT" in text
    assert not re.search(r"\b(import|from) (eie|hw|model|sim|sw)\b", text)
    assert f"`findings/{script.name}`" in (project_root / "docs" / "pitfalls.md").read_text()


def test_run_names_what_no_longer_holds(tmp_path: Path) -> None:
    runner = tmp_path / "benchmarks" / RUNNER.name
    scripts = {runner: RUNNER.read_text()}
    for name, code in (("holds", 0), ("changed", 1)):
        scripts[tmp_path / "findings" / f"{name}.sh"] = f"#!/usr/bin/env bash\nexit {code}\n"
    for path, text in scripts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    done = subprocess.run([str(runner)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == "== changed\n== holds\n2 findings, 1 no longer as written: changed\n"
    assert subprocess.run([str(runner), "holds"], stdout=subprocess.DEVNULL, check=False).returncode == 0
