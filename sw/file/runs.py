"""Zero runs in a model file: the leading bits of each have a Huffman code, its other bits follow as they are.

A run below ``2**lead_bits`` is its own symbol. A longer one has a tail of bits behind its `lead_bits` leading ones,
and its symbol tells both. So a few symbols reach any run, and no entry is needed to cross a long one.
"""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.errors import EieError
from sw.coding.bitstream import lookup_table
from sw.coding.huffman import codewords
from sw.file.bits import LONGEST_CODE, BitReader, whole_bytes


def run_symbols(runs: NDArray[np.int64], lead_bits: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The symbol of each run and the number of its bits behind the leading ones."""
    # The exponent of a float64 is the number of bits of an integer.
    tail = np.maximum(np.frexp(runs.astype(np.float64))[1].astype(np.int64) - lead_bits, 0)
    return (tail << lead_bits - 1) + (runs >> tail), tail


def run_alphabet(places: int, lead_bits: int) -> int:
    """Symbols of runs in so many places, at least 1."""
    symbols, _ = run_symbols(np.array([places - 1]), lead_bits)
    return int(symbols[0]) + 1


def write_runs(ordered: NDArray[np.int64], lead_bits: int, lengths: NDArray[np.uint8], bits: int) -> bytes:
    """The runs in front of each position, padded with zero bits.

    Parameters
    ----------
    ordered : (n,) int64 ascending positions.
    lengths : code lengths of the symbols.
    bits : of all runs.
    """
    data = np.zeros(whole_bytes(bits), np.uint8)
    _write(ordered, lead_bits, codewords(lengths), lengths, data)
    return data.tobytes()


def read_runs(
    reader: BitReader, count: int, places: int, lead_bits: int, lengths: NDArray[np.uint8], what: str
) -> NDArray[np.int64]:
    """(count,) int64 ascending positions below `places`; EieError for anything else."""
    reader.require(count)
    ordered = np.zeros(count, np.int64)
    _advance(reader, count, places, lead_bits, lengths, what, ordered)
    return ordered


def skip_runs(
    reader: BitReader, count: int, places: int, lead_bits: int, lengths: NDArray[np.uint8], what: str
) -> None:
    """Raise what `read_runs` would and read as far, in no memory: positions may take 32 times their bits."""
    reader.require(count)
    _advance(reader, count, places, lead_bits, lengths, what, np.zeros(0, np.int64))


def _advance(
    reader: BitReader,
    count: int,
    places: int,
    lead_bits: int,
    lengths: NDArray[np.uint8],
    what: str,
    ordered: NDArray[np.int64],
) -> None:
    """Read the runs, into `ordered` unless it is empty."""
    lookup = lookup_table(lengths, LONGEST_CODE)
    end = _read(reader.array, reader.position, count, places, lead_bits, lookup, ordered)
    if end < 0:
        raise EieError(
            f"{what}: {count} runs must follow bit {reader.position} and end inside {places} places, they do not"
        )
    reader.position = end


@compiled
def _write(
    ordered: NDArray[np.int64],
    lead_bits: int,
    words: NDArray[np.uint32],
    lengths: NDArray[np.uint8],
    data: NDArray[np.uint8],
) -> None:
    held, held_bits, byte, expected = 0, 0, 0, 0
    for at in range(ordered.size):
        run = ordered[at] - expected
        expected = ordered[at] + 1
        tail = 0
        while run >> tail >= 1 << lead_bits:
            tail += 1
        symbol = (tail << (lead_bits - 1)) + (run >> tail)
        held = (held << int(lengths[symbol])) | int(words[symbol])
        held = (held << tail) | (run & ((1 << tail) - 1))
        held_bits += int(lengths[symbol]) + tail
        while held_bits >= 8:
            held_bits -= 8
            data[byte] = (held >> held_bits) & 0xFF
            byte += 1
        held &= (1 << held_bits) - 1
    if held_bits:
        data[byte] = (held << (8 - held_bits)) & 0xFF


@compiled
def _read(
    data: NDArray[np.uint8],
    start: int,
    count: int,
    places: int,
    lead_bits: int,
    lookup: NDArray[np.uint32],
    ordered: NDArray[np.int64],
) -> int:
    """The bit after `count` runs, or -1 if the bits are no code, end before, or a position lies outside."""
    longest = 0
    while (1 << longest) < lookup.size:
        longest += 1
    byte, bit, bits, position = start // 8, start, 8 * data.size, -1
    held, held_bits = 0, 0
    if byte < data.size:
        held_bits = 8 - start % 8
        held = int(data[byte]) & ((1 << held_bits) - 1)
        byte += 1
    for at in range(count):
        while held_bits < longest:
            held = (held << 8) | (int(data[byte]) if byte < data.size else 0)
            held_bits += 8
            byte += 1
        entry = int(lookup[(held >> (held_bits - longest)) & (lookup.size - 1)])
        length, symbol = entry & 0xFF, entry >> 8
        if length == 0:
            return -1
        tail = max((symbol >> (lead_bits - 1)) - 1, 0)
        bit += length + tail
        if bit > bits:
            return -1
        held_bits -= length
        held &= (1 << held_bits) - 1
        while held_bits < tail:
            held = (held << 8) | int(data[byte])
            held_bits += 8
            byte += 1
        held_bits -= tail
        position += 1 + ((symbol - (tail << (lead_bits - 1))) << tail | held >> held_bits)
        held &= (1 << held_bits) - 1
        if position >= places:
            return -1
        if ordered.size:
            ordered[at] = position
    return bit
