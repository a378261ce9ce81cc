"""The tasks of a sweep on a Dask cluster: how it is reached."""

import asyncio
import json
import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from model.errors import EieError
from sim.optional import imported
from sim.sweep.dispatch import Dispatch
from sim.sweep.executors import Results
from sim.sweep.work import Task
from sw.extras import pip_install
from sw.files import read_whole, reason

CLUSTER_SECONDS = 20  # to reach a scheduler
WAIT_SECONDS = 300.0  # for a worker that can be used
LARGEST_FILE = 1 << 20  # bytes, of a scheduler file


def run_on_cluster(
    tasks: Sequence[Task], scheduler: str, wait: float = WAIT_SECONDS, say: Callable[[str], None] = lambda text: None
) -> Results:
    """Every task with its record, as they end, on the workers of a Dask scheduler.

    Parameters
    ----------
    scheduler : its address, or the file in which it wrote that.
    wait : seconds without a worker that can be used, after which the sweep ends.
    say : is told of workers that cannot be used, and when none is left.
    """
    address = scheduler_address(scheduler)
    with _client(address) as client:
        yield from Dispatch(client, address, tasks, wait, say).results()


def scheduler_address(scheduler: str) -> str:
    """The address itself, or that in the file of `dask scheduler --scheduler-file`, whose name ends in .json."""
    if not scheduler.endswith(".json"):
        return scheduler
    path = Path(scheduler)
    try:
        content: Any = json.loads(read_whole(path, LARGEST_FILE))
    except (ValueError, RecursionError) as error:
        raise EieError(f"{path} must be the file of a Dask scheduler: {reason(error)}") from error
    address = cast("dict[str, Any]", content).get("address") if isinstance(content, dict) else None
    if not isinstance(address, str):
        raise EieError(f"{path} must be the file of a Dask scheduler, with its address; got none")
    return address


@contextmanager
def _client(address: str) -> Generator[Any]:
    distributed: Any = imported("distributed")
    if distributed is None:
        raise EieError(f"--scheduler needs distributed: {pip_install('cluster')}")
    _silence()
    security = distributed.Security()  # certificates are those of Dask's configuration
    try:
        # A client that finds no scheduler leaves a thread that complains at the end; a mere connection does not.
        asyncio.run(asyncio.wait_for(_knock(address, security.get_connection_args("client")), CLUSTER_SECONDS))
        client = distributed.Client(address, timeout=CLUSTER_SECONDS, set_as_default=False, security=security)
    except Exception as error:  # whatever comes of an address that is none, or of a peer that is no scheduler
        raise EieError(f"no Dask scheduler can be reached at {address}: {reason(error)}{_hint(address)}") from error
    try:
        yield client
    finally:
        client.close(timeout=2)


def _silence() -> None:
    """What goes wrong is said in one sentence. Dask gives each of its loggers a level of its own."""
    for name in ("tornado", "asyncio", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _hint(address: str) -> str:
    if not address.startswith("tls://"):
        return ""
    return "; tls:// wants the certificates in Dask's configuration, distributed.comm.tls"


async def _knock(address: str, connection: dict[str, Any]) -> None:
    communication: Any = imported("distributed.comm")
    peer = await communication.connect(address, timeout=CLUSTER_SECONDS, **connection)
    peer.abort()
