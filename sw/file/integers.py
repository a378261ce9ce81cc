"""Ascending distinct integers in a model file: the first, then what lies between neighbours."""

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.coding.huffman import code_lengths
from sw.file.bits import LONGEST_CODE, MAX_UNARY, BitReader, BitWriter
from sw.file.lengths import read_lengths, write_lengths

MAX_COUNT = 256
LIMIT = 1 << 31  # of magnitudes
WIDTH = 6  # bits of the first integer's width
RICE = 5  # bits of a Rice parameter
PARAMETERS = np.arange(1 << RICE)
CLASSES = 33  # an integer below 2**32 has 0 to 32 bits


def write_ascending(writer: BitWriter, integers: NDArray[np.int64]) -> None:
    """1 to MAX_COUNT ascending integers below LIMIT in magnitude; how many is known to the reader."""
    first = int(integers[0])
    folded = 2 * first if first >= 0 else -2 * first - 1
    writer.number(folded.bit_length(), WIDTH)
    writer.number(folded, folded.bit_length())
    if integers.size == 1:
        return
    gaps = np.diff(integers) - 1
    parameter, rice_bits = _rice(gaps)
    classes = bit_lengths(gaps)
    lengths = code_lengths(np.bincount(classes, minlength=CLASSES), LONGEST_CODE)
    table = BitWriter()
    write_lengths(table, lengths)
    class_bits = table.bits + int(lengths[classes].sum(dtype=np.int64)) + int(np.maximum(classes - 1, 0).sum())
    if rice_bits is not None and rice_bits <= class_bits:
        writer.number(0, 1)
        writer.number(parameter, RICE)
        for gap in gaps.tolist():
            writer.unary(gap >> parameter)
            writer.number(gap & ((1 << parameter) - 1), parameter)
    else:
        writer.number(1, 1)
        writer.extend(table)
        writer.symbols(classes.astype(np.uint8), lengths)
        for gap, width in zip(gaps.tolist(), classes.tolist(), strict=True):
            if width > 1:
                writer.number(gap - (1 << width - 1), width - 1)


def read_ascending(reader: BitReader, count: int, what: str) -> NDArray[np.int64]:
    """(count,) int64."""
    folded = reader.number(reader.number(WIDTH))
    first = folded >> 1 if folded % 2 == 0 else -(folded + 1 >> 1)
    gaps: list[int] = []
    if count > 1:
        gaps = _read_classes(reader, count - 1, what) if reader.number(1) else _read_rice(reader, count - 1)
    integers = first + np.cumsum(np.array([0, *(gap + 1 for gap in gaps)], np.int64))
    if abs(first) >= LIMIT or integers[-1] >= LIMIT:
        raise EieError(f"{what}: integers must be below 2**31 in magnitude, got {first} to {integers[-1]}")
    return integers


def _rice(gaps: NDArray[np.int64]) -> tuple[int, int | None]:
    """The Rice parameter with the fewest bits, and these; None if some gap is too long for any."""
    quotients = gaps[:, np.newaxis] >> PARAMETERS
    possible = np.flatnonzero(quotients.max(axis=0) <= MAX_UNARY)
    if possible.size == 0:
        return 0, None
    bits = (quotients.sum(axis=0) + gaps.size * (1 + PARAMETERS))[possible]
    best = int(bits.argmin())
    return int(possible[best]), RICE + int(bits[best])


def _read_rice(reader: BitReader, count: int) -> list[int]:
    """Each gap as quotient in unary and remainder of 2**parameter."""
    parameter = reader.number(RICE)
    return [reader.unary() << parameter | reader.number(parameter) for _ in range(count)]


def _read_classes(reader: BitReader, count: int, what: str) -> list[int]:
    """The Huffman-coded number of bits of each gap, then of each gap its bits after the first."""
    lengths = read_lengths(reader, CLASSES, what)
    classes = reader.symbols(count, lengths).tolist()
    return [1 << width - 1 | reader.number(width - 1) if width > 0 else 0 for width in classes]


def bit_lengths(integers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bits of each integer, which is not negative; a float64 holds it exactly."""
    return np.frexp(integers.astype(np.float64))[1].astype(np.int64)
