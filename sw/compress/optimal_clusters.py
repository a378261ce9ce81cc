"""One-dimensional k-means solved exactly, by dynamic programming over sorted points."""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled

MOST_STATES = 1 << 24  # of clusters times points: 64 MiB, two seconds


def summarise(ordered: NDArray[np.float32], clusters: int) -> tuple[NDArray[np.float64], NDArray[np.int64], bool]:
    """Sorted values as points with weights, few enough for `optimal_clusters`.

    The points are the distinct values if these are few enough. Otherwise they are the means of the values in bins,
    bounded by M / 2 equal steps of the range R and M / 2 equal steps of the number n of values, with
    M = MOST_STATES / clusters.

    Returns
    -------
    points : (m,) float64, ascending.
    weights : (m,) int64, how many values each stands for.
    exact : whether the points are the distinct values. If not, the best clustering of the values costs at most
        8 n R**2 / M**2 less than the best one that splits no bin: only the bins that a cluster's bound runs through
        lose by being whole, one such bin has at most 2 n / M values in a width of at most 2 R / M, each of them loses
        at most twice its distance from the bound times that of the two centroids, and these add up to at most R.
    """
    most = MOST_STATES // clusters
    changes = ordered[1:] != ordered[:-1]
    exact = int(np.count_nonzero(changes)) < most
    if exact:
        starts = np.concatenate([np.zeros(1, np.int64), np.flatnonzero(changes) + 1])
    else:
        steps = np.linspace(float(ordered[0]), float(ordered[-1]), most // 2, endpoint=False)
        by_value = np.searchsorted(ordered, steps.astype(np.float32))
        by_count = np.linspace(0, ordered.size, most // 2, endpoint=False).astype(np.int64)
        starts = np.union1d(by_value[by_value < ordered.size], by_count)
    return _means(ordered, starts), np.diff(starts, append=ordered.size), exact


def optimal_clusters(points: NDArray[np.float64], weights: NDArray[np.int64], clusters: int) -> NDArray[np.int64]:
    """Where each cluster of the least summed squared distance to its mean begins.

    The best last cluster of a prefix begins no earlier for a longer prefix, so that each of the `clusters` rounds finds
    all of them in O(m log m). The sums are taken about the median in twice the precision of float64: they are exact to
    2**-100 of the sum of all squares about it.

    Parameters
    ----------
    points : (m,) float64, ascending, more than `clusters`.
    weights : (m,) int64, positive.

    Returns
    -------
    starts : (clusters,) int64, ascending, the first 0.
    """
    middle = points[np.searchsorted(np.cumsum(weights), int(weights.sum()) // 2)]
    begins = np.zeros((clusters, points.size + 1), np.int32)
    _fill(_prefix_sums(points - middle, weights), begins)
    starts = np.zeros(clusters, np.int64)
    end = points.size
    for cluster in range(clusters - 1, 0, -1):
        end = starts[cluster] = begins[cluster, end]
    return starts


@compiled
def _means(ordered: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    means = np.zeros(starts.size, np.float64)
    for part in range(starts.size):
        end = starts[part + 1] if part + 1 < starts.size else ordered.size
        for at in range(starts[part], end):
            means[part] += ordered[at]
        means[part] /= end - starts[part]
    return means


@compiled
def _prefix_sums(points: NDArray[np.float64], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m + 1, 5): weight, then sum and sum of squares, each as a float64 and what its rounding left over (two-sum)."""
    sums = np.zeros((points.size + 1, 5))
    for at in range(points.size):
        sums[at + 1, 0] = sums[at, 0] + weights[at]
        power = float(weights[at])
        for column in (1, 3):
            power *= points[at]
            before = sums[at, column]
            total = before + power
            kept = total - before
            sums[at + 1, column] = total
            sums[at + 1, column + 1] = sums[at, column + 1] + ((before - (total - kept)) + (power - kept))
    return sums


@compiled
def _cost(sums: NDArray[np.float64], low: int, high: int) -> float:
    """Weighted squared distance of points low to high - 1 to their mean."""
    first = (sums[high, 1] - sums[low, 1]) + (sums[high, 2] - sums[low, 2])
    second = (sums[high, 3] - sums[low, 3]) + (sums[high, 4] - sums[low, 4])
    return max(second - first * (first / (sums[high, 0] - sums[low, 0])), 0.0)


@compiled
def _fill(sums: NDArray[np.float64], begins: NDArray[np.int32]) -> None:
    """begins[c, m]: where the last of c + 1 clusters of the first m points begins; 0 below c + 1 points."""
    clusters, size = begins.shape
    costs = np.zeros(size)
    for high in range(1, size):
        costs[high] = _cost(sums, 0, high)
    for cluster in range(1, clusters):
        before = costs.copy()
        least, count = cluster + 1, size - cluster - 1
        stride = 1
        while stride < count:
            stride *= 2
        while stride:
            # The bounds left and right of a prefix were found with longer strides.
            for place in range(stride - 1, count, 2 * stride):
                high = least + place
                first = begins[cluster, high - stride] if place >= stride else cluster
                last = begins[cluster, high + stride] if place + stride < count else high - 1
                best = np.inf
                for low in range(first, min(last, high - 1) + 1):
                    cost = before[low] + _cost(sums, low, high)
                    if cost < best:
                        best = cost
                        begins[cluster, high] = low
                costs[high] = best
            stride //= 2
