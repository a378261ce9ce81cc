"""Float32 numbers in a model file, exactly: as integers, of which the high parts are few and Huffman-coded.

Two ways make integers of numbers: their bit patterns (magnitude with sign, so that they keep their order), without the
zero bits that all end in; or their multiples of a power of two. Negative zero is stored as zero.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.coding.huffman import code_lengths
from sw.file.bits import LONGEST_CODE, BitReader, BitWriter
from sw.file.integers import LIMIT, MAX_COUNT, bit_lengths, read_ascending, write_ascending
from sw.file.lengths import read_used_lengths, write_used_lengths

MAGNITUDE = 0x7FFFFFFF
INFINITY = 0x7F800000
PATTERN, GRID = 0, 1
SHIFT = 5  # bits of the zero bits that all patterns end in
EXPONENT = 8  # bits of a power of two, from the smallest float32
SMALLEST_EXPONENT = -149
LARGEST_EXPONENT = SMALLEST_EXPONENT + (1 << EXPONENT) - 1
DIGITS = 24  # bits of a float32's significand
BLOCK = 1 << 14  # numbers that are integers at once: a bit each in the file, 64 in memory
LOW = 5  # bits of the width of low parts
TRIALS = 4  # splits that are tried, those that promise the fewest bits


@dataclass(frozen=True, eq=False)
class Integers:
    """Numbers as `integers` (int64) times 2**scale, by bit pattern or by value."""

    way: int
    scale: int
    integers: NDArray[np.int64]

    def write(self, writer: BitWriter) -> None:
        """Everything but the integers."""
        writer.number(self.way, 1)
        if self.way == PATTERN:
            writer.number(self.scale, SHIFT)
        else:
            writer.number(self.scale - SMALLEST_EXPONENT, EXPONENT)


def write_codebook(values: NDArray[np.float32]) -> bytes:
    """1 to 256 ascending distinct numbers; how many is known to the reader."""
    trials: list[BitWriter] = []
    for form in _forms(values):
        trials.append(BitWriter())
        form.write(trials[-1])
        write_ascending(trials[-1], form.integers)
    return min(trials, key=lambda trial: trial.bits).to_bytes()


def read_codebook(reader: BitReader, count: int, what: str) -> NDArray[np.float32]:
    """(count,) float32; the reader stands at a whole byte afterwards."""
    way, scale = _read_form(reader)
    integers = read_ascending(reader, count, what)
    reader.align()
    return _values(way, scale, integers, what)


def write_values(values: NDArray[np.float32]) -> bytes:
    """Any numbers; how many is known to the reader."""
    trials: list[BitWriter] = []
    for form in _forms(values):
        trials.append(BitWriter())
        form.write(trials[-1])
        _write_integers(trials[-1], form.integers)
    return min(trials, key=lambda trial: trial.bits).to_bytes()


def read_values(reader: BitReader, count: int, what: str) -> NDArray[np.float32]:
    """(count,) float32, read-only if they are all equal; the reader stands at a whole byte afterwards."""
    way, scale = _read_form(reader)
    low = reader.number(LOW)
    highs = read_ascending(reader, 1 + reader.number(8), what)
    if highs.size == 1 and not low:
        reader.align()
        return np.broadcast_to(_values(way, scale, highs, what), (count,))
    ranks = np.broadcast_to(np.uint8(0), (count,))
    if highs.size > 1:
        ranks = reader.symbols(count, read_used_lengths(reader, highs.size, what))
    reader.require(count * low)
    values = np.empty(count, np.float32)
    for start in range(0, count, BLOCK):
        part = ranks[start : start + BLOCK]
        integers = highs[part] << low | reader.numbers(part.size, low) if low else highs[part]
        values[start : start + BLOCK] = _values(way, scale, integers, what)
    reader.align()
    return values


@dataclass(frozen=True, eq=False)
class Split:
    """Integers cut into high parts and `low` bits: the distinct high parts, ascending, and how often each occurs."""

    low: int
    highs: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def estimate(self) -> float:
        """About the bits of it all: entropy, low parts, and for each high part its distance to the next and 4 more."""
        total = self.counts.sum()
        entropy = (self.counts * np.log2(total / self.counts)).sum()
        between = bit_lengths(np.diff(self.highs) - 1).sum()
        return float(self.low * total + entropy + 4 * self.highs.size + between)

    def head(self) -> tuple[int, BitWriter]:
        """The bits of it all, and what comes before the integers."""
        writer = BitWriter()
        writer.number(self.low, LOW)
        writer.number(self.highs.size - 1, 8)
        write_ascending(writer, self.highs)
        bits = self.low * int(self.counts.sum())
        if self.highs.size > 1:
            lengths = code_lengths(self.counts, LONGEST_CODE)
            write_used_lengths(writer, lengths)
            bits += int((lengths * self.counts).sum())
        return writer.bits + bits, writer


def _write_integers(writer: BitWriter, integers: NDArray[np.int64]) -> None:
    """The best split, then the high part's code of every integer, then the low parts."""
    promising = sorted(_splits(integers), key=lambda split: split.estimate)[:TRIALS]
    trials = [(*split.head(), split) for split in promising]
    _, head, best = min(trials, key=lambda trial: trial[0])
    writer.extend(head)
    if best.highs.size > 1:
        ranks = np.searchsorted(best.highs, integers >> best.low).astype(np.uint8)
        writer.symbols(ranks, code_lengths(best.counts, LONGEST_CODE))
    if best.low:
        writer.numbers(integers & ((1 << best.low) - 1), best.low)


