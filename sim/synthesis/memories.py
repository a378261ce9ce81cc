"""The memories of an array and the block RAMs that yosys maps them to, and its multipliers, without running yosys."""

from collections.abc import Callable, Iterable

from hw.memory_shapes import pe_memory_shapes, shared_memory_shapes
from model.config import ArrayConfig

MAP_MULTIPLIERS = 3  # of a PE with `maps`, two of them in its address stages


def pe_multipliers(config: ArrayConfig) -> int:
    """Multipliers of a PE, at least: `functions` adds some that are small."""
    return MAP_MULTIPLIERS if config.maps else 1


def array_block_rams(config: ArrayConfig, block_rams: Callable[[int, int], int]) -> tuple[int, int]:
    """Of one PE, and of all that the PEs share: from the memories that the hardware description declares.

    `block_rams` says how many a family takes for so many words and bits.
    """

    def total(shapes: Iterable[tuple[int, int]]) -> int:
        return sum(block_rams(depth, width) for depth, width in shapes)

    return total(pe_memory_shapes(config)), total(shared_memory_shapes(config))
