"""Run attacks: `python -m tests.attacks [KIND[/NAME] ...] [--json]`; `--write DIR` only writes their files."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.attacks import INDEX
from tests.attacks.commands import COMMANDS
from tests.attacks.runner import as_json, run_all


def index() -> str:
    """What every attack tries, in one line each."""
    lines = ["# Attacks", "", "Written by `python -m tests.attacks --index`.", ""]
    for kind in COMMANDS:
        attacks = [attack for attack in INDEX.values() if attack.kind == kind]
        lines += [f"## {kind}", "", *(f"* `{attack.name}`: {attack.purpose}" for attack in attacks), ""]
    return "\n".join(lines)


def main() -> int:
    """Run, write or list them; 1 if one got through."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("wanted", nargs="*", metavar="KIND[/NAME]", help="which attacks [default: all]")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write the files into this folder, run nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--index", action="store_true", help="write index.md, run nothing")
    given = parser.parse_args()
    if given.index:
        (Path(__file__).parent / "index.md").write_text(index())
        return 0
    chosen = [
        attack
        for attack in INDEX.values()
        if not given.wanted or attack.identity in given.wanted or attack.kind in given.wanted
    ]
    if given.write:
        for attack in chosen:
            folder = given.write / attack.kind
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{attack.name}{Path(COMMANDS[attack.kind][0]).suffix}").write_bytes(attack.make())
        return 0
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run_all(chosen, Path(folder))
    if given.json:
        print(as_json(outcomes))
        return 0
    for identity, outcome in outcomes.items():
        faults = outcome.faults()
        figures = f"{outcome.seconds:6.2f} s {outcome.python_bytes / 1e6:7.2f} {outcome.resident_bytes / 1e6:7.2f} MB"
        print(f"{'FAULT' if faults else 'ok   '} {identity:45} {outcome.size / 1e6:8.3f} MB {figures} {faults or ''}")
        if not faults:
            print(f"        {outcome.err.strip()[:150]}")
    return int(any(outcome.faults() for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
