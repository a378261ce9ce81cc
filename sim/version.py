"""Which eie this is: the version, and the commit where it runs from a checkout."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SECONDS = 5


def version_text() -> str:
    """ "eie 0.1.0", or "eie 0.1.0 (4c91a8d)" from a checkout, with "+" where files differ from that commit."""
    try:
        number = version("eie")
    except PackageNotFoundError:
        number = "not installed"
    commit = _commit()
    return f"eie {number} ({commit})" if commit else f"eie {number}"


@cache
def _commit() -> str:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=10", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
