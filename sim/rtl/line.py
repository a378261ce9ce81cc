"""The design of a board in a Verilog simulator, as the serial line that leads to it."""

from hw.verilog import BUS_MODULES, verilog_text
from model.config import ArrayConfig
from sim.progress import Say
from sim.rtl.process import RtlProcess

PORTS = ("clk", "rx", "tx")
DIVISOR = 8  # clock cycles per bit; a slower line would only take longer to simulate
PATIENCE_BYTES = 1000  # times of a byte without an answer until there is none


class RtlLine:
    """A serial port (`sw.host.transports.serial_link.Line`) whose far end is `hw.bus.serial_top`, simulated bit by bit.

    On Verilator alone: the design resets itself from the values that an FPGA gives its registers, which builds for
    Icarus leave unknown.

    Parameters
    ----------
    config : the array.
    progress : is told what takes time.

    Raises SimulatorError if the simulator cannot build or run the design.
    """

    def __init__(self, config: ArrayConfig, progress: Say = lambda _: None):
        progress("writing Verilog")
        texts = verilog_text(config, bus="serial", divisor=DIVISOR)
        hello = (DIVISOR, PATIENCE_BYTES)
        self._rtl = RtlProcess(texts, BUS_MODULES["serial"], PORTS, "verilator", f"{__name__}_bench", hello, progress)

    def write(self, data: bytes, /) -> int:
        """Put bytes on the line; returns when their last stop bit is out."""
        self._rtl.ask("write", data)
        return len(data)

    def read(self, size: int, /) -> bytes:
        """The next bytes that come; fewer if the line is silent for long."""
        return self._rtl.ask("read", size)

    def close(self) -> None:
        """Ends the simulation."""
        self._rtl.close()
