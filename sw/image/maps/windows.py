"""Which windows a step moves over its source, and which rows of the source a band of its result needs."""

from sw.image.maps.axis import Window
from sw.image.maps.step import Made, Rows, Step
from sw.network.compressed import CompressedNetwork


def windows_of(step: Step, network: CompressedNetwork) -> tuple[Window, Window]:
    """Along rows and columns; of a sum and a fully connected layer single positions."""
    if step.kind == "layer":
        layer = network.layers[step.layer]
        way = layer.convolution
        if way is None:
            return Window(), Window()
        return (
            Window(layer.shape[2], way.stride[0], way.padding[0], way.dilation[0]),
            Window(layer.shape[3], way.stride[1], way.padding[1], way.dilation[1]),
        )
    if step.kind == "pool":
        pool = step.pool
        assert pool is not None
        return (
            Window(pool.kernel[0], pool.stride[0], pool.padding[0]),
            Window(pool.kernel[1], pool.stride[1], pool.padding[1]),
        )
    return Window(), Window()


def source_rows(step: Step, window: Window, source: Made) -> Rows:
    """The rows of `source`, in its own numbers, that the step reads: all of them where it makes its whole result.

    `window` is that along rows. One row is read even where windows meet nothing but padding: a layer reads something.
    """
    if step.rows is None:
        return 0, source.shape[1]
    first, end = (row + step.made.origin for row in step.rows)
    above = first * window.stride - window.padding - source.origin
    below = (end - 1) * window.stride - window.padding + (window.size - 1) * window.dilation + 1 - source.origin
    low = min(max(above, 0), source.shape[1] - 1)
    return low, max(min(below, source.shape[1]), low + 1)


def moved_window(window: Window, step: Step, source: Made, first: int, low: int) -> Window:
    """The window along rows as it stands between rows from `low` of the source on, and from `first` of the result on.

    Its padding may be negative then: the first position that is read lies inside the first window, or before it.
    """
    padding = window.padding + source.origin + low - window.stride * (step.made.origin + first)
    return Window(window.size, window.stride, padding, window.dilation)
