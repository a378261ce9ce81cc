"""sim/sweep/executors.py: tasks in this process, in local ones and on a Dask cluster give the same records."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

import sim.sweep.executors
from model.config import PRESETS
from model.errors import EieError
from sim.sweep.executors import run_locally
from sim.sweep.work import PaperWork, Record, Task, code_digest, run_task

SECONDS = 60.0


def tasks(number: int = 3) -> list[Task]:
    work, code = PaperWork("NT-We", 1), code_digest()
    return [
        Task(array=PRESETS["eie64"].with_(queue_depth=1 + depth, activation_depth=64), work=work, code=code)
        for depth in range(number)
    ]


@pytest.fixture(scope="module")
def wanted() -> list[Record]:
    return [run_task(task) for task in tasks()]


def in_order(results: Generator[tuple[Task, Record]]) -> list[Record]:
    found = {task.key: record for task, record in results}
    return [found[task.key] for task in tasks()]


def bad(some: Sequence[Task]) -> list[Task]:
    return [*some, Task(array=some[0].array, work=some[0].work, code="another")]


@pytest.mark.parametrize("jobs", [1, 2])
def test_local_processes(wanted: list[Record], jobs: int) -> None:
    assert in_order(run_locally(tasks(), jobs)) == wanted


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_in_a_worker_is_the_commands(jobs: int) -> None:
    with pytest.raises(EieError, match="a worker has other sources"):
        list(run_locally(bad(tasks(1)), jobs))


def test_a_killed_worker_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.sweep.executors, "run_task", _kill_this_process)
    with pytest.raises(EieError, match="a worker process was killed, perhaps for want of memory"):
        list(run_locally(tasks(), 2))


def _kill_this_process(task: Task) -> Record:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


PARENT = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor
from sim.sweep.executors import _begin_worker
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin_worker)
    print(pool.submit(__import__("os").getpid).result(), flush=True)
    time.sleep(600)
"""


def test_workers_end_with_a_parent_that_was_killed(project_root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=project_root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert _alive(worker)
        parent.kill()
        deadline = time.monotonic() + SECONDS
        while _alive(worker) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _alive(worker)


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
