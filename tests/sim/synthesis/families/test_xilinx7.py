"""sim/synthesis/families/xilinx7.py: block RAMs as yosys infers them, lookup tables as they are counted."""

from pathlib import Path

import pytest

from model.errors import EieError
from sim.synthesis.families.xilinx7 import block_rams, cells
from sim.synthesis.family import Cells
from tests.support.tools.inference import memory_cells

# (words, bits) to RAMB18 (a RAMB36 is two), as yosys 0.70 infers them from a read and a write port; 0: lookup tables.
INFERRED = {
    (9, 64): 0,
    (20, 32): 0,
    (32, 64): 0,
    (36, 100): 0,
    (40, 16): 0,
    (48, 40): 0,
    (64, 8): 0,
    (64, 16): 0,
    (64, 32): 0,
    (64, 64): 0,
    (80, 64): 2,
    (96, 32): 1,
    (96, 64): 2,
    (100, 14): 0,
    (112, 40): 0,
    (128, 4): 0,
    (128, 8): 0,
    (128, 16): 0,
    (128, 32): 1,
    (160, 64): 2,
    (192, 16): 1,
    (200, 64): 2,
    (256, 8): 0,
    (256, 16): 1,
    (256, 40): 2,
    (300, 36): 1,
    (320, 16): 1,
    (384, 20): 1,
    (512, 36): 1,
    (512, 64): 2,
    (512, 72): 2,
    (512, 73): 3,
    (513, 32): 2,
    (600, 14): 1,
    (600, 40): 3,
    (700, 9): 1,
    (700, 72): 4,
    (768, 16): 1,
    (1024, 14): 1,
    (1024, 36): 2,
    (1024, 39): 3,
    (1024, 64): 4,
    (1025, 18): 2,
    (1100, 36): 3,
    (1200, 12): 2,
    (1536, 64): 6,
    (2048, 13): 2,
    (2048, 18): 2,
    (2048, 39): 5,
    (2048, 64): 8,
    (3000, 20): 5,
    (4096, 39): 10,
    (4096, 64): 16,
    (5000, 64): 20,
    (8192, 12): 6,
    (10000, 64): 40,
    (16384, 2): 2,
    (20000, 4): 5,
    (33000, 1): 3,
}
SOME = ((64, 64), (112, 40), (128, 16), (160, 64), (600, 40), (1100, 36), (8192, 12))


@pytest.mark.parametrize("shape", INFERRED)
def test_block_rams_as_yosys_inferred_them(shape: tuple[int, int]) -> None:
    assert block_rams(*shape) == INFERRED[shape]


@pytest.mark.slow
def test_yosys_still_infers_them(tmp_path: Path) -> None:
    made = memory_cells(tmp_path, SOME, "synth_xilinx -family xc7 -top {top} -run begin:map_ffram")
    assert {shape: cells(counts).block_rams for shape, counts in made.items()} == {
        shape: INFERRED[shape] for shape in SOME
    }


def test_every_table_and_flip_flop_counts_once() -> None:
    made = {"LUT1": 1, "LUT2": 2, "LUT6": 6, "INV": 3, "MUXF7": 9, "CARRY4": 9, "FDRE": 5, "FDSE_1": 2, "BUFG": 1}
    made |= {"RAM32M": 2, "SRL16E": 1, "RAMB18E1": 3, "RAMB36E1": 10, "DSP48E1": 1, "eie_pe.unit": 7}
    assert cells(made) == Cells(comb=12 + 8 + 1, ff=7, block_rams=23, multipliers=1, lut_ram_bits=2 * 192 + 16)


def test_a_memory_that_is_not_known_is_refused() -> None:
    with pytest.raises(EieError, match="wanted memories of lookup tables that are known, got RAM512X1S from yosys"):
        cells({"RAM512X1S": 1})
