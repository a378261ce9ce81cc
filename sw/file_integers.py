"""Ascending distinct integers in a model file: the first, then what lies between neighbours."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sw.errors import EieError
from sw.file_bits import LONGEST_CODE, MAX_UNARY, BitReader, BitWriter
from sw.file_lengths import read_lengths, write_lengths
from sw.huffman import code_lengths

MAX_COUNT = 256
LIMIT = 1 << 31  # of magnitudes
WIDTH = 6  # bits of the first integer's width
RICE = 5  # bits of a Rice parameter
CLASSES = 33  # an integer below 2**32 has 0 to 32 bits


def write_ascending(writer: BitWriter, integers: NDArray[np.int64]) -> None:
    """1 to MAX_COUNT ascending integers below LIMIT in magnitude; how many is known to the reader."""
    first = int(integers[0])
    folded = 2 * first if first >= 0 else -2 * first - 1
    writer.number(folded.bit_length(), WIDTH)
    writer.number(folded, folded.bit_length())
    if integers.size > 1:
        gaps = np.diff(integers) - 1
        forms: list[Callable[[BitWriter, NDArray[np.int64]], None]] = [_write_classes]
        if (gaps >> LARGEST_RICE <= MAX_UNARY).all():
            forms.insert(0, _write_rice)
        trials: list[BitWriter] = []
        for write in forms:
            trials.append(BitWriter())
            write(trials[-1], gaps)
        writer.extend(min(trials, key=lambda trial: trial.bits))


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


LARGEST_RICE = (1 << RICE) - 1


def _write_rice(writer: BitWriter, gaps: NDArray[np.int64]) -> None:
    """Each gap as quotient in unary and remainder of 2**parameter."""
    parameters = [k for k in range(1 << RICE) if (gaps >> k <= MAX_UNARY).all()]
    best = min(parameters, key=lambda k: int((gaps >> k).sum()) + k * gaps.size)
    writer.number(0, 1)
    writer.number(best, RICE)
    for gap in gaps.tolist():
        writer.unary(gap >> best)
        writer.number(gap & ((1 << best) - 1), best)


def _read_rice(reader: BitReader, count: int) -> list[int]:
    parameter = reader.number(RICE)
    return [reader.unary() << parameter | reader.number(parameter) for _ in range(count)]


def _write_classes(writer: BitWriter, gaps: NDArray[np.int64]) -> None:
    """The Huffman-coded number of bits of each gap, then of each gap its bits after the first."""
    classes = np.array([gap.bit_length() for gap in gaps.tolist()], np.uint8)
    lengths = code_lengths(np.bincount(classes, minlength=CLASSES), LONGEST_CODE)
    writer.number(1, 1)
    write_lengths(writer, lengths)
    writer.symbols(classes, lengths)
    for gap, width in zip(gaps.tolist(), classes.tolist(), strict=True):
        if width > 1:
            writer.number(gap - (1 << width - 1), width - 1)


def _read_classes(reader: BitReader, count: int, what: str) -> list[int]:
    lengths = read_lengths(reader, CLASSES, what)
    classes = reader.symbols(count, lengths).tolist()
    return [1 << width - 1 | reader.number(width - 1) if width > 0 else 0 for width in classes]
