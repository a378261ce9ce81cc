"""The RTL in a Verilog simulator as an array behind a transport: the simulator runs beside, and is asked by socket."""

import shutil
import socket
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

from hw.array import PE_MODULE
from hw.verilog import ARRAY_MODULE, verilog_text
from model.config import ArrayConfig
from sim.cosim import PORTS, Progress
from sim.simulators import SimulatorError, SimulatorName, build
from sw.transports.transport import TransportError, Words

LOOK_SECONDS = 0.2  # between looks at whether the simulator still runs


class RtlTransport:
    """Registers and streams of the RTL; time passes in it only during an access.

    Parameters
    ----------
    config : the array.
    simulator : "verilator" or "icarus".
    progress : is told what takes time.

    Raises SimulatorError if the simulator cannot build or run the array.
    """

    def __init__(self, config: ArrayConfig, simulator: SimulatorName, progress: Progress = lambda _: None):
        progress("writing Verilog")
        texts = {name: text for name, text in verilog_text(config).items() if name.endswith(".v")}
        progress(f"building for {simulator}")
        self._build = build(texts, ARRAY_MODULE, PORTS, PE_MODULE, simulator)
        self._folder = Path(tempfile.mkdtemp(prefix="eie-"))
        self._failure: SimulatorError | None = None
        self._simulation = Thread(target=self._simulate, daemon=True)
        progress(f"starting {simulator}")
        self._connection = self._connect()
        self._connection.send(config)
        self._ask("reset")

    def read(self, address: int) -> int:
        return self._ask("read", address)

    def write(self, address: int, value: int) -> None:
        self._ask("write", address, value)

    def send(self, words: Words) -> None:
        self._ask("send", words)

    def receive(self, count: int) -> Words:
        return self._ask("receive", count)

    def close(self) -> None:
        """Ends the simulation."""
        self._connection.close()
        self._simulation.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _simulate(self) -> None:
        try:
            self._build.run("sim.rtl_server_bench", {"EIE_SOCKET": str(self._folder / "socket")}, self._folder)
        except SimulatorError as error:
            self._failure = error

    def _connect(self) -> Connection:
        """The simulator's connection; SimulatorError if it ends before it makes one."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self._folder / "socket"))
            listener.listen(1)
            listener.settimeout(LOOK_SECONDS)
            self._simulation.start()
            while self._simulation.is_alive():
                try:
                    peer, _ = listener.accept()
                except TimeoutError:
                    continue
                peer.setblocking(True)
                return Connection(peer.detach())
        raise self._failure or SimulatorError("the simulator ended before it answered")

    def _ask(self, name: str, *arguments: Any) -> Any:
        try:
            self._connection.send((name, arguments))
            answered, value = self._connection.recv()
        except (EOFError, OSError) as error:
            self._simulation.join()
            raise self._failure or SimulatorError("the simulator ended in the middle of an access") from error
        if not answered:
            raise TransportError(value)
        return value
