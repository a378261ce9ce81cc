"""What the flow asks of a family of FPGAs. Each family is one file in `sim/synthesis/families`, found by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sim.synthesis.boards import Board
from sim.synthesis.tools import Tool

PIN_FILE = "pins"  # the constraints of a board
PLACED_FILE = "eie.config"  # what place and route leaves for the packer


@dataclass(frozen=True, kw_only=True)
class Device:
    """An FPGA; the figures are what nextpnr says is available, or the vendor's data sheet where nothing places.

    Parameters
    ----------
    name : as --device takes it.
    comb, ff : lookup tables, flip-flops.
    block_rams, multipliers : of the family's kind.
    options : nextpnr's for the die.
    package : the largest one, for arrays in a harness; three pins are used.
    """

    name: str
    comb: int
    ff: int
    block_rams: int
    multipliers: int
    options: tuple[str, ...] = ()
    package: str = ""


@dataclass(frozen=True)
class Cells:
    """What a part of the netlist needs of the device.

    comb : lookup tables, as the family's place and route packs them.
    ff : flip-flops.
    block_rams, multipliers : of the family's kind.
    lut_ram_bits : memory bits in lookup tables.
    """

    comb: int = 0
    ff: int = 0
    block_rams: int = 0
    multipliers: int = 0
    lut_ram_bits: int = 0

    def __add__(self, other: "Cells") -> "Cells":
        mine, others = asdict(self), asdict(other)
        return Cells(**{name: mine[name] + others[name] for name in mine})

    def __rmul__(self, times: int) -> "Cells":
        return Cells(**{name: times * value for name, value in asdict(self).items()})


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One array as `eie fpga` measured it, docs/fpga: what others are estimated from.

    comb_pe, comb_shared : lookup tables of a PE, and of what the PEs share.
    fmax_mhz : at the slowest speed grade; None where nothing places and routes.
    maps : whether it had `maps`; arrays with and without are estimated from their like.
    """

    pes: int
    comb_pe: int
    comb_shared: int
    fmax_mhz: float | None
    maps: bool = False


@dataclass(frozen=True, kw_only=True)
class Inference:
    """Yosys's synthesis as far as memories and multipliers, and what they must then be.

    command : up to their mapping; lookup tables do not matter here.
    memories, multipliers : what the names of its block memories and multipliers begin with.
    """

    command: str
    memories: tuple[str, ...]
    multipliers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlaceAndRoute:
    """From yosys's netlist to a bitstream with nextpnr and a packer.

    Parameters
    ----------
    speeds : grades, the slowest first, which is the default.
    made : cell types whose names yosys appends to a name of the design.
    nextpnr : the tool that places and routes.
    place : its options for a device, a board or none, and a speed grade: `PIN_FILE` is read, `PLACED_FILE` written.
    resources : cells of the device in nextpnr's report.
    pins : the constraints of a board as its file.
    packer, pack : the tool that makes the bitstream of `PLACED_FILE`, and its options for a device and a file.
    """

    speeds: tuple[int, ...]
    made: tuple[str, ...]
    nextpnr: Tool
    place: Callable[[Device, Board | None, int], list[str]]
    resources: tuple[str, ...]
    pins: Callable[[Board], str]
    packer: Tool
    pack: Callable[[Device, str], list[str]]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """From Verilog to a netlist with yosys, and on to a bitstream where open tools place and route the family.

    Parameters
    ----------
    devices : that can be asked for.
    synthesis : yosys's commands; {top} stands for the top module.
    cells : what a netlist needs, from yosys's counts by cell type.
    headings : of the columns of `Cells` in tables.
    block_rams : of a memory of so many words and bits, 0 for one that goes to lookup tables.
    measured : arrays that `--fit` estimates others from; none: `--fit` is refused.
    place_and_route : None where open tools end with synthesis, so that no clock is known.
    models : Verilog of what its cells do, for simulations of a netlist; None where there is none.
    """

    devices: Sequence[Device]
    synthesis: tuple[str, ...]
    cells: Callable[[Mapping[str, int]], Cells]
    headings: tuple[str, ...]
    block_rams: Callable[[int, int], int]
    measured: Sequence[Measured] = ()
    place_and_route: PlaceAndRoute | None = None
    models: Callable[[], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of FPGAs.

    Parameters
    ----------
    name : for people.
    inference : checks that memories and a multiplier are found.
    flow : None where only the inference is checked.
    boards : with a device of it.
    """

    name: str
    inference: Inference
    flow: Flow | None = None
    boards: Sequence[Board] = ()
