"""Weight sharing beside kmeans1d and scikit-learn: seconds and summed squared error on the tails that pruning leaves.

    python -m benchmarks.bench_kmeans [--seed 1] [--big] [--json]

kmeans1d is exact for any number of values. scikit-learn runs Lloyd's iterations from our linear start and moves
clusters that are empty. Both are left out where they would take minutes, and if they are not installed. --big adds 100
million values.
"""

import argparse
import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from sim.optional import imported
from sw.compress.kmeans import INITS, share

KEPT = 0.1  # of normally distributed weights, the largest
SIZES = (10_000, 100_000, 1_000_000)
BIG = 100_000_000
CLUSTERS = (15, 31, 255)
MOST_KMEANS1D = 1 << 25  # values times clusters
MOST_SKLEARN = 1 << 21
AT_ONCE = 1 << 20


def main() -> None:
    """Print a table or JSON."""
    parser = argparse.ArgumentParser(prog="bench_kmeans", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the values and of Forgy's start")
    parser.add_argument("--big", action="store_true", help="100 million values as well")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    share(np.arange(999, dtype=np.float32), 3, init="exact")
    sizes = (*SIZES, BIG) if options.big else SIZES
    rows: list[dict[str, Any]] = []
    table = Table(title="k-means on pruned Gaussian weights", title_justify="left")
    for column in ("values", "clusters", "method", "used", "seconds", "squared error / exact", "peak MiB"):
        table.add_column(column, justify="right")
    for size in sizes:
        values = tails(size, options.seed)
        for clusters in CLUSTERS:
            print(f"{size} values, {clusters} clusters", file=sys.stderr)
            for row in compare(values, clusters, options.seed):
                rows.append(row)
                table.add_row(
                    f"{size:,}",
                    str(clusters),
                    row["method"],
                    str(row["used"]),
                    f"{row['seconds']:.3f}",
                    f"{row['error_over_exact']:.5f}",
                    f"{row['peak_mib']:,.0f}",
                )
    print(json.dumps(rows, indent=2)) if options.json else Console(width=120).print(table)


def tails(size: int, seed: int) -> np.ndarray:
    """(size,) float32: the largest of ten times as many normal values, made part by part."""
    random = np.random.default_rng(seed)
    threshold = np.quantile(np.abs(random.standard_normal(1_000_000)), 1 - KEPT)
    values = np.empty(size, np.float32)
    filled = 0
    while filled < size:
        part = random.standard_normal(AT_ONCE, np.float32)
        part = part[np.abs(part) > threshold][: size - filled]
        values[filled : filled + part.size] = part
        filled += part.size
    return values


def compare(values: np.ndarray, clusters: int, seed: int) -> Iterator[dict[str, Any]]:
    """One row per method; errors relative to our exact one."""
    methods: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
        f"ours, {init}": lambda init=init: share(values, clusters, init=init, seed=seed) for init in reversed(INITS)
    }
    say = partial(print, file=sys.stderr)
    kmeans1d = imported("kmeans1d", say=say) if values.size * clusters <= MOST_KMEANS1D else None
    if kmeans1d is not None:
        methods["kmeans1d"] = lambda: _kmeans1d(kmeans1d, values, clusters)
    cluster = (
        imported("sklearn.cluster", package="scikit-learn", say=say) if values.size * clusters <= MOST_SKLEARN else None
    )
    if cluster is not None:
        methods["scikit-learn"] = lambda: _sklearn(cluster, values, clusters)
    least = 0.0
    for name, method in methods.items():
        start = time.perf_counter()
        centroids, codes = method()
        seconds = time.perf_counter() - start
        error = squared_error(values, centroids, codes)
        least = least or error
        yield {
            "values": values.size,
            "clusters": clusters,
            "method": name,
            "used": int(np.unique(codes[:AT_ONCE]).size) if codes.size > AT_ONCE else int(np.unique(codes).size),
            "seconds": seconds,
            "squared_error": error,
            "error_over_exact": error / least,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def squared_error(values: np.ndarray, centroids: np.ndarray, codes: np.ndarray) -> float:
    """Summed over all values, part by part."""
    total = 0.0
    for start in range(0, values.size, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        total += float(np.square(values[part].astype(np.float64) - centroids[codes[part]]).sum())
    return total


def _kmeans1d(kmeans1d: Any, values: np.ndarray, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    result = kmeans1d.cluster(values, clusters)
    return np.array(result.centroids), np.array(result.clusters)


def _sklearn(cluster: Any, values: np.ndarray, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    start = np.linspace(values.min(), values.max(), clusters, dtype=np.float32)[:, np.newaxis]
    model = cluster.KMeans(clusters, init=start, n_init=1, max_iter=10_000, tol=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence, when no value changes its cluster
        codes = model.fit_predict(values[:, np.newaxis])
    return model.cluster_centers_[:, 0], codes


if __name__ == "__main__":
    main()
