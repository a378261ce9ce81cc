"""`python -m benchmarks.mutate`: break one line at a time; some test must notice.

The faults are in `benchmarks/mutants/*.toml`, each with the tests that should fail:

    [[mutant]]
    file = "sw/coding/huffman.py"
    line = "    return symbol + 1"        # a stretch of one line that occurs once in the file
    fault = "    return symbol"
    why = "the first codeword is skipped"
    tests = ["tests/sw/coding/test_huffman.py"]
    equivalent = "why no test can notice"  # only where that is so; such a mutant is expected to survive

With `--random N --seed S` the faults are drawn instead (`benchmarks/random_mutants.py`). What becomes of those says
how many faults that nobody thought of are caught; equivalent ones are among the others.

Every mutant is applied in a temporary copy of the sources, and undone. Before the first, the tests must pass: one that
fails anyway would notice every fault.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.random_mutants import draw

ROOT = Path(__file__).resolve().parent.parent
LISTS = ROOT / "benchmarks" / "mutants"
COPIED = ("hw", "model", "sim", "sw", "tests", "benchmarks", "examples", "docs", "pyproject.toml", "README.md")
FAILED = (1, 2)  # pytest's exit codes: a test failed, or could not be imported
TIMEOUT = 600  # seconds, after which a test that never ends counts as failed
KILLED, SURVIVED, EQUIVALENT = "killed", "survived", "equivalent"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault of one line."""

    file: str
    line: str
    fault: str
    why: str
    tests: Sequence[str]
    equivalent: str = ""

    def apply(self, folder: Path) -> str:
        """Put the fault into the file and return what it held; ValueError unless the line is there once."""
        path = folder / self.file
        text = path.read_text()
        if text.count(self.line) != 1 or self.line == self.fault or "\n" in self.line + self.fault:
            raise ValueError(f"{self.file} must hold {self.line!r} once, on one line; found {text.count(self.line)}")
        path.write_text(text.replace(self.line, self.fault))
        return text


def load(names: Sequence[str] = ()) -> list[Mutant]:
    """The mutants of the lists of these names, without names of all."""
    paths = [path for path in sorted(LISTS.glob("*.toml")) if not names or path.stem in names]
    return [Mutant(**table) for path in paths for table in tomllib.loads(path.read_text())["mutant"]]


def copy_sources(folder: Path) -> None:
    """A copy of what the tests need, without caches; data and the environment stay where they are."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, folder / name)


def failure(tests: Sequence[str], folder: Path, timeout: float | None = None) -> str:
    """What pytest says last of tests that fail, or take longer, in the copy in `folder`; nothing if they pass."""
    environment = {**os.environ, "EIE_DATA": os.environ.get("EIE_DATA", str(ROOT.parent / "shared" / "data"))}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a fault may keep the size and, within a second, the time of a file
    environment["EIE_HYPOTHESIS_PROFILE"] = "unshrunk"
    command = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        return f"longer than {timeout} s"
    if done.returncode not in (0, *FAILED):
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-500:].decode()}")
    return done.stdout[-500:].decode() if done.returncode else ""


def run(mutant: Mutant, folder: Path) -> tuple[str, float]:
    """What became of the mutant in the copy in `folder`, and seconds."""
    start = time.monotonic()
    text = mutant.apply(folder)
    try:
        failed = bool(failure(mutant.tests, folder, TIMEOUT))
    finally:
        (folder / mutant.file).write_text(text)
    outcome = EQUIVALENT if mutant.equivalent and not failed else KILLED if failed else SURVIVED
    return outcome, time.monotonic() - start


def main(arguments: Sequence[str] | None = None) -> int:
    """Run mutants, print what became of each; 1 if one survived that is not said to be equivalent."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutate", description="Break one line at a time; some test must notice."
    )
    parser.add_argument("--list", action="append", default=[], help="sw, sim, ..: a list [all]; repeatable")
    parser.add_argument("--file", help="only mutants of this source file")
    parser.add_argument("--random", type=int, metavar="N", help="so many drawn from hw, model and sw/image instead")
    parser.add_argument("--seed", type=int, default=0, help="of --random [0]")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    if given.random is not None:
        if given.list or given.random < 1:
            parser.error("--random draws from all sources: wanted no --list, and 1 or more")
        try:
            drawn = draw(ROOT, given.random, given.seed, given.file)
        except ValueError as error:
            parser.error(str(error))
        mutants = [Mutant(**change._asdict()) for change in drawn]
    else:
        mutants = [mutant for mutant in load(given.list) if given.file in (None, mutant.file)]
    if not mutants:
        parser.error(f"a list and a file with faults were wanted; there are none of {given.file or 'any file'} in it")
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_sources(folder)
        print("the tests without a fault ..", file=sys.stderr, flush=True)
        fails = failure(sorted({test for mutant in mutants for test in mutant.tests}), folder)
        if fails:
            parser.error(f"the tests must pass without a fault, but:\n{fails}")
        for number, mutant in enumerate(mutants, start=1):
            outcome, seconds = run(mutant, folder)
            results.append({**asdict(mutant), "outcome": outcome, "seconds": round(seconds, 1)})
            shown = f"{number:3} of {len(mutants)}  {outcome:10} {seconds:5.1f} s  {mutant.file}: {mutant.why}"
            print(shown, file=sys.stderr, flush=True)
    survivors = [result for result in results if result["outcome"] == SURVIVED]
    equivalent = [result for result in results if result["outcome"] == EQUIVALENT]
    if given.json:
        drawn_by = {} if given.random is None else {"seed": given.seed}
        print(json.dumps({"mutants": results, "survived": len(survivors), "equivalent": len(equivalent), **drawn_by}))
        return int(bool(survivors))
    killed = len(results) - len(survivors) - len(equivalent)
    share = "" if given.random is None else f": {killed / len(results):.1%} caught, seed {given.seed}"
    print(f"{len(results)} mutants: {killed} killed, {len(equivalent)} equivalent, {len(survivors)} survived{share}")
    for result in equivalent:
        print(f"equivalent: {result['file']}: {result['why']}: {result['equivalent']}")
    for result in survivors:
        print(f"survived: {result['file']}: {result['line'].strip()} -> {result['fault'].strip()} ({result['why']})")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
