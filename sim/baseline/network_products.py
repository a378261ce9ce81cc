"""The layers of a user's network as the products a library computes, for an input or a batch of them.

A layer is a matrix times its vectors: one for an input of a linear layer, one for every position of a convolution,
all at once; one for every step of an LSTM or GRU, one after another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from sim.baseline.layer_product import LayerMatrix, MatrixShape
from sim.baseline.measurement import Budget, Device, Timing, time_layer
from sw.network.graph import ApplyLayer, Lstm
from sw.network.layer import Layer, matrix_shape
from sw.network.network import Network

MOST_VALUES = 1 << 25  # of the inputs of one product: of more vectors so many are timed, and count for all
SEED_OF_INPUTS = 1  # times depend on shapes and on zeros of the weights, not on values


@dataclass(frozen=True, kw_only=True)
class LayerVectors:
    """A layer, and what an input asks of it.

    Parameters
    ----------
    at_once : vectors of one product, for one input.
    steps : products one after another.
    """

    layer: Layer
    at_once: int
    steps: int


def layer_vectors(network: Network) -> list[LayerVectors]:
    """Every layer in execution order; EieError if the network holds weights only."""
    shapes, waiting = network.shapes, iter(network.layers)
    found: list[LayerVectors] = []
    for value, node in enumerate(network.connections.nodes, start=1):
        if isinstance(node.operation, ApplyLayer | Lstm):
            layer = next(waiting)
            steps = prod(shapes[node.sources[0]][:-1] if layer.convolution is None else shapes[value][1:])
            one_by_one = isinstance(node.operation, Lstm)
            found.append(
                LayerVectors(layer=layer, at_once=1 if one_by_one else steps, steps=steps if one_by_one else 1)
            )
    return found


def grouped(network: Network) -> list[str]:
    """Names of convolutions in groups, which are no single product."""
    return [layer.name for layer in network.layers if layer.convolution is not None and layer.convolution.groups > 1]


def time_products(
    wanted: LayerVectors, device: Device, batches: Sequence[int], threads: Sequence[int], budget: Budget
) -> list[Timing]:
    """Microseconds of the layer per input, by every library of the device; `batch` counts inputs."""
    rows, columns = matrix_shape(wanted.layer.weight.shape)
    timings: list[Timing] = []
    for batch in batches:
        vectors = max(1, min(batch * wanted.at_once, MOST_VALUES // columns))
        weights = wanted.layer.weight.reshape(rows, columns)
        positions = np.flatnonzero(weights)
        inputs = np.random.default_rng(SEED_OF_INPUTS).uniform(0, 1, (columns, vectors)).astype(np.float32)
        shape = MatrixShape(wanted.layer.name, columns, rows)
        matrix = LayerMatrix(shape, positions, weights.reshape(-1)[positions], inputs)
        times = wanted.at_once * wanted.steps
        timings += [_scaled(each, times, batch) for each in time_layer(matrix, device, [vectors], threads, budget)]
    return timings


def _scaled(timing: Timing, times: int, batch: int) -> Timing:
    """A timing per vector as one per input of so many vectors."""
    return replace(
        timing,
        batch=batch,
        median_us=times * timing.median_us,
        lower_quartile_us=times * timing.lower_quartile_us,
        upper_quartile_us=times * timing.upper_quartile_us,
        minimum_us=times * timing.minimum_us,
        maximum_us=times * timing.maximum_us,
        microjoules=None if timing.microjoules is None else times * timing.microjoules,
    )
