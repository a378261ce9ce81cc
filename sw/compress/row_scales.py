"""A scale for every output row: 8-bit networks have one per channel, and shared weights then serve all rows alike.

y = diag(s) W x + b: the rows of W are brought to the same size, so that one codebook fits all of them, and a second
layer multiplies every output by the scale of its row. After a convolution that layer is a depthwise one of 1x1, after a
fully connected layer a diagonal matrix, in which a sparse array stores and multiplies the diagonal alone. Arrays need
nothing for it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.compress.kmeans import few_values, share
from sw.network.graph import ApplyLayer, Convolution, Graph, Lstm, Node
from sw.network.layer import Layer, check_name, matrix_shape
from sw.network.network import Network

MOST_SCALES = 255  # of a layer: its codes have 8 bits
STEPS = 127  # of 8-bit integers on either side of 0
CLOSE = 1e-3  # of a step: float32 products are no further from what they stand for
SUFFIX = " scale"


def scale_rows(network: Network, most: int = MOST_SCALES) -> Network:
    """The same function with two layers for each that shared weights then come nearer to; the second is "NAME scale".

    A row that holds multiples of a 127th of its largest magnitude, as 8-bit integers do, is divided by that magnitude
    and holds multiples of 1/127 exactly, any other one just ends at 1. Recurrent layers stay as they are. The largest
    error of an output is that of rounding to float32.

    Parameters
    ----------
    most : different scales of a layer, and shared weights; where there are more rows, scales are rounded up.

    EieError for a network whose connections are not known, and for a name that would be twice.
    """
    if network.graph is not None and not network.graph.nodes:
        raise EieError("a scale for every row needs to know how layers are connected; wanted a network with a graph")
    recurrent = network.connections.recurrent
    pairs = [
        (layer,) if cell is not None else _pair(layer, most)
        for layer, cell in zip(network.layers, recurrent, strict=True)
    ]
    layers = tuple(layer for pair in pairs for layer in pair)
    names = {layer.name for layer in layers}
    if len(names) < len(layers):
        raise EieError(f'the scales of a layer are called "NAME{SUFFIX}", and this network has such a layer already')
    if network.graph is None:
        return Network(layers, None)
    return Network(layers, _with_scales(network.graph, [len(pair) > 1 for pair in pairs]))


def scaled_names(network: Network) -> list[str]:
    """Layers that hold nothing but scales."""
    names = [layer.name for layer in network.layers]
    return [name for name in names if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in names]


def _pair(layer: Layer, most: int) -> tuple[Layer, ...]:
    rows, columns = matrix_shape(layer.weight.shape)
    weight = layer.weight.reshape(rows, columns)
    scales = np.abs(weight).max(axis=1)
    scales[scales == 0] = scales.max(initial=0) or 1
    scales = _rounded_up(scales, most)
    if (scales == scales[0]).all() or few_values(weight[weight != 0], most) is not None:
        return (layer,)
    normal = weight / scales[:, np.newaxis]
    steps = np.rint(normal * STEPS)
    on_grid = (np.abs(normal * STEPS - steps) < CLOSE).all(axis=1)
    normal[on_grid] = (steps / STEPS).astype(np.float32)[on_grid]
    if _lost(normal, most, scales) >= _lost(weight, most, np.ones_like(scales)):
        return (layer,)
    check_name(layer.name + SUFFIX)
    # Biases come last: over a small scale one could be so large that the binary point leaves nothing of other rows.
    nothing = np.zeros(rows, np.float32)
    first = replace(layer, weight=normal.reshape(layer.weight.shape), bias=nothing, relu=False)
    if layer.convolution is None:
        return first, replace(layer, name=layer.name + SUFFIX, weight=np.diag(scales))
    depthwise, every = scales.reshape(rows, 1, 1, 1), Convolution(groups=rows)
    return first, replace(layer, name=layer.name + SUFFIX, weight=depthwise, convolution=every)


def _lost(weight: NDArray[np.float32], most: int, scales: NDArray[np.float32]) -> float:
    """The summed squared error of k-means' shared weights, each row's times its scale."""
    held = weight != 0
    shared = np.zeros_like(weight)
    centroids, codes = share(weight[held], most)
    shared[held] = centroids[codes]
    errors = (shared - weight).astype(np.float64) * scales[:, np.newaxis]
    return float(np.square(errors).sum())


def _rounded_up(scales: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """At most so many different ones, none smaller than it was: equal ratios apart."""
    if few_values(scales, most) is not None:
        return scales
    largest = scales.max()
    last = most - 1
    ratio = np.log(largest / scales.min()) / last
    levels = np.minimum(np.floor(np.log(largest / scales) / ratio + 1e-6), last)
    return (largest * np.exp(-ratio * levels)).astype(np.float32)


def _with_scales(graph: Graph, scaled: list[bool]) -> Graph:
    """The graph with an operation more behind each layer of which `scaled` says so."""
    waiting = iter(scaled)
    places = [0]  # of every value among the new ones
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(replace(node, sources=tuple(places[source] for source in node.sources)))
        if isinstance(node.operation, ApplyLayer | Lstm) and next(waiting):
            nodes.append(Node(ApplyLayer(), (len(nodes),)))
        places.append(len(nodes))
    return replace(graph, nodes=tuple(nodes))
