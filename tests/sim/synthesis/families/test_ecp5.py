"""sim/synthesis/families/ecp5.py: block RAMs as yosys infers them."""

from pathlib import Path

import pytest

from sim.synthesis.families.ecp5 import block_rams
from tests.support.tools.inference import memory_cells

# (words, bits) to DP16KD, as yosys 0.70 infers them from a read and a write port; 0: lookup tables.
INFERRED = {
    (9, 64): 0,
    (20, 32): 0,
    (40, 16): 0,
    (64, 32): 1,
    (64, 64): 2,
    (96, 32): 1,
    (100, 14): 1,
    (128, 16): 1,
    (128, 32): 1,
    (160, 64): 2,
    (256, 16): 1,
    (300, 36): 1,
    (513, 32): 2,
    (600, 14): 1,
    (600, 40): 3,
    (768, 16): 1,
    (1024, 14): 1,
    (1024, 64): 4,
    (1100, 36): 3,
    (1200, 12): 2,
    (1536, 64): 6,
    (2048, 13): 2,
    (2048, 18): 2,
    (3000, 20): 5,
    (4096, 64): 16,
    (5000, 64): 20,
    (10000, 64): 40,
}
SHORT = [shape for shape in INFERRED if shape[0] <= 600]  # yosys takes minutes to read the zeros of deep memories


@pytest.mark.parametrize("shape", INFERRED)
def test_block_rams_as_yosys_inferred_them(shape: tuple[int, int]) -> None:
    assert block_rams(*shape) == INFERRED[shape]


@pytest.mark.slow
def test_yosys_still_infers_them(tmp_path: Path) -> None:
    made = memory_cells(tmp_path, SHORT, "synth_ecp5 -top {top} -run begin:map_gates")
    assert {shape: counts.get("DP16KD", 0) for shape, counts in made.items()} == {
        shape: INFERRED[shape] for shape in SHORT
    }
