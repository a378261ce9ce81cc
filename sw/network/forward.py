"""The numpy reference of a network in float32: what every accuracy in float32 is measured with."""

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sw.network.float_operations import apply_float
from sw.network.graph import Convolution, Gru, Lstm, Pair, Pool, window_count
from sw.network.layer import Layer
from sw.network.lstm import run_lstm, units_of
from sw.network.lstm_cell import float_cell, float_gru_cell
from sw.network.operations import Elements

VALUES_AT_ONCE = 1 << 24  # elements of the largest array made for a convolution; inputs are run in parts below it


def patches(x: NDArray[Any], kernel: Pair, convolution: Convolution) -> NDArray[Any]:
    """What every output position of a convolution sees.

    Parameters
    ----------
    x : (n, channels, rows, columns).

    Returns
    -------
    patches : (groups, n * positions, channels / groups * kernel rows * kernel columns), of the same dtype: the order
        of a weight's last three axes, and positions row by row.
    """
    top, left, bottom, right = convolution.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = sliding_window_view(padded, convolution.reach(kernel), axis=(2, 3))
    windows = windows[:, :, :: convolution.stride[0], :: convolution.stride[1]]
    windows = windows[..., :: convolution.dilation[0], :: convolution.dilation[1]]
    n, channels, out_rows, out_columns = windows.shape[:4]
    grouped = windows.reshape(n, convolution.groups, channels // convolution.groups, out_rows, out_columns, *kernel)
    ordered = grouped.transpose(1, 0, 3, 4, 2, 5, 6)
    size = channels // convolution.groups * prod(kernel)
    return np.ascontiguousarray(ordered).reshape(convolution.groups, n * out_rows * out_columns, size)


def convolve(
    x: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32], convolution: Convolution
) -> NDArray[np.float32]:
    """(n, in, rows, columns) to (n, out, rows, columns), float32: weight (out, in / groups, kernel rows, columns)."""
    kernel = (weight.shape[2], weight.shape[3])
    shape = convolution.windows(x.shape, kernel)
    step = max(1, VALUES_AT_ONCE // (prod(shape) * weight[0].size * convolution.groups))
    result = np.empty((len(x), len(weight), *shape), np.float32)
    matrices = weight.reshape(convolution.groups, len(weight) // convolution.groups, -1)
    for start in range(0, len(x), step):
        seen = patches(x[start : start + step], kernel, convolution)
        sums = (seen @ matrices.transpose(0, 2, 1)).reshape(convolution.groups, -1, *shape, matrices.shape[1])
        part = sums.transpose(1, 0, 4, 2, 3).reshape(-1, len(weight), *shape)
        result[start : start + step] = part + bias[:, np.newaxis, np.newaxis]
    return result


def window_counts(operation: Pool, size: tuple[int, ...]) -> NDArray[np.int64]:
    """(rows, columns of the result) by how much the sum of each window is divided, of a map of (rows, columns)."""
    counts: list[NDArray[np.int64]] = []
    for axis in (0, 1):
        kernel, stride = operation.kernel[axis], operation.stride[axis]
        before, after = operation.padding[axis::2]
        windows = window_count(size[axis], kernel, stride, (before, after), operation.ceil)
        behind = max(0, (windows - 1) * stride + kernel - size[axis] - before)
        inside = np.zeros(before + size[axis] + behind, np.int64)
        inside[before : before + size[axis]] = 1
        if operation.count_padding:
            inside[: before + size[axis] + after] = 1
        counts.append(sliding_window_view(inside, kernel)[::stride].sum(axis=1))
    return np.outer(*counts)


def pool(x: NDArray[Any], operation: Pool) -> NDArray[Any]:
    """(n, channels, rows, columns) to the same with windows pooled; a mean of integers is a float64."""
    lost = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    widths: list[Pair] = [(0, 0), (0, 0)]
    for axis in (0, 1):
        size, kernel = x.shape[2 + axis], operation.kernel[axis]
        stride, (before, after) = operation.stride[axis], operation.padding[axis::2]
        windows = window_count(size, kernel, stride, (before, after), operation.ceil)
        behind = max(0, (windows - 1) * stride + kernel - size - before)
        widths.append((before, behind))
    padded = np.pad(x, widths, constant_values=lost if operation.kind == "max" else 0)
    windows = sliding_window_view(padded, operation.kernel, axis=(2, 3))
    windows = windows[:, :, :: operation.stride[0], :: operation.stride[1]]
    # One element of every window at a time: several times faster than a reduction over such short axes.
    elements = (windows[..., row, column] for row, column in np.ndindex(operation.kernel))
    if operation.kind == "max":
        return reduce(np.maximum, elements)
    means = reduce(np.add, elements, np.zeros(windows.shape[:4])) / window_counts(operation, x.shape[2:])
    return means.astype(np.float32) if x.dtype == np.float32 else means


class FloatOperations:
    """What the operations without weights do to (n, ...) float32 arrays."""

    def relu(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.maximum(source, np.float32(0))

    def pool(self, operation: Pool, source: NDArray[np.float32]) -> NDArray[np.float32]:
        return pool(source, operation)

    def flatten(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        return source.reshape(len(source), -1)

    def concatenate(self, sources: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.concatenate(sources, axis=1)

    def apply(self, number: int, operation: Elements, sources: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return apply_float(operation, *sources)


class FloatArithmetic(FloatOperations):
    """`sw.network.execution.Arithmetic` on (n, ...) float32 arrays; layers in execution order."""

    def __init__(self, layers: Sequence[Layer]):
        self.layers = layers

    def layer(self, index: int, source: NDArray[np.float32]) -> NDArray[np.float32]:
        return apply_layer(self.layers[index], source)

    def lstm(self, index: int, operation: Lstm, source: NDArray[np.float32]) -> NDArray[np.float32]:
        layer = self.layers[index]
        units = units_of(layer.weight.shape)
        cell = float_gru_cell if isinstance(operation, Gru) else float_cell
        return run_lstm(source, operation, units, lambda vectors: vectors @ layer.weight.T + layer.bias, cell)


def apply_layer(layer: Layer, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """One linear layer or convolution with its bias and ReLU."""
    if layer.convolution is None:
        result = x @ layer.weight.T + layer.bias
    else:
        result = convolve(x, layer.weight, layer.bias, layer.convolution)
    return np.maximum(result, np.float32(0)) if layer.relu else result
