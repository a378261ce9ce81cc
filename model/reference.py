"""The network on plain integer arrays: the values that every other engine is compared with."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.fixed_point import check_bits, layer_reference
from model.image import NetworkImage
from model.loops import executions
from model.map_reference import MapReference, geometry_of


class ReferenceRun(NamedTuple):
    """What a network computes for one input, in physical order.

    Parameters
    ----------
    outputs : (out_rows * pes,) int16 of the last layer.
    overflow : whether an accumulator left its range in any layer.
    activations : the outputs of every layer in turn, in a loop of each time; a column tile that keeps sums has none.
        The last are `outputs`, but for what blocks of write-back put elsewhere.
    """

    outputs: NDArray[np.int16]
    overflow: bool
    activations: tuple[NDArray[np.int16], ...]


def run_reference(image: NetworkImage, activations: NDArray[np.int16]) -> ReferenceRun:
    """All layers, dense, through `model.fixed_point.layer_reference`.

    `activations` is (columns of the image,) int16 in physical order, of the array's bits; ValueError otherwise. The
    column tiles of a layer are put together again.
    """
    columns = image.columns
    if activations.shape != (columns,):
        raise ValueError(f"activations of shape ({columns},) wanted, got {activations.shape}")
    check_bits(activations, image.config.activation_bits)
    if image.config.maps:
        return _run_maps(image, activations)
    overflow = False
    values: list[NDArray[np.int16]] = []
    weights: list[NDArray[np.int16]] = []
    for layer in image.layers:
        weights.append(layer.dense_weights())
        if layer.keep:
            values.append(activations[:0])
            continue
        activations, overflowed = layer_reference(
            np.concatenate(weights, axis=1),
            layer.biases.reshape(-1),
            layer.bias_scale,
            activations,
            layer.shift,
            layer.relu,
            image.config.accumulator_bits,
            image.config.activation_bits,
        )
        overflow |= overflowed
        values.append(activations)
        weights.clear()
    return ReferenceRun(activations, overflow, tuple(values))


def _run_maps(image: NetworkImage, activations: NDArray[np.int16]) -> ReferenceRun:
    """The same on an array with `maps`: all layers share one activation memory."""
    config = image.config
    memory = np.zeros((config.activation_depth, config.pes), dtype=np.int16)
    memory[: image.in_rows] = activations.reshape(image.in_rows, config.pes)
    sums = np.zeros((config.accumulator_depth, config.pes), dtype=np.int64)
    overflow = False
    values: list[NDArray[np.int16]] = []
    layers = [MapReference(config, layer) for layer in image.layers]
    for number, offsets in executions(config, image.layers):
        outputs, overflowed = layers[number].run(memory, sums, offsets)
        overflow |= overflowed
        values.append(outputs)
    last = image.layers[-1]
    rows = (geometry_of(last).destination + np.arange(last.out_rows)) % config.activation_depth
    return ReferenceRun(memory[rows].reshape(-1), overflow, tuple(values))
