"""Images made larger by whole times, as zeros between rows and columns and a depthwise convolution over them."""

from math import floor

import numpy as np

from sw.formats.drafts import Drafts, Weights
from sw.network.graph import Convolution, Pair
from sw.network.operations import Slice, Stretch


def repeated(drafts: Drafts, what: str, name: str, index: int, times: Pair) -> int:
    """(channels, rows, columns) with every row and column repeated: a window of ones takes one of them at a time."""
    down, right = times
    stretched = _stretched(drafts, what, index, times)
    return _convolved(drafts, what, name, stretched, [np.ones(down), np.ones(right)], (down - 1, right - 1))


def interpolated(drafts: Drafts, what: str, name: str, index: int, times: Pair) -> int:
    """(channels, rows, columns) with linear interpolation in both directions.

    Pixels have their place in the middle (half_pixel of ONNX, align_corners=False of PyTorch): result i is at
    (i + 1/2) / times - 1/2 of the image, whose first and last rows and columns go on behind its edges.
    """
    for axis, own in enumerate(times, start=1):
        last = drafts.shapes[index][axis] - 1
        if own > 1:
            edges = [drafts.add(what, Slice(axis=axis, start=at, stop=at + 1), index) for at in (0, last)]
            index = drafts.join(what, [edges[0], index, edges[1]], axis)
    stretched = _stretched(drafts, what, index, times)
    weights, begins = zip(*(_triangle(own) for own in times), strict=True)
    return _convolved(drafts, what, name, stretched, list(weights), (begins[0], begins[1]))


def _triangle(times: int) -> tuple[np.ndarray, int]:
    """Weights of neighbours by their distance, and how far before the result the first of them is."""
    if times == 1:
        return np.ones(1), 0
    begin = floor((1 - times) / 2) + 1
    distances = np.arange(begin, begin + 2 * times) - (1 + times) / 2
    return 1 - np.abs(distances[np.abs(distances) < times]) / times, -begin


def _stretched(drafts: Drafts, what: str, index: int, times: Pair) -> int:
    """With zeros between; it refuses times that are too many before anything of their size is made."""
    return drafts.add(what, Stretch(stride=times), index) if times != (1, 1) else index


def _convolved(drafts: Drafts, what: str, name: str, stretched: int, weights: list[np.ndarray], padding: Pair) -> int:
    channels = drafts.shapes[stretched][0]
    kernel = np.outer(*weights).astype(np.float32)
    layer = Weights(
        name=name,
        weight=np.broadcast_to(kernel, (channels, 1, *kernel.shape)),
        bias=np.zeros(channels, np.float32),
        convolution=Convolution(padding=(*padding, *padding), groups=channels),
    )
    return drafts.add(what, layer, stretched)
