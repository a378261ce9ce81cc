"""A network as an array runs it. Simulation and the host driver both run what is lowered here.

There are two ways. Layers that the array runs one after another by itself become one image, and an input takes one
start (a start for each pass, where the memories do not hold them at once). Any other network is run layer by layer:
the weights of a layer stay in the array while the host hands it one vector after another, what a position of a
convolution sees or [x_t ; h_{t-1}] at a step of an LSTM, and the host does what has no weights (`sw.image.host_loop`).
"""

from dataclasses import dataclass, replace

import numpy as np

from model.config import ArrayConfig
from model.image import NetworkImage
from sw.image.build import build_image
from sw.network.chain import is_chain
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.layer import matrix_shape
from sw.network.quantise import LayerFormat, choose_formats


@dataclass(frozen=True, eq=False)
class LayerImages:
    """A network that is run layer by layer.

    Parameters
    ----------
    network : calibrated.
    config : of the array.
    layers : the images of each layer, in the network's order: one for every group of a convolution, else a single one.
    """

    network: CompressedNetwork
    config: ArrayConfig
    layers: tuple[tuple[NetworkImage, ...], ...]


Lowered = NetworkImage | LayerImages


def lower(network: CompressedNetwork, config: ArrayConfig) -> Lowered:
    """A calibrated network for an array: its image if the array runs it by itself, else an image for each layer.

    EieError, with what was wanted and what there is, if the network is not calibrated or the array cannot run it.
    """
    if config.maps or is_chain(network):
        return build_image(network, config)
    formats = choose_formats(network, config.accumulator_bits, config.activation_bits)
    return LayerImages(
        network,
        config,
        tuple(
            _group_images(layer, number_format, config)
            for layer, number_format in zip(network.layers, formats, strict=True)
        ),
    )


def _group_images(layer: CompressedLayer, number_format: LayerFormat, config: ArrayConfig) -> tuple[NetworkImage, ...]:
    groups = 1 if layer.convolution is None else layer.convolution.groups
    return tuple(
        build_image(CompressedNetwork(layers=(_group(layer, index, groups),)), config, [number_format], resident=True)
        for index in range(groups)
    )


def _group(layer: CompressedLayer, index: int, groups: int) -> CompressedLayer:
    """The matrix of one group of a convolution, or of a fully connected layer, as a fully connected layer."""
    rows, columns = layer.shape[0] // groups, matrix_shape(layer.shape)[1]
    first = index * rows * columns
    low, high = np.searchsorted(layer.positions, [first, first + rows * columns])
    return replace(
        layer,
        shape=(rows, columns),
        convolution=None,
        bias=layer.bias[index * rows : (index + 1) * rows],
        positions=layer.positions[low:high] - first,
        codes=layer.codes[low:high],
    )
