"""The tasks of a sweep on a Dask cluster."""

import asyncio
import logging
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from typing import Any

from model.errors import EieError
from sim.optional import imported
from sim.sweep.executors import Results, completed
from sim.sweep.work import Task
from sw.files import reason

CLUSTER_SECONDS = 20  # to reach a scheduler, and for it to have a worker


def run_on_cluster(tasks: Sequence[Task], address: str) -> Results:
    """Every task with its record, as they end, on the workers of the Dask scheduler at `address`."""
    with _cluster(address) as executor:
        yield from completed(executor, tasks)


@contextmanager
def _cluster(address: str) -> Generator[Executor]:
    distributed: Any = imported("distributed")
    if distributed is None:
        raise EieError("--scheduler wants the extra `cluster` (pip install 'eie[cluster]'); distributed is missing")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said in one sentence
    try:
        # A client that finds no scheduler leaves a thread that complains at the end; a mere connection does not.
        asyncio.run(asyncio.wait_for(_knock(address), CLUSTER_SECONDS))
    except Exception as error:  # whatever comes of an address that is none, or of a peer that is no scheduler
        raise EieError(f"no Dask scheduler can be reached at {address}: {reason(error)}") from error
    with distributed.Client(address, timeout=CLUSTER_SECONDS, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=CLUSTER_SECONDS)
        except TimeoutError as error:
            raise EieError(f"the Dask scheduler at {address} has no workers; wanted one at least") from error
        try:
            yield client.get_executor(pure=False)
        except (distributed.KilledWorker, distributed.CancelledError, CancelledError) as error:
            raise EieError(
                f"the cluster at {address} lost its workers; what is done is in the journal, wanted another run"
            ) from error


async def _knock(address: str) -> None:
    communication: Any = imported("distributed.comm")
    connection = await communication.connect(address, timeout=CLUSTER_SECONDS)
    connection.abort()
