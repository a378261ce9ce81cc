"""Where a user begins: a folder of their own, and an environment with the wheel."""

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.tools.wheel import build_wheel, environment_of

SECONDS = 300  # of a command


class Said(NamedTuple):
    """What a command printed on its two streams."""

    out: str
    err: str


User = Callable[[str], Said]


@pytest.fixture(scope="session")
def programs(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of the environment, `eie` and `python`."""
    wheel = build_wheel(project_root, tmp_path_factory.mktemp("wheel"))
    return environment_of(wheel, tmp_path_factory.mktemp("walk") / "environment")


@pytest.fixture
def user(programs: Path, tmp_path: Path) -> User:
    """Runs a line as a user types it in a folder that is theirs; it must end well."""

    def run(line: str) -> Said:
        command = shlex.split(line)
        own = programs / command[0]
        # Machine code takes longer to compile than all the rest, and Python gives the same numbers.
        environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PATH": f"{programs}:{os.environ['PATH']}"}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            [str(own) if own.exists() else command[0], *command[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return Said(done.stdout, done.stderr)

    return run
