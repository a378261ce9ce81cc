"""Magnitude pruning (Deep Compression, section 2; the retraining is the user's)."""

import math

import numpy as np
from numpy.typing import NDArray

from sw.errors import EieError


def prune(
    weight: NDArray[np.float32], density: float | None = None, threshold: float | None = None
) -> NDArray[np.float32]:
    """A copy with the small weights set to zero; zeros stay zero.

    Parameters
    ----------
    weight : float32, any shape, finite.
    density : keep at most ``round(density * size)`` weights, the largest; of equal magnitudes those that come first.
        Above 0, at most 1.
    threshold : keep weights of at least this magnitude; finite, not negative. At most one of the two is given.
    """
    check_pruning(density, threshold)
    if not np.isfinite(weight).all():
        raise EieError("weights must be finite to be pruned, got NaN or infinity")
    magnitude = np.abs(weight).ravel()
    if threshold is not None:
        keep = magnitude >= threshold
    elif density is not None:
        keep = _largest(magnitude, round(density * magnitude.size))
    else:
        return weight.copy()
    return np.where(keep.reshape(weight.shape), weight, np.float32(0))


def check_pruning(density: float | None, threshold: float | None) -> None:
    """The two options of `prune`, validated."""
    if density is not None and threshold is not None:
        raise EieError("pruning takes a density or a threshold, got both")
    if density is not None and not 0 < density <= 1:
        raise EieError(f"density must be above 0 and at most 1, got {density}")
    if threshold is not None and not 0 <= threshold < math.inf:
        raise EieError(f"threshold must be finite and not negative, got {threshold}")


def _largest(magnitude: NDArray[np.float32], count: int) -> NDArray[np.bool_]:
    """Mask of the `count` largest values, ties to the lower index."""
    if count == 0:
        return np.zeros(magnitude.shape, np.bool_)
    smallest_kept = np.partition(magnitude, magnitude.size - count)[magnitude.size - count]
    keep = magnitude > smallest_kept
    ties = np.flatnonzero(magnitude == smallest_kept)
    keep[ties[: count - np.count_nonzero(keep)]] = True
    return keep
