"""Relative indices: positions as zero runs of few bits, with fillers for longer gaps (EIE, section III-B)."""

import numpy as np
from numpy.typing import NDArray


def filler_counts(positions: NDArray[np.int64], offsets: NDArray[np.int64], index_bits: int) -> NDArray[np.int64]:
    """Fillers in front of each position; arguments as for `encode_slices`."""
    return _gaps(positions, offsets) >> index_bits


def encode_slices(
    positions: NDArray[np.int64], offsets: NDArray[np.int64], index_bits: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.int64]]:
    """Zero runs of many slices at once.

    Parameters
    ----------
    positions : (n,) int64, ascending inside each slice, from 0.
    offsets : (slices + 1,) int64, where each slice begins in `positions`.
    index_bits : bits of a run, 1 to 8. A filler has the largest run and advances ``2**index_bits`` positions.

    Returns
    -------
    runs : (entries,) uint8.
    is_filler : (entries,) bool.
    entry_offsets : (slices + 1,) int64, where each slice begins in `runs`.
    """
    gaps = _gaps(positions, offsets)
    mask = (1 << index_bits) - 1
    ends = np.cumsum((gaps >> index_bits) + 1)
    bounds = np.concatenate([np.zeros(1, np.int64), ends])
    runs = np.full(bounds[-1], mask, np.uint8)
    runs[ends - 1] = gaps & mask
    is_filler = np.ones(bounds[-1], np.bool_)
    is_filler[ends - 1] = False
    return runs, is_filler, bounds[offsets]


def decode_slices(runs: NDArray[np.uint8], entry_offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """(entries,) int64 position of each entry inside its slice, fillers included (where they advance to)."""
    ends = np.cumsum(runs.astype(np.int64) + 1)
    before = np.concatenate([np.zeros(1, np.int64), ends])[entry_offsets[:-1]]
    return ends - 1 - np.repeat(before, np.diff(entry_offsets))


def _gaps(positions: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Zeros between each position and the one before it in its slice."""
    gaps = np.diff(positions, prepend=np.int64(-1)) - 1
    starts = offsets[:-1][np.diff(offsets) > 0]
    gaps[starts] = positions[starts]
    return gaps
