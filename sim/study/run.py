"""The rows of a study on several processes."""

import multiprocessing
import queue
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from model.errors import EieError
from sim.processes import begin_worker
from sim.provenance import remember
from sim.study.rows import Order, Row, Telling, make_row

LOOK_SECONDS = 0.5  # between two looks at what the processes say

Result = tuple[Order, Row | None, str]  # a row, None where another command makes it, or why there is none
Told = Callable[[int, str], None]


def run_rows(orders: Sequence[Order], jobs: int, told: Told, command: Sequence[str] = ()) -> Generator[Result]:
    """Every row as it ends, on `jobs` processes of one row each at a time; with one job in this process, in order.

    Parameters
    ----------
    told : is called with the epochs that were done since, and with what a row does now.
    command : that the rows say they were made by.
    """
    if jobs == 1:
        for order in orders:
            yield _result(order, partial(make_row, order, _Direct(order.stem, told)))
        return
    # Spawned, not forked: this process has threads, of a progress bar and of numpy.
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_begin, initargs=(messages, list(command)), max_tasks_per_child=1
    ) as executor:
        futures: dict[Future[Row | None], Order] = {executor.submit(_row, order): order for order in orders}
        try:
            while futures:
                done = wait(futures, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED).done
                _drain(messages, told)
                for future in done:
                    yield _result(futures.pop(future), future.result)
        finally:
            for future in futures:
                future.cancel()


def _result(order: Order, row: Callable[[], Row | None]) -> Result:
    try:
        return order, row(), ""
    except EieError as error:
        return order, None, str(error)
    except BrokenProcessPool as error:
        raise EieError(
            f"the process that made {order.stem} was killed, perhaps for want of memory; what is done is in "
            f"{order.folder}, wanted another run, with fewer --jobs"
        ) from error


def _drain(messages: Any, told: Told) -> None:
    while True:
        try:
            told(*messages.get_nowait())
        except queue.Empty:
            return


_messages: list[Any] = []  # where this process tells how its row proceeds


def _begin(messages: Any, command: list[str]) -> None:
    begin_worker()
    remember(command)
    _messages.append(messages)


class _Direct(Telling):
    """Tells at once."""

    def __init__(self, stem: str, told: Told):
        self._stem, self._told = stem, told

    def text(self, text: str) -> None:
        self._told(0, f"{self._stem}: {text}")

    def epochs(self, count: int) -> None:
        self._told(count, "")


class _Queued(Telling):
    """Tells the process that waits."""

    def __init__(self, stem: str):
        self._stem = stem

    def text(self, text: str) -> None:
        _messages[-1].put((0, f"{self._stem}: {text}"))

    def epochs(self, count: int) -> None:
        _messages[-1].put((count, ""))


def _row(order: Order) -> Row | None:
    return make_row(order, _Queued(order.stem))
