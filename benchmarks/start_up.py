"""How long `eie --help` and `import eie` take, beside another revision, side by side in one run.

    python -m benchmarks.start_up REV

Seconds of processor time, user and system, the least of several runs that take turns. A revision without the front is
asked for its `--help` both times.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 5
HELP = "import sys; from sim.cli import main; sys.exit(main(['--help']))"
FRONT = "import eie"


def seconds(program: str, tree: Path) -> float:
    """Processor time of a program in a tree."""
    before = os.times()
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Print both times, and how many times less they are here."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("revision")
    revision: str = parser.parse_args().revision
    with tempfile.TemporaryDirectory(prefix="start-up-") as temporary:
        tree = Path(temporary) / "tree"
        subprocess.run(["git", "worktree", "add", "--detach", "-f", str(tree), revision], cwd=ROOT, check=True)
        try:
            front = FRONT if (tree / "eie.py").is_file() else HELP
            for what, there, here in (("eie --help", HELP, HELP), ("import eie", front, FRONT)):
                pairs = [(seconds(there, tree), seconds(here, ROOT)) for _ in range(RUNS)]
                old, new = (min(each) for each in zip(*pairs, strict=True))
                print(f"{what}: {old:.2f} s at {revision}, {new:.2f} s here, {new / old:.2f} of it")
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
