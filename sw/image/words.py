"""Words of the array's streams: rows of 32-bit pieces, as hosts move them, and integers, as ports carry them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig

PIECE_BITS = 32

Words = NDArray[np.uint32]
"""(n, stream_bits // 32) uint32, bits 31:0 of the stream word first."""


def words_as_integers(words: Words) -> list[int]:
    """Stream words as Python integers."""
    values = [int(value) for value in words[:, -1]]
    for place in range(words.shape[1] - 2, -1, -1):
        values = [value << PIECE_BITS | int(low) for value, low in zip(values, words[:, place], strict=True)]
    return values


def integers_as_words(config: ArrayConfig, values: Sequence[int]) -> Words:
    """The inverse of `words_as_integers`."""
    pieces = config.stream_bits // PIECE_BITS
    mask = (1 << PIECE_BITS) - 1
    rows = [[value >> PIECE_BITS * place & mask for place in range(pieces)] for value in values]
    return np.array(rows, dtype=np.uint32).reshape(len(values), pieces)
