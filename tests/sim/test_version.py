"""sim/version.py: which eie this is."""

import re
import subprocess
from pathlib import Path

from sim.version import version_text


def test_a_checkout_names_its_commit(project_root: Path) -> None:
    command = ["git", "-C", str(project_root), "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    found = re.fullmatch(r"eie \d+\.\d+\.\d+ \(([0-9a-f]{10,})\+?\)", version_text())
    assert found is not None
    assert commit.startswith(found[1])
