"""Sums over intervals of sorted numbers, each from the numbers inside it alone."""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled

BLOCK = 64


@compiled
def sum_tree(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """A binary tree of the sums of blocks of values: node i is the sum of nodes 2i and 2i + 1, the last half blocks.

    The difference of two prefix sums would lose small values behind large ones, and needs a float64 for every value.
    """
    leaves = 1
    while leaves * BLOCK < values.size:
        leaves *= 2
    tree = np.zeros(2 * leaves, np.float64)
    for at in range(values.size):
        tree[leaves + at // BLOCK] += values[at]
    for node in range(leaves - 1, 0, -1):
        tree[node] = tree[2 * node] + tree[2 * node + 1]
    return tree


@compiled
def interval_sum(values: NDArray[np.float32], tree: NDArray[np.float64], low: int, high: int) -> float:
    """The sum of ``values[low:high]`` in O(log n); `tree` is theirs."""
    total = 0.0
    first, last = -(-low // BLOCK), high // BLOCK
    if first >= last:
        for at in range(low, high):
            total += values[at]
        return total
    for at in range(low, first * BLOCK):
        total += values[at]
    for at in range(last * BLOCK, high):
        total += values[at]
    left, right = first + tree.size // 2, last + tree.size // 2
    while left < right:
        if left & 1:
            total += tree[left]
            left += 1
        if right & 1:
            right -= 1
            total += tree[right]
        left, right = left // 2, right // 2
    return total
