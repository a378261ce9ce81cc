"""Canonical, length-limited Huffman codes: lengths and codewords."""

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError

LONGEST = 16  # longest code of any use: an array's bound


def code_lengths(frequencies: NDArray[np.int64], limit: int) -> NDArray[np.uint8]:
    """Optimal code lengths of at most `limit` bits (package-merge: Larmore and Hirschberg, 1990).

    Parameters
    ----------
    frequencies : (symbols,) counts; a symbol of count 0 gets no code.
    limit : 1 to 16; EieError if the used symbols do not fit.

    Returns
    -------
    lengths : (symbols,) uint8, 0 for unused symbols. A single used symbol has length 1.
    """
    if not 1 <= limit <= LONGEST:
        raise EieError(f"the longest Huffman code must have 1 to {LONGEST} bits, got {limit}")
    if (frequencies < 0).any():
        raise EieError(f"frequencies must not be negative, got {frequencies.min()}")
    lengths = np.zeros(frequencies.size, np.uint8)
    used = np.flatnonzero(frequencies)
    if used.size > 1 << limit:
        raise EieError(f"{used.size} symbols need Huffman codes longer than {limit} bits")
    if used.size == 1:
        lengths[used] = 1
    if used.size < 2:
        return lengths
    used = used[np.argsort(frequencies[used], kind="stable")]
    leaves = frequencies[used].astype(np.int64)
    packages = leaves[:0]
    is_leaf: list[NDArray[np.bool_]] = []
    for _ in range(limit):
        coins = np.concatenate([leaves, packages])
        order = np.argsort(coins, kind="stable")
        is_leaf.append(order < leaves.size)
        coins = coins[order]
        packages = coins[0 : coins.size - 1 : 2] + coins[1::2]
    take = 2 * leaves.size - 2
    for level in reversed(is_leaf):
        leaves_taken = int(np.count_nonzero(level[:take]))
        lengths[used[:leaves_taken]] += 1
        take = 2 * (take - leaves_taken)
    return lengths


def check_lengths(lengths: NDArray[np.uint8], limit: int, what: str) -> int:
    """The number of used symbols; EieError unless the code is complete (Kraft sum 1), one 1-bit symbol, or empty."""
    used = lengths[lengths > 0].astype(np.int64)
    if used.size and used.max() > limit:
        raise EieError(f"{what}: code lengths must be at most {limit}, got {used.max()}")
    kraft = int((1 << (limit - used)).sum())
    single = used.size == 1 and used[0] == 1
    if used.size and kraft != 1 << limit and not single:
        raise EieError(f"{what}: code lengths must fill {1 << limit} codewords of {limit} bits, they fill {kraft}")
    return int(used.size)


def canonical_symbols(lengths: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(used,) symbols sorted by (length, symbol)."""
    used = np.flatnonzero(lengths)
    return used[np.argsort(lengths[used], kind="stable")]


def codewords(lengths: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(symbols,) canonical codewords, most significant bit first in the low ``lengths`` bits."""
    words = np.zeros(lengths.size, np.uint32)
    word, before = 0, 0
    for symbol in canonical_symbols(lengths):
        word <<= int(lengths[symbol]) - before
        words[symbol] = word
        word, before = word + 1, int(lengths[symbol])
    return words
