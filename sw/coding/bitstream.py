"""Bits of Huffman codes: encoding many streams at once, and decoding by table.

The first bit of a stream is the most significant bit of its first byte. A lookup table of L bits has 2**L entries
``symbol << 8 | length``, indexed by the next L bits; length 0 marks bits that no codeword begins with.
"""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.errors import EieError
from sw.coding.huffman import canonical_symbols, check_lengths


def encode_streams(
    symbols: NDArray[np.uint16],
    offsets: NDArray[np.int64],
    words: NDArray[np.uint32],
    lengths: NDArray[np.uint8],
    align: int = 1,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Huffman-code many streams.

    Parameters
    ----------
    symbols : (n,) the streams one after the other.
    offsets : (streams + 1,) where each begins in `symbols`.
    words, lengths : codeword and code length of each symbol.
    align : every stream gets the same number of bytes, the fewest that hold the longest and that this divides.

    Returns
    -------
    data : (streams, bytes) uint8, zero-padded.
    bits : (streams,) int64, length of each stream.
    """
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[symbols], dtype=np.int64)])
    bits = np.diff(ends[offsets])
    units = -(-int(bits.max(initial=0)) // (8 * align))
    data = np.zeros((bits.size, units * align), np.uint8)
    _encode(symbols, offsets, words, lengths, data)
    return data, bits


def lookup_table(lengths: NDArray[np.uint8], limit: int) -> NDArray[np.uint32]:
    """(2**limit,) lookup table of a canonical code."""
    check_lengths(lengths, limit, "lookup table")
    symbols = canonical_symbols(lengths)
    used = lengths[symbols].astype(np.int64)
    lookup = np.zeros(1 << limit, np.uint32)
    filled = np.repeat(symbols << 8 | used, 1 << (limit - used))
    lookup[: filled.size] = filled
    return lookup


def decode_symbols(
    data: NDArray[np.uint8], start: int, count: int, lookup: NDArray[np.uint32], what: str
) -> tuple[NDArray[np.uint8], int]:
    """`count` symbols from bit `start` of `data`, and the bit after them.

    Parameters
    ----------
    data : (bytes,) uint8.
    lookup : of symbols below 256.
    what : names the stream in the EieError for bits that are no code or end too early.
    """
    symbols = np.zeros(count, np.uint8)
    end = _decode(data, start, lookup, symbols)
    if end < 0:
        raise EieError(f"{what}: {count} symbols must follow bit {start}, the bits are no code or end before")
    return symbols, end


@compiled
def _encode(
    symbols: NDArray[np.uint16],
    offsets: NDArray[np.int64],
    words: NDArray[np.uint32],
    lengths: NDArray[np.uint8],
    data: NDArray[np.uint8],
) -> None:
    for stream in range(data.shape[0]):
        held, held_bits, byte = 0, 0, 0
        for at in range(offsets[stream], offsets[stream + 1]):
            symbol = symbols[at]
            held = (held << int(lengths[symbol])) | int(words[symbol])
            held_bits += int(lengths[symbol])
            while held_bits >= 8:
                held_bits -= 8
                data[stream, byte] = (held >> held_bits) & 0xFF
                byte += 1
            held &= (1 << held_bits) - 1
        if held_bits:
            data[stream, byte] = (held << (8 - held_bits)) & 0xFF


@compiled
def _decode(data: NDArray[np.uint8], start: int, lookup: NDArray[np.uint32], symbols: NDArray[np.uint8]) -> int:
    """The bit after ``symbols.size`` symbols from bit `start`, or -1 if the next bits are no code or end before."""
    longest = 0
    while (1 << longest) < lookup.size:
        longest += 1
    byte, position, bits = start // 8, start, 8 * data.size
    held, held_bits = 0, 0
    if byte < data.size:
        held_bits = 8 - start % 8
        held = int(data[byte]) & ((1 << held_bits) - 1)
        byte += 1
    for at in range(symbols.size):
        while held_bits < longest:
            held = (held << 8) | (int(data[byte]) if byte < data.size else 0)
            held_bits += 8
            byte += 1
        entry = int(lookup[(held >> (held_bits - longest)) & (lookup.size - 1)])
        length = entry & 0xFF
        if length == 0 or position + length > bits:
            return -1
        held_bits -= length
        held &= (1 << held_bits) - 1
        position += length
        symbols[at] = entry >> 8
    return position