def _splits(integers: NDArray[np.int64]) -> list[Split]:
    """All with at most MAX_COUNT high parts; the last one, into magnitudes and signs, always is among them."""
    ascending = np.sort(integers)
    splits: list[Split] = []
    for low in range(1 << LOW):
        highs = ascending >> low
        starts = np.flatnonzero(np.diff(highs, prepend=highs[0] - 1))
        if starts.size <= MAX_COUNT:
            splits.append(Split(low, highs[starts], np.diff(starts, append=highs.size)))
    return splits


def _forms(values: NDArray[np.float32]) -> list[Integers]:
    """The ways that hold these finite numbers exactly."""
    patterns = values.astype(np.float32).view(np.int32).astype(np.int64)
    magnitudes = patterns & MAGNITUDE
    signs = np.where(patterns < 0, -1, 1)
    shift = min(_trailing_zeros(magnitudes), (1 << SHIFT) - 1)
    forms = [Integers(PATTERN, shift, signs * (magnitudes >> shift))]
    if values.any():
        mantissas, exponents = np.frexp(values[values != 0].astype(np.float64))
        wholes = np.ldexp(mantissas, DIGITS).astype(np.int64)
        _, zeros = np.frexp((wholes & -wholes).astype(np.float64))
        scale = int((exponents.astype(np.int64) - DIGITS + zeros - 1).min())
        scale = min(scale, LARGEST_EXPONENT)
        multiples = np.ldexp(values.astype(np.float64), -scale)
        if np.abs(multiples).max() < LIMIT:
            forms.append(Integers(GRID, scale, multiples.astype(np.int64)))
    return forms


def _trailing_zeros(integers: NDArray[np.int64]) -> int:
    """Zero bits that all integers end in; 31 if all are 0."""
    union = int(np.bitwise_or.reduce(integers)) | 1 << 31
    return (union & -union).bit_length() - 1


def _read_form(reader: BitReader) -> tuple[int, int]:
    if reader.number(1) == PATTERN:
        return PATTERN, reader.number(SHIFT)
    return GRID, reader.number(EXPONENT) + SMALLEST_EXPONENT


def _values(way: int, scale: int, integers: NDArray[np.int64], what: str) -> NDArray[np.float32]:
    if (np.abs(integers) >= LIMIT).any():
        raise EieError(f"{what}: integers must be below 2**31 in magnitude, got {integers[np.abs(integers).argmax()]}")
    if way == PATTERN:
        magnitudes = np.abs(integers) << scale
        if magnitudes.max(initial=0) >= INFINITY:
            raise EieError(f"{what}: numbers must be finite, got NaN or infinity")
        patterns = np.where(integers < 0, magnitudes | 1 << 31, magnitudes)
        return patterns.astype(np.uint32).view(np.float32)
    exact = np.ldexp(integers.astype(np.float64), scale)
    with np.errstate(over="ignore", under="ignore"):
        values = exact.astype(np.float32)
    if (values != exact).any():
        raise EieError(f"{what}: numbers must be float32 exactly, got {exact[values != exact][0]}")
    return values
