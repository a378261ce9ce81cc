"""The tasks of a sweep in this process or in local ones; `sim/sweep/cluster.py` has the other place."""

import multiprocessing
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from model.errors import EieError
from sim.processes import begin_worker
from sim.sweep.work import Record, Task, run_task

AHEAD = 4  # tasks for each process that wait for it, so that it need not wait for them

Results = Generator[tuple[Task, Record]]


def run_locally(tasks: Sequence[Task], jobs: int) -> Results:
    """Every task with its record, as they end, on `jobs` processes; with one, in this process and in order."""
    if jobs == 1 or len(tasks) < 2:
        return ((task, run_task(task)) for task in tasks)
    return _run_in_processes(tasks, min(jobs, len(tasks)))


def _run_in_processes(tasks: Sequence[Task], jobs: int) -> Results:
    # Spawned, not forked: this process has threads, of a progress bar and of numpy.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=begin_worker) as executor:
        try:
            yield from completed(executor, tasks, AHEAD * jobs)
        except BrokenProcessPool as error:
            raise EieError(
                "a worker process was killed, perhaps for want of memory; what is done is in the journal, wanted "
                "another run, with fewer --jobs"
            ) from error


def completed(executor: Executor, tasks: Sequence[Task], ahead: int) -> Results:
    """Every task with its record, as they end, `ahead` of them handed out at a time.

    Those that wait are cancelled when nobody wants more.
    """
    left = iter(tasks)
    futures: dict[Future[Record], Task] = {}
    try:
        while True:
            for task in islice(left, ahead - len(futures)):
                futures[executor.submit(run_task, task)] = task
            if not futures:
                return
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                yield futures.pop(future), future.result()
    finally:
        for future in futures:
            future.cancel()
