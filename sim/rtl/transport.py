"""The RTL in a Verilog simulator as an array behind a transport."""

from hw.verilog import ARRAY_MODULE, verilog_text
from model.config import ArrayConfig
from sim.progress import Say
from sim.rtl.cosim import PORTS
from sim.rtl.process import RtlProcess
from sim.rtl.simulators import SimulatorName
from sw.image.words import Words


class RtlTransport:
    """Registers and streams of the RTL; time passes in it only during an access.

    Parameters
    ----------
    config : the array.
    simulator : "verilator" or "icarus".
    progress : is told what takes time.

    Raises SimulatorError if the simulator cannot build or run the array.
    """

    def __init__(self, config: ArrayConfig, simulator: SimulatorName, progress: Say = lambda _: None):
        progress("writing Verilog")
        texts = verilog_text(config)
        self._rtl = RtlProcess(texts, ARRAY_MODULE, PORTS, simulator, f"{__package__}.array_bench", config, progress)
        self._rtl.ask("reset")

    def read(self, address: int) -> int:
        return self._rtl.ask("read", address)

    def write(self, address: int, value: int) -> None:
        self._rtl.ask("write", address, value)

    def send(self, words: Words) -> None:
        self._rtl.ask("send", words)

    def receive(self, count: int) -> Words:
        return self._rtl.ask("receive", count)

    def close(self) -> None:
        """Ends the simulation."""
        self._rtl.close()
