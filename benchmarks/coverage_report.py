"""`python -m benchmarks.coverage_report`: lines of sw, model and sim that the quick tests reach, and every `raise`.

Functions that numba compiles run as machine code, which is not measured: they are left out (pyproject.toml). What runs
inside a simulator's process is not seen. `--report` shows the last measurement again.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "build" / "coverage"
LEAST = 95.0  # percent of the lines of each package
PACKAGES = ("sw", "model", "sim")


@dataclass(frozen=True)
class Missed:
    """A `raise` that no test reaches."""

    file: str
    line: int
    text: str


def measure() -> None:
    """Run the tests; failures are shown and do not end it, since they are not what is measured."""
    DATA.mkdir(parents=True, exist_ok=True)
    for old in DATA.glob(".coverage*"):
        old.unlink()
    command = [sys.executable, "-m", "pytest", "--cov", "--cov-report=", "-n", "2", "tests"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "COVERAGE_FILE": str(DATA / ".coverage")}, check=False)


def read() -> dict[str, Any]:
    """The measurement as coverage's JSON."""
    report = DATA / "coverage.json"
    command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "COVERAGE_FILE": str(DATA / ".coverage")}, check=True)
    return json.loads(report.read_text())


def missed_raises(found: dict[str, Any], root: Path = ROOT) -> list[Missed]:
    """Every `raise` on a line that was not reached."""
    missed: list[Missed] = []
    for name, file in sorted(found["files"].items()):
        lines = set(file["missing_lines"])
        if not lines:
            continue
        text = (root / name).read_text()
        raises = sorted(each.lineno for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Raise))
        missed += [Missed(name, line, text.splitlines()[line - 1].strip()) for line in raises if line in lines]
    return missed


def percent(found: dict[str, Any], package: str) -> float:
    """Of the lines of a package that were reached."""
    files = [file["summary"] for name, file in found["files"].items() if name.split("/")[0] == package]
    return 100 * sum(file["covered_lines"] for file in files) / sum(file["num_statements"] for file in files)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if a package has too few lines or a `raise` is not reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage_report")
    parser.add_argument("--report", action="store_true", help="show the last measurement again")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    if not given.report:
        measure()
    found = read()
    missed = missed_raises(found)
    shares = {package: percent(found, package) for package in PACKAGES}
    if given.json:
        print(json.dumps({"percent": shares, "missed_raises": [vars(each) for each in missed]}))
    else:
        for package, share in shares.items():
            print(f"{package:6} {share:5.1f} % of the lines")
        for each in missed:
            print(f"not reached: {each.file}:{each.line}: {each.text[:100]}")
    return int(min(shares.values()) < LEAST or bool(missed))


if __name__ == "__main__":
    sys.exit(main())
