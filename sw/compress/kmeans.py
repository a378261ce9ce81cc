"""Weight sharing: one-dimensional k-means (Deep Compression, section 3)."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.errors import EieError
from sw.compress.interval_sums import interval_sum, sum_tree
from sw.compress.optimal_clusters import optimal_clusters, summarise

Init = Literal["linear", "density", "forgy", "exact"]
INITS: tuple[Init, ...] = get_args(Init)
MOST_CLUSTERS = 256
MOST_ITERATIONS = 1 << 16  # far more than any data needed; rounding could make two clusterings follow each other
VALUES_AT_ONCE = 1 << 20  # whose codes are found together: they are int64 before they are bytes


def share(
    values: NDArray[np.float32], clusters: int, *, init: Init = "linear", seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Replace values by few shared ones: Lloyd's iterations until no value changes its cluster.

    Sorted values make a cluster an interval, so that an iteration costs a binary search and a sum of O(log n) per
    cluster. A cluster that starts in the hole which pruning leaves around zero may stay empty and is dropped: its code
    then costs nothing. Filling it lowers the error of the weights but lengthens the codes; at equal file size,
    LeNet-300-100 with 3 to 5 bits was sometimes more and sometimes less accurate for it.

    Parameters
    ----------
    values : (n,) float32, finite; 100 million take about 1 GB more.
    clusters : most shared values, 1 to 256.
    init : where the centroids start (section 3.2). "linear": at equal distances from the smallest to the largest
        value, which the paper finds best. "density": at equal steps of the cumulative distribution. "forgy": on
        values drawn at random. "exact": on the least summed squared error there is, found by dynamic programming, or
        as near to it as `sw.compress.optimal_clusters.summarise` says if the distinct values are too many for that;
        never worse than from "linear" and "density".
    seed : of "forgy".

    Returns
    -------
    centroids : (k,) float32, ascending, k <= clusters, each used. If the values have at most `clusters` distinct ones,
        exactly these (-0.0 as 0.0).
    codes : (n,) uint8, index of each value's centroid.
    """
    check_values(values, clusters)
    if init not in INITS:
        raise EieError(f"an initialisation must be one of {', '.join(INITS)}, got {init!r}")
    if seed < 0:
        raise EieError(f"a seed must not be negative, got {seed}")
    distinct = few_values(values, clusters)
    if distinct is not None:
        return distinct, codes_of(values, distinct[1:])
    ordered = np.sort(values)
    tree = sum_tree(ordered)
    inits: tuple[Init, ...] = ("exact", "linear", "density") if init == "exact" else (init,)
    results = [_converged(ordered, tree, _initial(ordered, clusters, start, seed)) for start in inits]
    _, centroids, lowest = min(results, key=lambda result: result[0])
    return centroids, codes_of(values, lowest[1:])


def check_values(values: NDArray[np.float32], clusters: int) -> None:
    """EieError unless the values can be shared by so many."""
    if not 1 <= clusters <= MOST_CLUSTERS:
        raise EieError(f"clusters must be between 1 and {MOST_CLUSTERS}, got {clusters}")
    if not np.isfinite(values).all():
        raise EieError("weights must be finite to be shared, got NaN or infinity")


def few_values(values: NDArray[np.float32], most: int) -> NDArray[np.float32] | None:
    """The distinct values, ascending, if there are at most `most`, else None; -0.0 counts as 0.0."""
    table = np.empty(most, np.float32)
    held = _distinct(values, table)
    return None if held < 0 else table[:held] + np.float32(0)


def _converged(
    ordered: NDArray[np.float32], tree: NDArray[np.float64], centroids: NDArray[np.float64]
) -> tuple[float, NDArray[np.float32], NDArray[np.float32]]:
    """Summed squared error, centroids and each cluster's lowest value after Lloyd's iterations; no empty clusters."""
    edges = _lloyd(ordered, tree, centroids)
    used = edges[:-1] < edges[1:]
    starts, centroids = edges[:-1][used], centroids[used]
    return _squared_error(ordered, starts, centroids), centroids.astype(np.float32), ordered[starts]


def codes_of(values: NDArray[np.float32], bounds: NDArray[np.float32]) -> NDArray[np.uint8]:
    """How many of the ascending bounds are not above each value."""
    codes = np.empty(values.size, np.uint8)
    for start in range(0, values.size, VALUES_AT_ONCE):
        part = slice(start, start + VALUES_AT_ONCE)
        codes[part] = np.searchsorted(bounds, values[part], side="right")
    return codes


def _initial(ordered: NDArray[np.float32], clusters: int, init: Init, seed: int) -> NDArray[np.float64]:
    """Ascending centroids to start from; of equal ones, one."""
    if init == "linear":
        return np.linspace(float(ordered[0]), float(ordered[-1]), clusters)
    if init == "density":
        at = (2 * np.arange(clusters) + 1) * ordered.size // (2 * clusters)
    elif init == "forgy":
        at = np.random.default_rng(seed).choice(ordered.size, clusters, replace=False)
    else:
        points, weights, _ = summarise(ordered, clusters)
        starts = optimal_clusters(points, weights, clusters)
        return np.add.reduceat(points * weights, starts) / np.add.reduceat(weights, starts)
    return np.unique(ordered[at]).astype(np.float64)


@compiled
def _distinct(values: NDArray[np.float32], table: NDArray[np.float32]) -> int:
    """Fill `table` with the distinct values in ascending order; how many, or -1 if it is too small."""
    held, place = 0, 0
    for value in values:
        if place and table[place - 1] == value:
            continue
        place = not_above(table[:held], value)
        if place and table[place - 1] == value:
            continue
        if held == table.size:
            return -1
        for at in range(held, place, -1):
            table[at] = table[at - 1]
        table[place] = value
        place, held = place + 1, held + 1
    return held


@compiled
def not_above(ordered: NDArray[np.float32], bound: float) -> int:
    """How many of the ascending values are not above the bound."""
    low, high = 0, ordered.size
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] <= bound:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _lloyd(
    ordered: NDArray[np.float32], tree: NDArray[np.float64], centroids: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Where each cluster begins and ends, (k + 1,), when no value changes its cluster; moves the centroids.

    A cluster's values lie between the midpoints to its neighbours; a value on one belongs below. An empty cluster keeps
    its centroid.
    """
    edges = np.zeros(centroids.size + 1, np.int64)
    edges[-1] = ordered.size
    for _ in range(MOST_ITERATIONS):
        moved = False
        for cluster in range(1, centroids.size):
            bound = (centroids[cluster - 1] + centroids[cluster]) / 2
            edge = not_above(ordered, bound)
            moved |= edge != edges[cluster]
            edges[cluster] = edge
        for cluster in range(centroids.size):
            low, high = edges[cluster], edges[cluster + 1]
            if high > low:
                mean = interval_sum(ordered, tree, low, high) / (high - low)
                centroids[cluster] = min(max(mean, ordered[low]), ordered[high - 1])
        if not moved:
            break
    return edges


@compiled
def _squared_error(ordered: NDArray[np.float32], starts: NDArray[np.int64], centroids: NDArray[np.float64]) -> float:
    total = 0.0
    for cluster in range(starts.size):
        end = starts[cluster + 1] if cluster + 1 < starts.size else ordered.size
        error = 0.0
        for at in range(starts[cluster], end):
            error += (ordered[at] - centroids[cluster]) ** 2
        total += error
    return total
