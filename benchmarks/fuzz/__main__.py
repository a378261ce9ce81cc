"""`python -m benchmarks.fuzz --minutes N --target all --seed S`: feed readers of files what nobody would write.

Two ways: "coverage" is guided by the code that an input reaches (atheris, libFuzzer); "structure" mutates valid files
and attacks without guidance, and makes their checksums right again. Each target gets its share of the minutes, half for
either way. A crash is written to build/fuzz/ and becomes an attack in tests/attacks once it is mended.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.fuzz.targets import TARGETS

WAYS = ("coverage", "structure")
CRASHES = Path("build/fuzz")


def run(target: str, way: str, seconds: float, seed: int) -> dict[str, Any]:
    """One process for one target and way: executions, seconds, coverage, crashes."""
    CRASHES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        arguments = [target, way, f"{seconds:.0f}", str(seed), folder, str(CRASHES)]
        # What numba compiles can be neither instrumented nor followed.
        environment = {**os.environ, "NUMBA_DISABLE_JIT": str(int(way == "coverage"))}
        command = [sys.executable, "-m", "benchmarks.fuzz.worker", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
        report = Path(folder) / "report.json"
        found: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
    for name, pattern in (("coverage", r"cov: (\d+)"), ("executions", r"number_of_executed_units: (\d+)")):
        if numbers := re.findall(pattern, done.stderr):
            found[name] = int(numbers[-1])
    if done.returncode != 0:
        found["crash"] = [line for line in done.stderr.splitlines() if line.strip()][-12:]
    return {"target": target, "way": way, "executions": 0, "cpu_seconds": 0.0, "coverage": None, **found}


def main() -> int:
    """Run it, print figures, return 1 if anything crashed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="in all [10]")
    parser.add_argument("--target", default="all", help=f"all, or one or more of {', '.join(TARGETS)} with commas")
    parser.add_argument("--way", choices=WAYS, help="[both]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    names = list(TARGETS) if given.target == "all" else given.target.split(",")
    unknown = [name for name in names if name not in TARGETS]
    if unknown or given.minutes <= 0 or given.seed < 0:
        parser.error(f"wanted targets of {', '.join(TARGETS)}, minutes above 0 and a seed of 0 or more")
    ways = [given.way] if given.way else list(WAYS)
    share = 60 * given.minutes / (len(names) * len(ways))
    results: list[dict[str, Any]] = []
    for name in names:
        for way in ways:
            results.append(run(name, way, max(share, 2), given.seed))
            print(_line(results[-1]), file=sys.stderr, flush=True)
    total = sum(result["executions"] for result in results)
    crashes = [result for result in results if "crash" in result]
    cpu = sum(result["cpu_seconds"] for result in results)
    if given.json:
        print(json.dumps({"results": results, "executions": total, "cpu_seconds": cpu, "crashes": len(crashes)}))
    else:
        print(f"{total:,} executions, {cpu / 60:.1f} CPU minutes, {len(crashes)} crashes")
        for result in crashes:
            print(f"\n{result['target']} ({result['way']}):", *result["crash"], sep="\n  ")
    return int(bool(crashes))


def _line(result: dict[str, Any]) -> str:
    reached = "" if result["coverage"] is None else f"{result['coverage']:,} edges"
    crash = "CRASH" if "crash" in result else ""
    executions, cpu = result["executions"], result["cpu_seconds"]
    return f"{result['target']:12} {result['way']:10} {executions:12,} {cpu:8.1f} s  {reached:14} {crash}"


if __name__ == "__main__":
    sys.exit(main())
