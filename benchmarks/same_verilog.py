"""Is the Verilog of all presets the same as at another revision? A refactor of `hw/` shows here that it is one.

    python -m benchmarks.same_verilog REV

Both trees write their Verilog in a process of their own: every preset, and the small one with its debug port and behind
each bus. Ends with 0 if all texts are equal, byte for byte, with 1 if not, with 2 if a tree cannot be asked.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from difflib import unified_diff
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN_LINES = 12  # of a difference
# Runs in either tree, so it asks only for what every revision has.
WRITER = """
import sys
from pathlib import Path
from hw.verilog import verilog_text
from model.config import PRESETS

folder = Path(sys.argv[1])
variants = [(name, {}) for name in PRESETS]
variants += [("tiny4", {"debug": True}), *(("tiny4", {"bus": bus}) for bus in ("axi", "axi-lite", "serial"))]
for name, options in variants:
    place = folder / "-".join([name, *map(str, options.values())])
    place.mkdir()
    for file, text in verilog_text(PRESETS[name], **options).items():
        if file.endswith(".v"):
            (place / file).write_text(text)
"""


class TreeError(Exception):
    """A revision that does not exist, or whose Verilog cannot be written; the message is one sentence."""


def write_tree(tree: Path, folder: Path) -> None:
    """Write the Verilog of the sources in `tree` into the empty `folder`. Raises TreeError."""
    run = subprocess.run(
        [sys.executable, "-c", WRITER, str(folder)], cwd=tree, capture_output=True, text=True, check=False
    )
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or ["no reason"])[-1]
        raise TreeError(f"the Verilog of {tree} cannot be written: {reason}")


def write_revision(revision: str, folder: Path) -> None:
    """Write the Verilog of a revision into the empty `folder`. Raises TreeError."""
    with tempfile.TemporaryDirectory(prefix="same-verilog-") as temporary:
        tree = Path(temporary) / "tree"
        _git("worktree", "add", "--detach", "--force", str(tree), f"{revision}^{{commit}}")
        try:
            write_tree(tree, folder)
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        raise TreeError(f"git {arguments[0]} {arguments[-1]}: {run.stderr.strip().splitlines()[-1]}")


def compare(before: Path, after: Path) -> tuple[list[str], list[str]]:
    """(equal files, a description of each difference) of two folders of variants.

    A variant that is in `after` alone is new and no difference; one that is gone is.
    """
    equal: list[str] = []
    different: list[str] = []
    for variant in sorted(path.name for path in before.iterdir()):
        if not (after / variant).is_dir():
            different.append(f"{variant}: gone")
            continue
        for name in sorted({path.name for side in (before, after) for path in (side / variant).iterdir()}):
            old, new = before / variant / name, after / variant / name
            if not (old.exists() and new.exists()):
                different.append(f"{variant}/{name}: only {'before' if old.exists() else 'after'}")
            elif old.read_bytes() == new.read_bytes():
                equal.append(f"{variant}/{name}")
            else:
                lines = unified_diff(old.read_text().splitlines(), new.read_text().splitlines(), n=0, lineterm="")
                different.append("\n  ".join([f"{variant}/{name}: differs", *islice(lines, 2, 2 + SHOWN_LINES)]))
    return equal, different


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="same_verilog", description="Compare the Verilog of all presets with that of another revision."
    )
    parser.add_argument("revision", help="a commit, branch or tag to compare the working tree with")
    revision = parser.parse_args(arguments).revision
    with tempfile.TemporaryDirectory(prefix="same-verilog-") as temporary:
        before, after = Path(temporary) / "before", Path(temporary) / "after"
        before.mkdir()
        after.mkdir()
        try:
            print(f"writing the Verilog of {revision} and of the working tree", file=sys.stderr)
            write_revision(revision, before)
            write_tree(ROOT, after)
        except TreeError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        equal, different = compare(before, after)
    for difference in different:
        print(difference)
    print(f"{len(equal)} files equal, {len(different)} different")
    return int(bool(different) or not equal)


if __name__ == "__main__":
    sys.exit(main())
