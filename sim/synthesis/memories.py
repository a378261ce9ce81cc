"""The memories of an array and the ECP5 block RAMs that yosys maps them to, without running yosys."""

from collections.abc import Iterable

from hw.memory_shapes import pe_memory_shapes, shared_memory_shapes
from model.config import ArrayConfig

# Width of a DP16KD's port to the words it then holds; 36 bits take both of its ports.
MODES = {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512}

# yosys's costs: of a block RAM, and of 16 words of four bits in lookup tables (techlibs/lattice, `cost`).
BLOCK_RAM_COST = 128
LUT_RAM_COST = 4
LUT_RAM_WORDS, LUT_RAM_BITS = 16, 4


def block_rams(depth: int, width: int) -> int:
    """DP16KD that a memory of one read and one write port takes; 0 for one that goes to lookup tables.

    The fewest over all widths of the port. Lookup tables are taken where they cost less: their cells, and a
    multiplexer input per bit for every 16 words after the first. Equal to yosys's choice for every shape in
    tests/sim/synthesis/test_memories.py.
    """
    banks = -(-depth // LUT_RAM_WORDS)
    tables = LUT_RAM_COST * banks * -(-width // LUT_RAM_BITS) + width * (banks - 1)
    fewest = min(-(-depth // words) * -(-width // bits) for bits, words in MODES.items())
    return 0 if tables < BLOCK_RAM_COST * fewest else fewest


def array_block_rams(config: ArrayConfig) -> tuple[int, int]:
    """DP16KD of one PE, and of all that the PEs share: from the memories that the hardware description declares."""
    return _total(pe_memory_shapes(config)), _total(shared_memory_shapes(config))


def _total(shapes: Iterable[tuple[int, int]]) -> int:
    return sum(block_rams(depth, width) for depth, width in shapes)
