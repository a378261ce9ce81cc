"""Boards of the open flow: the pins of a whole design with a serial link, its top module and its constraints."""

from dataclasses import dataclass

from hw.verilog import BUS_MODULES, DEFAULT_DIVISOR
from model.errors import EieError

BOARD_TOP = "eie_board"
CORE = BUS_MODULES["serial"]


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A pin of a board.

    Parameters
    ----------
    port, site : its name on the board's schematic, and the package pin.
    core : what it carries: a port of `hw.bus.serial_top`, or the constant "0" or "1".
    settings : of the pad, as an LPF file has them.
    """

    port: str
    site: str
    core: str
    settings: str


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board with an oscillator and a UART.

    Parameters
    ----------
    name, device, package : as --board takes it, and what is on it.
    clock, inputs, outputs : its pins.
    clock_mhz : of the oscillator, which is the clock of the design.
    divisor : clock cycles per bit of the serial line.
    """

    name: str
    device: str
    package: str
    clock: Pin
    inputs: tuple[Pin, ...]
    outputs: tuple[Pin, ...]
    clock_mhz: float
    divisor: int = DEFAULT_DIVISOR

    @property
    def pins(self) -> tuple[Pin, ...]:
        """All of them."""
        return self.clock, *self.inputs, *self.outputs


def _output(port: str, site: str, core: str) -> Pin:
    return Pin(port=port, site=site, core=core, settings="PULLMODE=NONE IO_TYPE=LVCMOS33 DRIVE=4")


BOARDS = {
    board.name: board
    for board in (
        # Pins: github.com/emard/ulx3s, doc/constraints/ulx3s_v20.lpf. wifi_gpio0 at 0 would let the board's ESP32
        # load another bitstream.
        Board(
            name="ulx3s",
            device="ecp5-85k",
            package="CABGA381",
            clock=Pin(port="clk_25mhz", site="G2", core="clk", settings="PULLMODE=NONE IO_TYPE=LVCMOS33"),
            inputs=(Pin(port="ftdi_txd", site="M1", core="rx", settings="PULLMODE=UP IO_TYPE=LVCMOS33"),),
            outputs=(
                _output("ftdi_rxd", "L4", "tx"),
                _output("led_0", "B2", "alive"),
                _output("led_1", "C2", "interrupt"),
                _output("wifi_gpio0", "L2", "1"),
            ),
            clock_mhz=25.0,
        ),
    )
}


def board_named(name: str) -> Board:
    """The board of that name; EieError names those there are."""
    if name not in BOARDS:
        raise EieError(f"no board {name!r}; boards: {', '.join(BOARDS)}")
    return BOARDS[name]


def board_top(board: Board) -> str:
    """Verilog of the module `eie_board`: `hw.bus.serial_top` between the board's pins."""
    ports = [f"input {pin.port}" for pin in (board.clock, *board.inputs)]
    ports += [f"output {pin.port}" for pin in board.outputs]
    constants = [pin for pin in board.outputs if pin.core in ("0", "1")]
    connections = [f".{pin.core}({pin.port})" for pin in board.pins if pin not in constants]
    lines = [
        f"module {BOARD_TOP}({', '.join(ports)});",
        *(f"  assign {pin.port} = 1'b{pin.core};" for pin in constants),
        f"  {CORE} serial ({', '.join(connections)});",
        "endmodule",
    ]
    return "\n".join([*lines, ""])


def constraints(board: Board) -> str:
    """The board's pins and clock as an LPF file."""
    lines = [f'FREQUENCY PORT "{board.clock.port}" {board.clock_mhz:g} MHZ;']
    for pin in board.pins:
        lines += [f'LOCATE COMP "{pin.port}" SITE "{pin.site}";', f'IOBUF PORT "{pin.port}" {pin.settings};']
    return "\n".join([*lines, ""])
