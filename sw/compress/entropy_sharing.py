"""Weight sharing that counts the bits of its codes: entropy-constrained quantisation (Chou, Lookabaugh, Gray, 1989).

k-means makes the squared error of so many shared weights small and leaves it to Huffman coding that some are rarer than
others. Here a weight goes to the shared one with the least squared error plus ``slope`` times the bits of its code, so
that rare ones in dense places give up. At equal error its codes are shorter.
"""

import math

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.errors import EieError
from sw.compress.interval_sums import interval_sum, sum_tree
from sw.compress.kmeans import MOST_ITERATIONS, check_values, codes_of, not_above


def share_by_entropy(
    values: NDArray[np.float32], clusters: int, step: float
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Replace values by few shared ones, with as much error as steps of equal size have, in few bits.

    Uniform steps of size s have the error s**2 / 12 and trade it for bits at ``slope = s**2 ln(2) / 6``; with this
    slope the centroids and the bits of their codes, -log2 of their shares, follow each other from uniform steps on
    until no value changes its cluster. The sum of error and bits never grows, the number of clusters neither.

    Parameters
    ----------
    values : (n,) float32, finite.
    clusters : most shared values, 1 to 256.
    step : relative to the root mean square of the values; positive. They start at steps of this size, or larger ones if
        `clusters` are too few for that.

    Returns
    -------
    As `sw.compress.kmeans.share`.
    """
    check_values(values, clusters)
    if not 0 < step < math.inf:
        raise EieError(f"step must be positive and finite, got {step}")
    if values.size == 0:
        return np.zeros(0, np.float32), np.zeros(0, np.uint8)
    ordered = np.sort(values)
    scale = step * _root_mean_square(ordered)
    low, high = float(ordered[0]), float(ordered[-1])
    count = min(clusters, math.ceil((high - low) / scale) + 1) if high > low else 1
    starts, centroids = _converge(ordered, sum_tree(ordered), np.linspace(low, high, count), scale**2 * math.log(2) / 6)
    return centroids.astype(np.float32), codes_of(values, ordered[starts[1:]])


@compiled
def _root_mean_square(values: NDArray[np.float32]) -> float:
    total = 0.0
    for value in values:
        wide = np.float64(value)  # compiled, float() of a float32 stays one, whose square overflows
        total += wide * wide
    return math.sqrt(total / values.size)


@compiled
def _converge(
    ordered: NDArray[np.float32], tree: NDArray[np.float64], centroids: NDArray[np.float64], slope: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where each cluster begins and its centroid, when no value changes its cluster."""
    held = centroids.size
    edges = np.full(held + 1, ordered.size, np.int64)
    edges[0] = 0
    for cluster in range(1, held):
        edges[cluster] = not_above(ordered, (centroids[cluster - 1] + centroids[cluster]) / 2)
    bits = np.zeros(held)
    kept = np.zeros(held, np.int64)
    bounds = np.zeros(held)
    for _ in range(MOST_ITERATIONS):
        used = 0
        for cluster in range(held):
            low, high = edges[cluster], edges[cluster + 1]
            if high > low:
                mean = interval_sum(ordered, tree, low, high) / (high - low)
                centroids[used] = min(max(mean, ordered[low]), ordered[high - 1])
                bits[used] = -math.log2((high - low) / ordered.size)
                used += 1
        # A cluster's cost, (x - centroid)**2 + slope * bits, is a line in x but for x**2: the lowest lines are kept,
        # and each is lowest from its bound, where it crosses the one before, to that of the next.
        left = 0
        for cluster in range(used):
            while left:
                before = kept[left - 1]
                apart = centroids[cluster] - centroids[before]
                middle = (centroids[cluster] + centroids[before]) / 2
                cross = middle + slope * (bits[cluster] - bits[before]) / (2 * apart) if apart > 0 else -math.inf
                if left > 1 and cross <= bounds[left - 1]:
                    left -= 1
                    continue
                bounds[left] = cross
                break
            kept[left] = cluster
            left += 1
        moved = left != held
        for place in range(left):
            centroids[place] = centroids[kept[place]]
            edge = not_above(ordered, bounds[place]) if place else 0
            moved |= edge != edges[place]
            edges[place] = edge
        edges[left] = ordered.size
        held = left
        if not moved:
            break
    return edges[:held].copy(), centroids[:held].copy()
