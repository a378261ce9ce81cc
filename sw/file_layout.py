"""The chain of a layer's nonzero weights in a model file: row by row or column by column, runs of how many bits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from sw.file_bits import LONGEST_CODE, BitWriter
from sw.file_lengths import write_lengths
from sw.graph import Shape
from sw.huffman import code_lengths
from sw.layer import matrix_shape

INDEX_BITS = range(9)
COMMON_GAP = 1 << 16  # longer ones are counted one by one


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the chain goes: through columns or rows, and the bits of its zero runs."""

    column_major: bool
    index_bits: int


def choose_layout(
    positions: NDArray[np.int64], codes: NDArray[np.uint8], shape: Shape, index_bits: int | None = None
) -> Layout:
    """The layout with the smallest section; of equal ones row-major first, then the narrowest runs.

    Parameters
    ----------
    positions : (n,) int64 ascending and row-major, of the nonzero weights of a layer of `shape`.
    codes : (n,) uint8 above 0.
    index_bits : the width of runs, if it is given and only the order is to be chosen.
    """
    widths = INDEX_BITS if index_bits is None else range(index_bits, index_bits + 1)
    chains = positions, transpose(positions, *matrix_shape(shape))[0]
    sizes = {
        (column_major, width): size
        for column_major, chain in zip((False, True), chains, strict=True)
        for width, size in zip(widths, chain_bytes(chain, codes, widths), strict=True)
    }
    column_major, width = min(sizes, key=lambda layout: sizes[layout])
    return Layout(column_major=column_major, index_bits=width)


def choose_index_bits(positions: NDArray[np.int64], codes: NDArray[np.uint8]) -> int:
    """The width of runs with the smallest section of a row-major chain; the narrowest of equal ones."""
    sizes = chain_bytes(positions, codes, INDEX_BITS)
    return sizes.index(min(sizes))


def chain_bytes(chain: NDArray[np.int64], codes: NDArray[np.uint8], widths: range) -> list[int]:
    """Bytes of runs, codes and their tables for each width of runs.

    chain (n,) int64: ascending positions in the order of the chain, codes (n,) uint8 above 0, in any order.
    """
    if chain.size == 0:
        return [0] * len(widths)
    gaps, counts = gap_counts(chain)
    code_counts = np.bincount(codes)
    used_counts = np.concatenate([[0], code_counts[code_counts > 0]])
    sizes: list[int] = []
    for index_bits in widths:
        run_counts, fillers = count_runs(gaps, counts, index_bits)
        used_counts[0] = fillers
        sizes.append(_stream_bytes(used_counts) + (_stream_bytes(run_counts) if index_bits else 0))
    return sizes


def gap_counts(chain: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Zeros in front of the entries of a chain: the numbers that occur, ascending, and how often."""
    gaps = np.diff(chain, prepend=np.int64(-1)) - 1
    common = np.bincount(gaps[gaps < COMMON_GAP])
    values = np.flatnonzero(common)
    long, long_counts = np.unique(gaps[gaps >= COMMON_GAP], return_counts=True)
    return np.concatenate([values, long]), np.concatenate([common[values], long_counts])


def count_runs(gaps: NDArray[np.int64], counts: NDArray[np.int64], index_bits: int) -> tuple[NDArray[np.int64], int]:
    """(2**index_bits,) int64 entries with each run, fillers included, and the fillers."""
    fillers = int(((gaps >> index_bits) * counts).sum())
    runs = np.zeros(1 << index_bits, np.int64)
    np.add.at(runs, gaps & ((1 << index_bits) - 1), counts)
    runs[-1] += fillers
    return runs, fillers


def transpose(positions: NDArray[np.int64], rows: int, columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entries of a matrix in the order of its transpose.

    positions (n,) int64 ascending, ``row * columns + column``. Returns the ascending positions ``column * rows + row``
    and the index of each in `positions`.
    """
    starts = np.zeros(columns + 1, np.int64)
    order = np.empty(positions.size, np.int64)
    transposed = np.empty(positions.size, np.int64)
    _transpose(positions, rows, columns, starts, order, transposed)
    return transposed, order


def _stream_bytes(counts: NDArray[np.int64]) -> int:
    """Bytes of a Huffman-coded stream and its table."""
    lengths = code_lengths(counts, LONGEST_CODE)
    table = BitWriter()
    write_lengths(table, lengths)
    return -(-table.bits // 8) - (-int((lengths * counts).sum()) // 8)


@compiled
def _transpose(
    positions: NDArray[np.int64],
    rows: int,
    columns: int,
    starts: NDArray[np.int64],
    order: NDArray[np.int64],
    transposed: NDArray[np.int64],
) -> None:
    """Counting sort by column, which keeps the order of the rows."""
    for position in positions:
        starts[position % columns + 1] += 1
    for column in range(columns):
        starts[column + 1] += starts[column]
    for index in range(positions.size):
        row, column = positions[index] // columns, positions[index] % columns
        at = starts[column]
        starts[column] += 1
        order[at] = index
        transposed[at] = column * rows + row
