"""sim/sweep/executors.py: tasks in this process, in local ones and on a Dask cluster give the same records."""

import os
import signal
from collections.abc import Generator, Sequence

import pytest

import sim.sweep.executors
from model.config import PRESETS
from model.errors import EieError
from sim.sweep.executors import run_locally
from sim.sweep.work import PaperWork, Record, Task, code_digest, run_task


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
