"""FPGAs, boards and array presets of the open flow (yosys, nextpnr-ecp5, Project Trellis)."""

from dataclasses import dataclass

from model.config import ArrayConfig
from sw.errors import EieError


@dataclass(frozen=True, kw_only=True)
class Device:
    """An FPGA as nextpnr-ecp5 knows it; the figures are what it says is available.

    Parameters
    ----------
    name : as --device takes it.
    flag : nextpnr's option for the die.
    package : the largest one, for arrays without a board; three pins are used.
    comb, ff : lookup tables with four inputs, flip-flops.
    block_rams : DP16KD, 18 kbit each.
    multipliers : MULT18X18D.
    """

    name: str
    flag: str
    package: str
    comb: int
    ff: int
    block_rams: int
    multipliers: int


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board: what of it the harness uses.

    Parameters
    ----------
    name, device, package : as --board takes it, and what is on it.
    pins : port of the harness to package pin.
    clock_mhz : of the oscillator at the clock pin.
    """

    name: str
    device: str
    package: str
    pins: dict[str, str]
    clock_mhz: float


DEVICES = {
    device.name: device
    for device in (
        Device(
            name="ecp5-25k",
            flag="--25k",
            package="CABGA381",
            comb=24288,
            ff=24288,
            block_rams=56,
            multipliers=28,
        ),
        Device(
            name="ecp5-45k",
            flag="--45k",
            package="CABGA554",
            comb=43848,
            ff=43848,
            block_rams=108,
            multipliers=72,
        ),
        Device(
            name="ecp5-85k",
            flag="--85k",
            package="CABGA756",
            comb=83640,
            ff=83640,
            block_rams=208,
            multipliers=156,
        ),
    )
}
SPEEDS = (6, 7, 8)  # grades, 8 is the fastest

BOARDS = {
    board.name: board
    for board in (
        # github.com/emard/ulx3s, doc/constraints/ulx3s_v20.lpf: 25 MHz oscillator, the USB serial chip's two wires.
        Board(
            name="ulx3s",
            device="ecp5-85k",
            package="CABGA381",
            pins={"clk": "G2", "serial_in": "M1", "serial_out": "L4"},
            clock_mhz=25.0,
        ),
    )
}


def device_named(name: str) -> Device:
    """The device of that name; EieError names those there are."""
    if name not in DEVICES:
        raise EieError(f"no device {name!r}; devices: {', '.join(DEVICES)}")
    return DEVICES[name]


def board_named(name: str) -> Board:
    """The board of that name; EieError names those there are."""
    if name not in BOARDS:
        raise EieError(f"no board {name!r}; boards: {', '.join(BOARDS)}")
    return BOARDS[name]


def constraints(board: Board) -> str:
    """The board's pins as an LPF file. The clock is left to nextpnr's --freq: what is asked for is what it aims at."""
    lines: list[str] = []
    for port, pin in board.pins.items():
        lines += [f'LOCATE COMP "{port}" SITE "{pin}";', f'IOBUF PORT "{port}" IO_TYPE=LVCMOS33;']
    return "\n".join([*lines, ""])


def fpga_preset(pes: int) -> ArrayConfig:
    """The array whose figures are quoted for FPGAs: memories that hold LeNet-300-100 on so many PEs, no PE counters.

    Per PE: 32 KB of entries for one PE, 16 KB up to 7, else 8 KB; 2,048 column pointers; activations for layers of
    784 and more.
    """
    sparse_matrix_depth = 4096 if pes == 1 else 2048 if pes < 8 else 1024
    activation_depth = max(64, 1024 >> (pes.bit_length() - 1))
    return ArrayConfig(
        name=f"fpga_{pes}",
        pes=pes,
        sparse_matrix_depth=sparse_matrix_depth,
        pointer_depth=2048,
        activation_depth=activation_depth,
        constant_depth=1024 if pes < 4 else 512,
        layers=8,
        pe_counters=False,
        clock_mhz=100.0,
    )
