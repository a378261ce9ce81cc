"""A Verilog simulator that runs beside this process and does what it is asked over a socket."""

import os
import shutil
import socket
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

from hw.array import PE_MODULE
from model.errors import SimulatorError
from sim.progress import Say
from sim.rtl.simulators import SimulatorName, build
from sw.host.transports.transport import TransportError

LOOK_SECONDS = 0.2  # between looks at whether the simulator still runs
SOCKET = "socket"  # in the folder in which the simulator runs


class RtlProcess:
    """A design in a simulator, with a test bench that serves one client; time passes in it only while it is asked.

    Parameters
    ----------
    texts : file name to text, as `hw.verilog.verilog_text` gives them.
    top, ports : the top module, and those of its ports that the bench uses.
    simulator : "verilator" or "icarus".
    bench : module with the cocotb test; it connects to the socket named by EIE_SOCKET (`sim.rtl.server`).
    hello : what the bench is told first.
    progress : is told what takes time.
    everything : the bench reaches all registers and memories, not the ports alone.

    Raises SimulatorError if the simulator cannot build or run the design.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        top: str,
        ports: Sequence[str],
        simulator: SimulatorName,
        bench: str,
        hello: Any,
        progress: Say = lambda _: None,
        everything: bool = False,
    ):
        progress(f"building for {simulator}")
        sources = {name: text for name, text in texts.items() if name.endswith(".v")}
        self._build = build(sources, top, ports, PE_MODULE, simulator, everything)
        self._bench = bench
        self._folder = Path(tempfile.mkdtemp(prefix="eie-"))
        self._failure: SimulatorError | None = None
        self._simulation = Thread(target=self._simulate, daemon=True)
        progress(f"starting {simulator}")
        try:
            self._connection = self._connect()
            self._connection.send(hello)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def ask(self, name: str, *arguments: Any) -> Any:
        """What the bench answers; TransportError if it says that something did not happen."""
        try:
            self._connection.send((name, arguments))
            answered, value = self._connection.recv()
        except (EOFError, OSError) as error:
            self._simulation.join()
            raise self._failure or SimulatorError("the simulator ended in the middle of an access") from error
        if not answered:
            raise TransportError(value)
        return value

    def close(self) -> None:
        """Ends the simulation."""
        self._connection.close()
        self._simulation.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _simulate(self) -> None:
        try:
            self._build.run(self._bench, {"EIE_SOCKET": SOCKET}, self._folder)
        except SimulatorError as error:
            self._failure = error

    def _connect(self) -> Connection:
        """The simulator's connection; SimulatorError if it ends before it makes one."""
        with socket.socket(socket.AF_UNIX) as listener:
            _bind(listener, self._folder)
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


def _bind(listener: socket.socket, folder: Path) -> None:
    """A socket in the folder, under a short name: the kernel takes 107 bytes, and a TMPDIR may be longer."""
    number = os.open(folder, os.O_RDONLY)
    try:
        listener.bind(f"/proc/self/fd/{number}/{SOCKET}")
    except OSError:  # where there is no /proc
        try:
            listener.bind(str(folder / SOCKET))
        except OSError as error:
            raise SimulatorError(f"no socket can be made in {folder}, wanted a TMPDIR with a short name") from error
    finally:
        os.close(number)
