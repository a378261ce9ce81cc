"""Which worker of a cluster runs which tasks. Each is asked first whether it fits; what one loses others run."""

import pickle
import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import EieError
from sim.sweep import worker
from sim.sweep.executors import Results
from sim.sweep.work import Record, Task
from sim.text import count
from sw.files import reason

LOOK_SECONDS = 1.0  # between two looks at which workers there are
SAY_SECONDS = 5.0  # without a worker that can be used, until that is said
FETCH_SECONDS = 30.0  # for an answer that a worker has ready
BATCH_SECONDS = 0.25  # of work that is sent at once
MOST_BATCH = 64  # tasks
AHEAD = 2  # batches that each thread of a worker is given
MOST_LOSSES = 3  # workers that may be lost under a task


class Call:
    """A function of this project with its arguments. When its pickle is loaded it is called, and its answer is there.

    So the scheduler, which unpickles what it hands on, needs no eie.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any):
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


@dataclass
class _Worker:
    threads: int
    batches: int = 0


class Dispatch:
    """Of the tasks of a sweep to the workers of a Dask `client`; see `sim.sweep.cluster.run_on_cluster`."""

    def __init__(self, client: Any, address: str, tasks: Sequence[Task], wait: float, say: Callable[[str], None]):
        self._client, self._address, self._wait, self._say = client, address, wait, say
        self._terms = pickle.dumps(Call(worker.admit, worker.Terms.of(tasks)))
        self._left = deque(tasks)
        self._asked: dict[str, Any] = {}  # by worker: its answer to whether it fits, as a future
        self._workers: dict[str, _Worker] = {}  # those that fit
        self._unfit: dict[str, str] = {}  # why others do not
        self._running: dict[Any, tuple[str, list[Task]]] = {}  # by future
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._losses: Counter[str] = Counter()  # by the key of a task
        self._seconds = BATCH_SECONDS  # that a task takes
        self._looked, self._since, self._said = 0.0, time.monotonic(), False

    def results(self) -> Results:
        """Every task with its record, as they end."""
        try:
            while self._left or self._running:
                self._look()
                self._hand_out()
                self._judge()
                for future in self._ended_now():
                    yield from self._records(future)
        finally:
            for future in (*self._running, *self._asked.values()):
                future.cancel()

    def _look(self) -> None:
        """Ask new workers whether they fit, and give up those that have gone."""
        now = time.monotonic()
        if self._client.status != "running":
            raise EieError(
                f"the Dask scheduler at {self._address} has gone; what is done is in the journal, wanted another run"
            )
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            there: dict[str, int] = self._client.nthreads()
        except (OSError, TimeoutError):
            return  # the next look finds the client's status changed
        for address in there.keys() - self._asked.keys() - self._workers.keys() - self._unfit.keys():
            self._asked[address] = self._submit(self._terms, address)
        for known in (self._asked, self._workers, self._unfit):
            for address in known.keys() - there.keys():
                self._forget(address)
        for address, answer in list(self._asked.items()):
            if answer.done():
                del self._asked[address]
                why = self._answer(answer)
                if why is None:
                    self._workers[address] = _Worker(there[address])
                else:
                    self._leave_out(address, why)

    def _submit(self, payload: bytes, address: str) -> Any:
        return self._client.submit(pickle.loads, payload, workers=[address], allow_other_workers=False, pure=False)

    def _answer(self, future: Any) -> str | None:
        try:
            return future.result(timeout=FETCH_SECONDS)
        except ModuleNotFoundError as error:
            return f"it has no eie like this command's: {reason(error)}"
        except AttributeError:
            return "it has other sources of eie than this command; wanted the same"
        except Exception as error:  # of whatever kind a foreign process raises
            return reason(error)

    def _leave_out(self, address: str, why: str) -> None:
        self._workers.pop(address, None)
        self._unfit[address] = why
        self._say(f"left out worker {address}: {why}")

    def _forget(self, address: str) -> None:
        """A worker that has gone: others run what it had."""
        for known in (self._asked, self._workers, self._unfit):
            known.pop(address, None)
        for future, (where, _) in list(self._running.items()):
            if where == address:
                future.cancel()
                self._lose(future)

    def _lose(self, future: Any) -> None:
        address, tasks = self._running.pop(future)
        self._left.extendleft(reversed(tasks))
        for task in tasks:
            self._losses[task.key] += 1
            if self._losses[task.key] >= MOST_LOSSES:
                raise EieError(
                    f"the cluster at {self._address} lost its workers, {MOST_LOSSES} of them under the same point, "
                    f"{address} the last; what is done is in the journal, wanted workers with more memory"
                )

    def _hand_out(self) -> None:
        threads = sum(each.threads for each in self._workers.values())
        for address, each in self._workers.items():
            while self._left and each.batches < AHEAD * each.threads:
                fair = -(-len(self._left) // (AHEAD * threads))
                size = max(1, min(MOST_BATCH, fair, int(BATCH_SECONDS / max(self._seconds, 1e-6))))
                tasks = [self._left.popleft() for _ in range(min(size, len(self._left)))]
                future = self._submit(pickle.dumps(Call(worker.run_tasks, tasks)), address)
                self._running[future] = address, tasks
                each.batches += 1
                future.add_done_callback(self._ended.put)

    def _ended_now(self) -> Iterator[Any]:
        """Batches that have ended; after a while none."""
        try:
            yield self._ended.get(timeout=LOOK_SECONDS / 2)
            while True:
                yield self._ended.get_nowait()
        except queue.Empty:
            return

    def _records(self, future: Any) -> Iterator[tuple[Task, Record]]:
        if future not in self._running:
            return  # its worker had gone, and others have its tasks
        address, tasks = self._running[future]
        if address in self._workers:
            self._workers[address].batches -= 1
        try:
            records, why, seconds = future.result(timeout=FETCH_SECONDS)
        except Exception:  # the worker died, the scheduler went, or the answer cannot be had any more
            self._lose(future)
            return
        del self._running[future]
        yield from zip(tasks, records, strict=False)
        if why is not None:
            self._left.extendleft(reversed(tasks[len(records) :]))
            if address in self._workers:
                self._leave_out(address, why)
        elif records:
            self._seconds += (seconds / len(records) - self._seconds) / 4

    def _judge(self) -> None:
        """Say that no worker can be used, and end after a while."""
        now = time.monotonic()
        if self._workers:
            self._since, self._said = now, False
            return
        if now - self._since >= self._wait:
            raise EieError(
                f"no worker of the Dask scheduler at {self._address} could be used for {self._wait:g} s: "
                f"{self._missing()}; what is done is in the journal, wanted a worker, or a longer --wait"
            )
        if now - self._since >= SAY_SECONDS and not self._said:
            self._said = True
            self._say(f"waiting {self._wait:g} s for a worker at {self._address}: {self._missing()}")

    def _missing(self) -> str:
        if self._asked:
            return f"{count(len(self._asked))} of its workers have not answered yet"
        if self._unfit:
            address, why = next(iter(self._unfit.items()))
            return f"none of its {count(len(self._unfit))} workers can be used; {address}: {why}"
        return "it has no workers"
