"""Huffman code lengths in a model file: which symbols are used, and how each length differs from the one before."""

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.coding.huffman import check_lengths
from sw.file.bits import LONGEST_CODE, BitReader, BitWriter

FIRST_LENGTH = 4  # bits of the first length
CODES = 8  # bits of the number of codes


def write_lengths(writer: BitWriter, lengths: NDArray[np.uint8]) -> None:
    """Code lengths of an alphabet with at least one used symbol."""
    used = lengths > 0
    writer.number(int(used.all()), 1)
    if not used.all():
        writer.number(int(used[0]), 1)
        changes = np.flatnonzero(np.diff(used)) + 1
        for run in np.diff(np.concatenate([[0], changes, [used.size]])):
            writer.gamma(int(run))
    write_used_lengths(writer, lengths[used])


def read_lengths(reader: BitReader, alphabet: int, what: str) -> NDArray[np.uint8]:
    """(alphabet,) uint8; EieError unless they make a code."""
    used = np.ones(alphabet, np.bool_)
    if not reader.number(1):
        is_used, start = bool(reader.number(1)), 0
        while start < alphabet:
            end = start + reader.gamma()
            if end > alphabet:
                raise EieError(f"{what}: {alphabet} symbols must be said to be used or not, got {end}")
            used[start:end] = is_used
            start, is_used = end, not is_used
    if not used.any():
        raise EieError(f"{what}: at least one of {alphabet} symbols must be used, none is")
    lengths = np.zeros(alphabet, np.uint8)
    lengths[used] = read_used_lengths(reader, int(np.count_nonzero(used)), what)
    return lengths


def write_code_table(writer: BitWriter, lengths: NDArray[np.uint8], has_zeros: bool) -> None:
    """Code lengths of codes from 0, of which those above 0 are 1 to 255 and all used.

    has_zeros : whether code 0 may be used as well, for weights that are zero.
    """
    writer.number(lengths.size - 1, CODES)
    if has_zeros:
        writer.number(int(lengths[0] > 0), 1)
    write_used_lengths(writer, lengths[lengths > 0])


def read_code_table(reader: BitReader, code_bits: int, has_zeros: bool, what: str) -> NDArray[np.uint8]:
    """(codes + 1,) uint8, from code 0; EieError unless they make a code of 1 to ``2**code_bits - 1`` codes above 0."""
    codes = reader.number(CODES)
    if not 1 <= codes < 1 << code_bits:
        raise EieError(f"{what}: 1 to {(1 << code_bits) - 1} codes must be used, got {codes}")
    lengths = np.zeros(codes + 1, np.uint8)
    first = 0 if has_zeros and reader.number(1) else 1
    lengths[first:] = read_used_lengths(reader, codes + 1 - first, what)
    return lengths


def write_used_lengths(writer: BitWriter, lengths: NDArray[np.uint8]) -> None:
    """Code lengths of symbols that are all used: the first, then differences in unary as 0, 1, -1, 2, -2, .."""
    writer.number(int(lengths[0]), FIRST_LENGTH)
    for difference in np.diff(lengths.astype(np.int64)):
        writer.unary(int(2 * difference - 1 if difference > 0 else -2 * difference))


def read_used_lengths(reader: BitReader, count: int, what: str) -> NDArray[np.uint8]:
    """(count,) uint8; EieError unless they make a code."""
    lengths: list[int] = []
    for index in range(count):
        if index == 0:
            length = reader.number(FIRST_LENGTH)
        else:
            folded = reader.unary()
            length = lengths[-1] + ((folded + 1) // 2 if folded % 2 else -folded // 2)
        if not 1 <= length <= LONGEST_CODE:
            raise EieError(f"{what}: code lengths must be between 1 and {LONGEST_CODE}, got {length}")
        lengths.append(length)
    result = np.array(lengths, np.uint8)
    check_lengths(result, LONGEST_CODE, what)
    return result
