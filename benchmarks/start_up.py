"""How long `eie --help`, `--version`, `import eie` and a first `compress` take, beside another revision, in one run.

    python -m benchmarks.start_up REV [--first N]

Seconds of processor time, user and system, the least of several runs that take turns. A revision without the front is
asked for its `--help` in place of `import eie`. `--first N` times N pairs of a first `eie compress` after installation:
both revisions in trees of their own, byte-compiled, without a cache of machine code.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 5
COMMAND = "import sys; from sim.cli import main; sys.exit(main({}))"
HELP, VERSION = (COMMAND.format([f"--{what}"]) for what in ("help", "version"))
FRONT = "import eie"
NETWORK, INPUTS = "examples/digits_network.safetensors", "examples/digits_inputs.npy"
COMPRESS = ["compress", NETWORK, "--calibrate", INPUTS, "-o"]


def seconds(program: str, tree: Path, **more: str) -> float:
    """Processor time of a program in a tree; `more` for its environment."""
    before = os.times()
    environment = {**os.environ, "PYTHONPATH": str(tree), **more}
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def first_seconds(revision: str) -> float:
    """The same of a first `eie compress` of a revision."""
    with tempfile.TemporaryDirectory(prefix="start-up-") as temporary:
        folder = Path(temporary)
        tree = worktree(folder / "tree", revision)
        try:
            packages = [name for name in ("hw", "model", "sim", "sw") if (tree / name).is_dir()]
            subprocess.run([sys.executable, "-m", "compileall", "-q", *packages], cwd=tree, check=True)
            caches = {name: str(folder / "cache") for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "EIE_CACHE")}
            return seconds(COMMAND.format([*COMPRESS, str(folder / "first.eie")]), tree, **caches)
        finally:
            remove(tree)


def worktree(tree: Path, revision: str) -> Path:
    """A revision, checked out."""
    command = ["git", "worktree", "add", "-q", "--detach", "-f", str(tree), revision]
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return tree


def remove(tree: Path) -> None:
    """A tree that `worktree` made."""
    subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)


def compare(what: str, revision: str, there: Callable[[], float], here: Callable[[], float], runs: int) -> None:
    """Print the least of both, and how many times less it is here."""
    pairs = [(there(), here()) for _ in range(runs)]
    old, new = (min(each) for each in zip(*pairs, strict=True))
    print(f"{what}: {old:.2f} s at {revision}, {new:.2f} s here, {new / old:.2f} of it", flush=True)


def main() -> None:
    """Print the times and how many times less they are here."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("revision")
    parser.add_argument(
        "--first", type=int, default=0, metavar="N", help="pairs of a first compress, of the commit here"
    )
    arguments = parser.parse_args()
    revision: str = arguments.revision
    with tempfile.TemporaryDirectory(prefix="start-up-") as temporary:
        tree = worktree(Path(temporary) / "tree", revision)
        try:
            front = FRONT if (tree / "eie.py").is_file() else HELP
            for what, there, here in (("--help", HELP, HELP), ("--version", VERSION, VERSION), (FRONT, front, FRONT)):
                name = what if what is FRONT else f"eie {what}"
                compare(name, revision, partial(seconds, there, tree), partial(seconds, here, ROOT), RUNS)
        finally:
            remove(tree)
    if arguments.first:
        times = partial(first_seconds, revision), partial(first_seconds, "HEAD")
        compare("first eie compress", revision, *times, arguments.first)


if __name__ == "__main__":
    main()
