"""Where an array is, as users write it, and the transport that leads there."""

from contextlib import suppress
from pathlib import Path

from model.config import ArrayConfig
from model.errors import EieError
from sim.progress import Say
from sim.rtl.simulators import SIMULATORS, SimulatorName, available_simulators
from sw.host.transports.engine import EngineTransport
from sw.host.transports.memory_mapped import MemoryMappedTransport
from sw.host.transports.model import ModelTransport
from sw.host.transports.pynq import open_overlay
from sw.host.transports.serial_link import SerialTransport, open_line
from sw.host.transports.transport import Transport

DEFAULT_BAUD = 1_000_000
BOARD = "board"
PLACES = "model, stepped, verilator, icarus, board, serial:PORT[@BAUD], memory:ADDRESS[@FILE] or pynq:BITSTREAM"


def open_place(place: str, config: ArrayConfig, progress: Say = lambda _: None) -> Transport:
    """The transport to an array.

    Parameters
    ----------
    place : "model", the exact engine; "stepped", the stepped model; "verilator" or
        "icarus", the RTL; "board", the RTL of a whole board at its serial line, on Verilator;
        "serial:/dev/ttyUSB0@1000000", a board; "memory:0x43c00000@/dev/mem", registers with a stream window in the
        processor's address space; "pynq:eie.bit", an overlay with DMA on a PYNQ board.
    config : the array that is there.
    progress : is told what takes time.

    Raises EieError for a place that is not known or not there, SimulatorError if the RTL cannot be simulated.
    """
    kind, _, rest = place.partition(":")
    if place == "model":
        return EngineTransport(config)
    if place == "stepped":
        return ModelTransport(config)
    if place in SIMULATORS or place == BOARD:
        simulator: SimulatorName = "icarus" if place == "icarus" else "verilator"
        missing = available_simulators()[simulator]
        if missing:
            raise EieError(missing)
        # These need cocotb, which not every installation has.
        if place == BOARD:
            from sim.rtl.line import RtlLine

            return SerialTransport(RtlLine(config, progress), config)
        from sim.rtl.transport import RtlTransport

        return RtlTransport(config, simulator, progress)
    if kind == "serial" and rest:
        port, _, baud = rest.partition("@")
        speed = _number(baud, "a baud rate", "1000000", 1) if baud else DEFAULT_BAUD
        return SerialTransport(open_line(port, speed), config)
    if kind == "memory" and rest:
        address, _, file = rest.partition("@")
        return MemoryMappedTransport(config, _number(address, "an address", "0x43c00000", 0), Path(file or "/dev/mem"))
    if kind == "pynq" and rest:
        return open_overlay(config, Path(rest))
    raise EieError(f"an array must be at {PLACES}; got {place!r}")


def _number(text: str, what: str, example: str, least: int) -> int:
    with suppress(ValueError):
        number = int(text, 0)
        if number >= least:
            return number
    raise EieError(f"{what} must be a number such as {example}, got {text!r}")
