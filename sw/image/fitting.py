"""An array with memories just large enough for a network."""

import numpy as np

from model.config import ArrayConfig
from model.function_reference import block_of
from model.image import NetworkImage
from model.loops import executions
from model.map_reference import geometry_of
from sw.image.build import build_image
from sw.image.maps.build import build_map_image
from sw.network.chain import as_chain, is_chain
from sw.network.compressed import CompressedNetwork
from sw.network.graph import Lstm

# While nobody knows how many are needed: the most that a configuration takes.
LARGEST_MEMORY = 1 << 20
MOST_ACTIVATIONS = 1 << 15
MOST_LAYERS = 64


def whole_network_array(network: CompressedNetwork, config: ArrayConfig) -> ArrayConfig:
    """`config` with the switches that run the network in one start.

    `maps` for anything but fully connected layers one after another, `functions` if it is recurrent.
    """
    if is_chain(network):
        return config
    recurrent = any(isinstance(node.operation, Lstm) for node in network.connections.nodes)
    return config.with_(maps=True, functions=recurrent or config.functions, accumulator_depth=config.activation_depth)


def fitting_array(network: CompressedNetwork, config: ArrayConfig) -> ArrayConfig:
    """`config` with other depths of memories, and codes as wide as the network's where its own are narrower.

    The network stays in the array as a whole (`sw.image.build.build_image`, resident). With `maps` activations and
    pointers have powers of two. EieError if it is not calibrated, or no array of these PEs can hold it.
    """
    if config.maps:
        return _fitting_maps(network, config)
    chain = as_chain(network)
    pes = config.pes
    local = [-(-size // pes) for size in (chain.in_features, *(layer.shape[0] for layer in chain.layers))]
    pointers = sum(rows * pes + 1 for rows in local[:-1])
    roomy = config.with_(
        layers=len(chain.layers),
        code_bits=max(config.code_bits, *(layer.code_bits for layer in chain.layers)),
        activation_depth=max(2, *local),
        pointer_depth=max(4, pointers + pointers % 2),
        constant_depth=LARGEST_MEMORY,
        sparse_matrix_depth=LARGEST_MEMORY,
    )
    image = build_image(network, roomy, resident=True)
    rows = sum(-(-np.diff(layer.offsets) // roomy.entries_per_row) for layer in image.layers)
    return roomy.with_(constant_depth=roomy.bias_base + sum(local[1:]), sparse_matrix_depth=max(2, int(np.max(rows))))


def _fitting_maps(network: CompressedNetwork, config: ArrayConfig) -> ArrayConfig:
    code_bits = max(config.code_bits, *(layer.code_bits for layer in network.layers))
    roomy = config.with_(
        code_bits=code_bits,
        layers=MOST_LAYERS,
        activation_depth=MOST_ACTIVATIONS,
        accumulator_depth=MOST_ACTIVATIONS,
        pointer_depth=LARGEST_MEMORY,
        constant_depth=LARGEST_MEMORY,
        sparse_matrix_depth=LARGEST_MEMORY,
    )
    image = build_map_image(network, roomy, smallest=True)
    rows = sum(-(-np.diff(layer.offsets) // roomy.entries_per_row) for layer in image.layers)
    written = [geometry_of(layer) for layer in image.layers if not layer.keep]
    layers = len(image.layers)
    return roomy.with_(
        layers=layers,
        activation_depth=_power_of_two(max(2, _activation_rows(image))),
        accumulator_depth=max(2, *(layer.out_rows for layer in image.layers)),
        pointer_depth=_power_of_two(max(4, sum(layer.columns + 1 for layer in image.layers))),
        constant_depth=(layers << code_bits) + sum(each.out_channels for each in written),
        sparse_matrix_depth=max(2, int(np.max(rows))),
    )


def _activation_rows(image: NetworkImage) -> int:
    """Local rows up to the last that is written."""
    last = image.input_rows
    for number, offsets in executions(image.config, image.layers):
        layer = image.layers[number]
        geometry, functions = geometry_of(layer), layer.functions
        if functions is not None and functions.blocked:
            for block, place in (block_of(functions, operation) for operation in range(layer.out_rows)):
                last = max(last, block.block_destination + offsets.of(block.destination_moves) + place + 1)
        elif not layer.keep:
            positions = geometry.out_height * geometry.out_width
            last = max(last, geometry.destination + (positions - 1) * geometry.destination_step + geometry.out_channels)
    return last


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
