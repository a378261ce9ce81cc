"""sim/synthesis/memories.py: the block RAMs of an array are those of its memories."""

from model.config import ecp5_array
from sim.synthesis.families.ecp5 import block_rams
from sim.synthesis.memories import array_block_rams


def test_an_array_is_the_sum_of_its_memories() -> None:
    # Per PE: 2,048 x 64 entries, two pointer banks of 1,024, 256 accumulators, 2 x 256 activations, 512 constants.
    pe, shared = array_block_rams(ecp5_array(4), block_rams)
    assert pe == 8 + 2 + 1 + 1 + 1
    assert shared == 0
