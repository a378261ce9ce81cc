"""A compressed layer as matrix-vector products: one for every input, every step and every position of a convolution."""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sw.network.compressed import CompressedLayer
from sw.network.forward import VALUES_AT_ONCE, patches
from sw.network.layer import matrix_shape

VECTORS_AT_ONCE = 256  # that a compiled product keeps in the cache


class SparseRows(NamedTuple):
    """Where the weights of a layer that are not zero stand in its matrix (out, weights of one output).

    Parameters
    ----------
    bounds : (out + 1,) int64, the first entry of every row.
    columns : (entries,) int32, ascending in a row.
    """

    bounds: NDArray[np.int64]
    columns: NDArray[np.int32]


# (the rows to compute, the (in, vectors) columns they are multiplied with) -> (rows, vectors) results and one figure
# of each vector.
Product = Callable[[slice, NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]


def sparse_rows(layer: CompressedLayer) -> SparseRows:
    """The rows of a layer's matrix, for a `Product` to run through."""
    rows, columns = matrix_shape(layer.shape)
    bounds = np.searchsorted(layer.positions, np.arange(rows + 1, dtype=np.int64) * columns)
    return SparseRows(bounds, (layer.positions % columns).astype(np.int32))


def run_products(layer: CompressedLayer, x: NDArray[Any], product: Product) -> tuple[NDArray[Any], NDArray[Any]]:
    """All products of a layer.

    Parameters
    ----------
    x : (n, in), (n, steps, in), or (n, channels, rows, columns) for a convolution.

    Returns
    -------
    results : (n, out), (n, steps, out), or (n, out, rows, columns).
    figures : (n,), the largest figure of each input's vectors.
    """
    convolution = layer.convolution
    if convolution is None:
        results, figures = product(slice(0, layer.shape[0]), np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T))
        return results.T.reshape(*x.shape[:-1], -1), figures.reshape(len(x), -1).max(axis=1)
    kernel = (layer.shape[2], layer.shape[3])
    shape = convolution.windows(x.shape, kernel)
    step = max(1, VALUES_AT_ONCE // (prod(shape) * prod(layer.shape[1:]) * convolution.groups))
    group = layer.shape[0] // convolution.groups
    parts: list[NDArray[Any]] = []
    largest: list[NDArray[Any]] = []
    for start in range(0, len(x), step):
        seen = patches(x[start : start + step], kernel, convolution)
        made = [
            product(slice(index * group, (index + 1) * group), np.ascontiguousarray(vectors.T))
            for index, vectors in enumerate(seen)
        ]
        results = np.concatenate([results for results, _ in made])
        parts.append(results.reshape(layer.shape[0], -1, *shape).swapaxes(0, 1))
        figures = np.max([figures for _, figures in made], axis=0)
        largest.append(figures.reshape(-1, prod(shape)).max(axis=1))
    return np.concatenate(parts), np.concatenate(largest)
