"""Magnitude pruning (Deep Compression, section 2; the retraining is the user's, or sw/training's)."""

import math

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.errors import EieError

INFINITY = 0x7F800000  # bits of the float32; those of larger magnitudes, NaN, follow it


def prune(
    weight: NDArray[np.float32],
    density: float | None = None,
    threshold: float | None = None,
    sensitivity: float | None = None,
) -> NDArray[np.float32]:
    """A copy with the small weights set to zero; zeros stay zero. Arguments as for `kept_positions`."""
    positions = kept_positions(weight, density=density, threshold=threshold, sensitivity=sensitivity)
    pruned = np.zeros(weight.size, np.float32)
    pruned[positions] = weight.ravel()[positions]
    return pruned.reshape(weight.shape)


def kept_positions(
    weight: NDArray[np.float32],
    *,
    density: float | None = None,
    threshold: float | None = None,
    sensitivity: float | None = None,
) -> NDArray[np.int64]:
    """(kept,) int64 ascending row-major positions of the nonzero weights that survive; nothing dense is made.

    Parameters
    ----------
    weight : float32, any shape, finite.
    density : keep at most ``round(density * size)`` weights, the largest; of equal magnitudes those that come first.
        Above 0, at most 1.
    threshold : keep weights of at least this magnitude; finite, not negative.
    sensitivity : the threshold as a multiple of the standard deviation of all the layer's weights; finite, not
        negative. At most one of the three is given.
    """
    check_pruning(density, threshold, sensitivity)
    bits = np.ascontiguousarray(weight).reshape(-1).view(np.uint32)
    counts = np.zeros(1 << 16, np.int64)
    _count_magnitudes(bits, 0, 16, counts)
    if counts[INFINITY >> 16 :].any():
        raise EieError("weights must be finite to be pruned, got NaN or infinity")
    nonzero = bits.size - _zeros(bits)
    smallest, ties = 1, nonzero  # the bits of the smallest magnitude kept, and how many weights of exactly this one
    if density is not None:
        smallest, ties = _cut(bits, counts, min(round(density * bits.size), nonzero))
    if sensitivity is not None:
        threshold = sensitivity * _deviation(bits.view(np.float32))
    if threshold is not None:
        with np.errstate(over="ignore"):
            smallest = max(int(np.float32(threshold).view(np.uint32)), 1)
    positions = np.empty(_kept(bits, smallest, ties), np.int64)
    _write_positions(bits, smallest, ties, positions)
    return positions


def check_pruning(density: float | None, threshold: float | None, sensitivity: float | None = None) -> None:
    """The options of `prune`, validated."""
    given = {"density": density, "threshold": threshold, "sensitivity": sensitivity}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise EieError(f"pruning takes a density, a threshold or a sensitivity, got {' and '.join(names)}")
    if density is not None and not 0 < density <= 1:
        raise EieError(f"density must be above 0 and at most 1, got {density}")
    for name, value in (("threshold", threshold), ("sensitivity", sensitivity)):
        if value is not None and not 0 <= value < math.inf:
            raise EieError(f"{name} must be finite and not negative, got {value}")


def _cut(bits: NDArray[np.uint32], counts: NDArray[np.int64], keep: int) -> tuple[int, int]:
    """Bits of the smallest of the `keep` largest magnitudes, and how many of exactly this one are among them.

    Magnitudes of float32 order as their bits do: the upper half is chosen by `counts`, then the lower half.
    """
    if keep == 0:
        return INFINITY, 0
    upper, left = _last_bin(counts, keep)
    low_counts = np.zeros(1 << 16, np.int64)
    _count_magnitudes(bits, upper, 0, low_counts)
    lower, ties = _last_bin(low_counts, left)
    return upper << 16 | lower, ties


def _last_bin(counts: NDArray[np.int64], keep: int) -> tuple[int, int]:
    """The bin that the `keep`-th largest is in, and which one of this bin it is, from 1."""
    from_above = np.cumsum(counts[::-1])
    place = int(np.searchsorted(from_above, keep))
    before = int(from_above[place - 1]) if place else 0
    return counts.size - 1 - place, keep - before


@compiled
def _count_magnitudes(bits: NDArray[np.uint32], upper: int, shift: int, counts: NDArray[np.int64]) -> None:
    """Histogram of the upper halves (shift 16), or of the lower halves of those whose upper half is `upper`."""
    for at in range(bits.size):
        magnitude = int(bits[at]) & 0x7FFFFFFF
        if shift == 16:
            counts[magnitude >> 16] += 1
        elif magnitude >> 16 == upper:
            counts[magnitude & 0xFFFF] += 1


@compiled
def _deviation(values: NDArray[np.float32]) -> float:
    """Standard deviation of all values, without a dense array of float64."""
    total, squares = 0.0, 0.0
    for value in values:
        total += value
    mean = total / values.size
    for value in values:
        squares += (value - mean) ** 2
    return math.sqrt(squares / values.size)


@compiled
def _zeros(bits: NDArray[np.uint32]) -> int:
    zeros = 0
    for at in range(bits.size):
        zeros += (int(bits[at]) & 0x7FFFFFFF) == 0
    return zeros


@compiled
def _kept(bits: NDArray[np.uint32], smallest: int, ties: int) -> int:
    larger, equal = 0, 0
    for at in range(bits.size):
        magnitude = int(bits[at]) & 0x7FFFFFFF
        larger += magnitude > smallest
        equal += magnitude == smallest
    return larger + min(equal, ties)


@compiled
def _write_positions(bits: NDArray[np.uint32], smallest: int, ties: int, positions: NDArray[np.int64]) -> None:
    written = 0
    for at in range(bits.size):
        magnitude = int(bits[at]) & 0x7FFFFFFF
        if magnitude < smallest:
            continue
        if magnitude == smallest:
            if ties == 0:
                continue
            ties -= 1
        positions[written] = at
        written += 1
