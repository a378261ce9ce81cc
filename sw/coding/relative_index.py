"""Relative indices: positions as zero runs of few bits, with fillers for longer gaps (EIE, section III-B)."""

import numpy as np
from numpy.typing import NDArray


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
    gaps = np.diff(positions, prepend=np.int64(-1)) - 1
    starts = offsets[:-1][np.diff(offsets) > 0]
    gaps[starts] = positions[starts]
    mask = (1 << index_bits) - 1
    ends = np.cumsum((gaps >> index_bits) + 1)
    bounds = np.concatenate([np.zeros(1, np.int64), ends])
    runs = np.full(bounds[-1], mask, np.uint8)
    runs[ends - 1] = gaps & mask
    is_filler = np.ones(bounds[-1], np.bool_)
    is_filler[ends - 1] = False
    return runs, is_filler, bounds[offsets]
