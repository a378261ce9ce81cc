"""The simulator's side of `sim.rtl.process`: takes requests from the socket and answers them."""

import os
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Client, Connection
from typing import Any

from sw.host.transports.transport import TransportError

Handler = Callable[[str, tuple[Any, ...]], Coroutine[Any, Any, Any]]


def connect() -> tuple[Connection, Any]:
    """The connection to the client, and what it says first."""
    connection = Client(os.environ["EIE_SOCKET"], "AF_UNIX")
    return connection, connection.recv()


async def serve(connection: Connection, handle: Handler) -> None:
    """Answer requests, a name and arguments, with what `handle` gives, until the client is gone."""
    with connection:
        while True:
            try:
                name, arguments = connection.recv()
            except EOFError:
                return
            try:
                connection.send((True, await handle(name, arguments)))
            except TransportError as error:
                connection.send((False, str(error)))
