"""Every matrix-vector product of a layer, one at a time, in the plainest way."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sw.network.compressed import CompressedLayer
from sw.network.graph import Shape


def result_shape(layer: CompressedLayer, value: NDArray[Any]) -> Shape:
    """The shape of what the layer makes of one value."""
    if layer.convolution is None:
        return (*value.shape[:-1], layer.shape[0])
    top, left, bottom, right = layer.convolution.padding
    rows, columns = ((layer.shape[2 + axis] - 1) * layer.convolution.dilation[axis] + 1 for axis in (0, 1))
    height = (value.shape[1] + top + bottom - rows) // layer.convolution.stride[0] + 1
    return layer.shape[0], height, (value.shape[2] + left + right - columns) // layer.convolution.stride[1] + 1


def products(layer: CompressedLayer, value: NDArray[Any]) -> Iterator[tuple[tuple[Any, ...], slice, NDArray[Any]]]:
    """Where each product stands in the result, the layer's outputs that it makes, and what they are multiplied with."""
    if layer.convolution is None:
        for place in np.ndindex(value.shape[:-1]):
            yield place, slice(0, layer.shape[0]), value[place]
        return
    outputs, height, width = (*result_shape(layer, value), 1, 1)[:3]
    above, before, below, behind = layer.convolution.padding
    (down, right), (apart, aside) = layer.convolution.stride, layer.convolution.dilation
    padded = np.pad(value, ((0, 0), (above, below), (before, behind)))
    _, channels, kernel_rows, kernel_columns = layer.shape
    for group in range(layer.convolution.groups):
        made = slice(*(outputs // layer.convolution.groups * (group + end) for end in (0, 1)))
        taken = padded[group * channels : (group + 1) * channels]
        for row in range(height):
            for column in range(width):
                top, left = row * down, column * right
                window = taken[:, top : top + kernel_rows * apart : apart, left : left + kernel_columns * aside : aside]
                yield (made, row, column), made, window.ravel()
