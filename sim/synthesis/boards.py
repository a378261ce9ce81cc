"""Boards of the open flow: the pins of a whole design with a serial link, and its top module.

Which pin of a package is what on a board says amaranth-boards, the collection of board files of Amaranth's authors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

from hw.verilog import BUS_MODULES, DEFAULT_DIVISOR
from model.errors import EieError
from sim.synthesis.tools import EXTRA

BOARD_TOP = "eie_board"
CORE = BUS_MODULES["serial"]
INPUTS = ("clk", "rx")  # of the core; everything else that a board has is an output


class Wire(NamedTuple):
    """What a pin carries, and where amaranth-boards has it.

    core : a port of `hw.bus.serial_top`, or the constant "0" or "1".
    resource, number, signal : its name there; `signal` is one of the resource's, if it has several.
    settings : of the pad, beside those that are there.
    """

    core: str
    resource: str
    number: int = 0
    signal: str = ""
    settings: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A pin of a board.

    Parameters
    ----------
    port, site : its name in the design, and the package pin.
    core : see `Wire`.
    inverted : whether the board's signal is low where the core's is high.
    settings : of the pad.
    """

    port: str
    site: str
    core: str
    inverted: bool
    settings: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board with an oscillator and a UART.

    Parameters
    ----------
    name, device, package : as --board takes it, and what is on it.
    platform : module and class in amaranth-boards.
    wires : of the design, the clock first.
    clock_mhz : of the oscillator, which is the clock of the design.
    divisor : clock cycles per bit of the serial line.
    """

    name: str
    device: str
    package: str
    platform: tuple[str, str]
    wires: tuple[Wire, ...]
    clock_mhz: float
    divisor: int = field(default=DEFAULT_DIVISOR)

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """All of them, in the order of the wires; EieError without amaranth-boards."""
        module, name = self.platform
        try:
            platform: Any = getattr(import_module(module), name)
        except ImportError as error:
            raise EieError(f"the pins of {self.name} are those of amaranth-boards, which comes with {EXTRA}") from error
        return tuple(_pin(platform, wire) for wire in self.wires)

    @property
    def clock(self) -> Pin:
        """The pin of the oscillator."""
        return self.pins[0]


def _pin(platform: Any, wire: Wire) -> Pin:
    (resource,) = (each for each in platform.resources if (each.name, each.number) == (wire.resource, wire.number))
    settings = {name: str(value) for name, value in resource.attrs.items()}
    ios: Any = resource.ios[0]
    if wire.signal:
        (signal,) = (each for each in resource.ios if each.name == wire.signal)
        settings |= {name: str(value) for name, value in signal.attrs.items()}
        ios = signal.ios[0]
    (site,) = ios.names
    return Pin(
        port="_".join(filter(None, (wire.resource, str(wire.number), wire.signal))),
        site=site,
        core=wire.core,
        inverted=bool(ios.invert),
        settings={**settings, **wire.settings},
    )


def board_top(board: Board) -> str:
    """Verilog of the module `eie_board`: `hw.bus.serial_top` between the board's pins."""
    ports = [f"{'input' if pin.core in INPUTS else 'output'} {pin.port}" for pin in board.pins]
    lines: list[str] = []
    connections: list[str] = []
    for pin in board.pins:
        if pin.core in ("0", "1"):
            lines.append(f"  assign {pin.port} = 1'b{int(pin.core) ^ pin.inverted};")
        elif pin.inverted:
            lines += [f"  wire {pin.core};", f"  assign {pin.port} = ~{pin.core};"]
            connections.append(f".{pin.core}({pin.core})")
        else:
            connections.append(f".{pin.core}({pin.port})")
    return "\n".join(
        [
            f"module {BOARD_TOP}({', '.join(ports)});",
            *lines,
            f"  {CORE} serial ({', '.join(connections)});",
            "endmodule",
            "",
        ]
    )
