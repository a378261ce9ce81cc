"""Leading-nonzero detection: the lowest pending PEs, found by a 4-ary tree as in the paper (Section IV)."""

from collections.abc import Sequence

RADIX = 4


def leading_nonzeros(pending: Sequence[bool], most: int) -> list[int]:
    """Numbers of the lowest PEs whose flag is set, ascending, `most` of them or fewer; combinational."""
    winners: list[list[int]] = [[pe] if flag else [] for pe, flag in enumerate(pending)]
    while len(winners) > 1:
        nodes = [winners[first : first + RADIX] for first in range(0, len(winners), RADIX)]
        winners = [[winner for lowest in node for winner in lowest][:most] for node in nodes]
    return winners[0]
