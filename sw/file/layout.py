"""How a model file goes through the nonzero weights of a layer: by rows or columns, and with which zero runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from sw.coding.huffman import code_lengths
from sw.file.bits import LONGEST_CODE, BitWriter, whole_bytes
from sw.file.lengths import write_code_table, write_lengths
from sw.file.runs import run_alphabet, run_symbols
from sw.network.graph import Shape
from sw.network.layer import matrix_shape

LEAD_BITS = range(5)
COMMON_GAP = 1 << 16  # longer ones are counted one by one


@dataclass(frozen=True, kw_only=True)
class Layout:
    """In which order a file stores a layer's weights, and how it tells their places.

    Parameters
    ----------
    column_major : whether it goes through the (out, rest) matrix column by column.
    lead_bits : leading bits of a zero run that its Huffman code tells, 1 to 4; with 0 there are no runs, and every
        weight up to the last nonzero one has a code.
    """

    column_major: bool
    lead_bits: int


def choose_layout(positions: NDArray[np.int64], codes: NDArray[np.uint8], shape: Shape) -> Layout:
    """The layout with the smallest section; of equal ones row-major first, then the fewest lead bits.

    positions (n,) int64 ascending and row-major, codes (n,) uint8 above 0: the nonzero weights of a layer of `shape`.
    """
    orders = positions, transpose(positions, *matrix_shape(shape))[0]
    places = int(np.prod(shape))
    sizes = [order_bytes(ordered, codes, places) for ordered in orders]
    column_major = min(sizes[1]) < min(sizes[0])
    return Layout(column_major=column_major, lead_bits=sizes[column_major].index(min(sizes[column_major])))


def order_bytes(ordered: NDArray[np.int64], codes: NDArray[np.uint8], places: int) -> list[int]:
    """Bytes of runs, codes and their tables for each of LEAD_BITS.

    ordered (n,) int64: ascending positions below `places` in the file's order, codes (n,) uint8 above 0, in any.
    """
    if ordered.size == 0:
        return [0] * len(LEAD_BITS)
    gaps, counts = gap_counts(ordered)
    code_counts = np.bincount(codes)
    code_counts = np.concatenate([[0], code_counts[code_counts > 0]])
    code_bytes = _code_bytes(code_counts, has_zeros=False)
    code_counts[0] = ordered[-1] + 1 - ordered.size
    sizes = [_code_bytes(code_counts, has_zeros=True)]
    for lead_bits in LEAD_BITS[1:]:
        lengths, bits = run_lengths(gaps, counts, places, lead_bits)
        table = BitWriter()
        write_lengths(table, lengths)
        sizes.append(code_bytes + whole_bytes(table.bits) + whole_bytes(bits))
    return sizes


def gap_counts(ordered: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Zeros in front of entries in the file's order: the numbers that occur, ascending, and how often."""
    common = np.zeros(COMMON_GAP, np.int64)
    # Entries cannot have more long gaps than fit between the first place and the last.
    long = np.zeros(int(ordered.max(initial=0)) // COMMON_GAP + 1, np.int64)
    long, long_counts = np.unique(long[: _count_gaps(ordered, common, long)], return_counts=True)
    values = np.flatnonzero(common)
    return np.concatenate([values, long]), np.concatenate([common[values], long_counts])


def run_lengths(
    gaps: NDArray[np.int64], counts: NDArray[np.int64], places: int, lead_bits: int
) -> tuple[NDArray[np.uint8], int]:
    """Code lengths of the runs with these gaps in so many places, and the bits of all runs."""
    symbols, tails = run_symbols(gaps, lead_bits)
    symbol_counts = np.bincount(symbols, counts, run_alphabet(places, lead_bits)).astype(np.int64)
    lengths = code_lengths(symbol_counts, LONGEST_CODE)
    return lengths, int((lengths * symbol_counts).sum() + (tails * counts).sum())


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


def _code_bytes(counts: NDArray[np.int64], has_zeros: bool) -> int:
    """Bytes of the codes and their table."""
    lengths = code_lengths(counts, LONGEST_CODE)
    table = BitWriter()
    write_code_table(table, lengths, has_zeros)
    return whole_bytes(table.bits) + whole_bytes(int((lengths * counts).sum()))


@compiled
def _count_gaps(ordered: NDArray[np.int64], common: NDArray[np.int64], long: NDArray[np.int64]) -> int:
    """Counts gaps below ``common.size`` and collects the others, whose number it returns."""
    expected, collected = 0, 0
    for position in ordered:
        gap = position - expected
        expected = position + 1
        if gap < common.size:
            common[gap] += 1
        else:
            long[collected] = gap
            collected += 1
    return collected


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
