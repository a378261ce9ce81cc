"""The tasks of a sweep in this process or in local ones; `sim/sweep/cluster.py` has the other place."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from model.errors import EieError
from sim.sweep.work import Record, Task, run_task

Results = Generator[tuple[Task, Record]]


def run_locally(tasks: Sequence[Task], jobs: int) -> Results:
    """Every task with its record, as they end, on `jobs` processes; with one, in this process and in order."""
    if jobs == 1 or len(tasks) < 2:
        return ((task, run_task(task)) for task in tasks)
    return _run_in_processes(tasks, min(jobs, len(tasks)))


def _run_in_processes(tasks: Sequence[Task], jobs: int) -> Results:
    # Spawned, not forked: this process has threads, of a progress bar and of numpy.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker) as executor:
        try:
            yield from completed(executor, tasks)
        except BrokenProcessPool as error:
            raise EieError(
                "a worker process was killed, perhaps for want of memory; what is done is in the journal, wanted "
                "another run, with fewer --jobs"
            ) from error


def completed(executor: Executor, tasks: Sequence[Task]) -> Results:
    """Every task with its record, as they end; the others are cancelled when nobody wants more."""
    futures = {executor.submit(run_task, task): task for task in tasks}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def _begin_worker() -> None:
    """Leave an interrupt to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
