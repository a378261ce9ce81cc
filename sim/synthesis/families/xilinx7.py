"""Xilinx 7: synthesis by yosys. No open tool on PyPI places and routes the family, so no clock is known."""

from collections.abc import Mapping

from model.errors import EieError
from sim.synthesis.family import Cells, Device, Family, Flow, Inference, Measured

# A RAMB36 counts as two RAMB18: width of a port to the words that it then holds, for a simple dual port (UG473).
HALF = {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512}
WHOLE = {1: 32768, 2: 16384, 4: 8192, 9: 4096, 18: 2048, 36: 1024, 72: 512}
CASCADE = {1: 65536, 2: 32768, 4: 16384, 9: 8192}

# yosys's costs (techlibs/xilinx/brams_xc4v.txt, lutrams_xc5v.txt): of a block and how many RAMB18 it is; of a RAM32M
# or RAM64M, of which all but one falls with the bits that are left unused.
BLOCKS = ((HALF, 129, 1), (WHOLE, 257, 2), (CASCADE, 513, 4))
LUT_RAMS = ((32, 6), (64, 3))  # words, bits
LUT_RAM_COST, LUT_RAM_SCALED_COST = 8, 7

# Memories and shift registers in lookup tables: lookup tables and bits of each cell (UG474, techlibs/xilinx).
TABLE_MEMORIES = {
    "RAM32M": (4, 192),
    "RAM64M": (4, 192),
    "RAM32X1D": (2, 32),
    "RAM64X1D": (2, 64),
    "RAM128X1D": (4, 128),
    "RAM32X1S": (1, 32),
    "RAM64X1S": (1, 64),
    "RAM128X1S": (2, 128),
    "RAM256X1S": (4, 256),
    "SRL16E": (1, 16),
    "SRLC32E": (1, 32),
}


def cells(counts: Mapping[str, int]) -> Cells:
    """Lookup tables of six inputs: one for every LUT1 to LUT6 and INV, none shared by two functions.

    So the count is an upper bound: the device packs two functions of five common inputs into one. MUXF7, MUXF8 and
    CARRY4 have places of their own in a slice.
    """
    comb = sum(counts.get(name, 0) for name in ("INV", *(f"LUT{inputs}" for inputs in range(1, 7))))
    bits = 0
    for name, times in counts.items():
        if not name.startswith(("RAM", "SRL")) or name.startswith("RAMB"):
            continue
        if name not in TABLE_MEMORIES:
            raise EieError(f"wanted memories of lookup tables that are known, got {name} from yosys")
        tables, held = TABLE_MEMORIES[name]
        comb, bits = comb + times * tables, bits + times * held
    return Cells(
        comb=comb,
        ff=sum(times for name, times in counts.items() if name.startswith("FD")),
        block_rams=counts.get("RAMB18E1", 0) + 2 * counts.get("RAMB36E1", 0),
        multipliers=counts.get("DSP48E1", 0),
        lut_ram_bits=bits,
    )


def block_rams(depth: int, width: int) -> int:
    """RAMB18 that a memory of one read and one write port takes; 0 for one that goes to lookup tables.

    The cheapest by yosys's costs, a multiplexer input per bit for every bank after the first included. Equal to
    yosys's choice for every shape in tests/sim/synthesis/families/test_xilinx7.py.
    """
    tables = min(_lut_ram_cost(depth, width, *shape) for shape in LUT_RAMS)
    blocks = [
        (-(-depth // words) * -(-width // bits), -(-depth // words) - 1, cost, each)
        for modes, cost, each in BLOCKS
        for bits, words in modes.items()
    ]
    cheapest, fewest = min((number * cost + width * wide, number * each) for number, wide, cost, each in blocks)
    return 0 if tables < cheapest else fewest


def _lut_ram_cost(depth: int, width: int, words: int, bits: int) -> float:
    banks = -(-depth // words)
    full, left = divmod(width, bits)
    last = LUT_RAM_COST - LUT_RAM_SCALED_COST * (1 - left / bits) if left else 0
    return banks * (LUT_RAM_COST * full + last) + width * (banks - 1)


FAMILY = Family(
    name="Xilinx 7",
    inference=Inference(
        command="synth_xilinx -family xc7 -run begin:fine",
        memories=("RAMB18E1", "RAMB36E1"),
        multipliers=("DSP48E1",),
    ),
    flow=Flow(
        # Capacities: AMD's DS190 (Zynq-7000) and DS180 (7 series), overview tables.
        devices=(
            Device(name="xc7z020", comb=53200, ff=106400, block_rams=280, multipliers=220),
            Device(name="xc7a100t", comb=63400, ff=126800, block_rams=270, multipliers=240),
        ),
        # `map_luts` of synth_xilinx with abc for abc9, where yosys 0.70 stops at an assertion with units kept.
        synthesis=(
            "synth_xilinx -family xc7 -flatten -top {top} -run begin:map_luts",
            "opt_expr -mux_undef -noclkinv",
            "abc -luts 2:2,3,6:5,10,20",
            "clean",
            "xilinx_srl -fixed -minlen 3",
            "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
            "xilinx_dffopt",
            "opt_lut_ins -tech xilinx",
            "synth_xilinx -family xc7 -top {top} -run finalize:edif",
        ),
        cells=cells,
        headings=("LUT", "FF", "RAMB18", "DSP48", "LUT RAM bits"),
        block_rams=block_rams,
        measured=(
            Measured(pes=1, comb_pe=747, comb_shared=814, fmax_mhz=None),
            Measured(pes=4, comb_pe=685, comb_shared=896, fmax_mhz=None),
            Measured(pes=16, comb_pe=789, comb_shared=1303, fmax_mhz=None),
            Measured(pes=1, comb_pe=836, comb_shared=1440, fmax_mhz=None, maps=True),
        ),
    ),
)
