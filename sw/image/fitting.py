"""An array with memories just large enough for a network."""

import numpy as np

from model.config import ArrayConfig
from sw.image.build import build_image
from sw.network.chain import as_chain
from sw.network.compressed import CompressedNetwork

LARGEST_MEMORY = 1 << 20  # words, while nobody knows how many are needed


def fitting_array(network: CompressedNetwork, config: ArrayConfig) -> ArrayConfig:
    """`config` with other depths of memories, and codes as wide as the network's where its own are narrower.

    The network stays in the array as a whole (`sw.image.build.build_image`, resident). EieError if it is not
    calibrated, or no array of these PEs can hold it.
    """
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
