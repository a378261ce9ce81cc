"""Leading-nonzero detection: the lowest pending PE, found by a 4-ary tree as in the paper (Section IV)."""

from collections.abc import Sequence

RADIX = 4


def leading_nonzero(pending: Sequence[bool]) -> int | None:
    """Number of the lowest PE whose flag is set, None without one; combinational."""
    winners: list[int | None] = [pe if flag else None for pe, flag in enumerate(pending)]
    while len(winners) > 1:
        nodes = [winners[first : first + RADIX] for first in range(0, len(winners), RADIX)]
        winners = [next((winner for winner in node if winner is not None), None) for node in nodes]
    return winners[0]
