"""Random networks of map layers with blocks of write-back and loops, for an array with `functions`."""

from dataclasses import replace

import numpy as np

from model.function_descriptor import BLOCKS, Block, FunctionDescriptor
from model.image import LayerImage, NetworkImage

MOST_ITERATIONS = 3


def random_block(rng: np.random.Generator, depth: int) -> Block:
    """Any function, any product, near or anywhere."""
    return Block(
        function=bool(rng.integers(2)),
        is_tanh=bool(rng.integers(2)),
        product=bool(rng.integers(2)),
        product_shift=int(rng.choice([0, 3, 15, 31])),
        destination_moves=int(rng.integers(4)),
        second_moves=int(rng.integers(4)),
        block_destination=int(rng.integers(depth)) if rng.integers(2) else int(rng.integers(8)),
        second=int(rng.integers(1 << 16)) if rng.integers(4) == 0 else int(rng.integers(8)),
    )


def with_functions(rng: np.random.Generator, image: NetworkImage) -> NetworkImage:
    """The same layers, most of them in blocks, in loops that neither begin nor end between kept sums."""
    depth = image.config.activation_depth
    layers: list[LayerImage] = []
    floor = 0  # first layer that the next loop may begin with
    for number, layer in enumerate(image.layers):
        starts = [at for at in range(floor, number + 1) if at == 0 or not image.layers[at - 1].keep]
        loops = not layer.keep and bool(starts) and bool(rng.integers(2))
        functions = FunctionDescriptor(
            loop_count=int(rng.integers(2, MOST_ITERATIONS + 1)) if loops else int(rng.integers(2)),
            loop_back=number - int(rng.choice(starts)) if loops else int(rng.integers(64)),
            moves=bool(rng.integers(2)),
            blocked=bool(rng.integers(4)),
            source_step=int(rng.integers(1, 4)) if rng.integers(2) else int(rng.integers(1 << 16)),
            result_step=int(rng.integers(depth)),
            block_rows=int(rng.integers(0, max(2, layer.out_rows))),
            blocks=tuple(random_block(rng, depth) for _ in range(BLOCKS)),
        )
        floor = number + 1 if loops else floor
        layers.append(replace(layer, functions=functions))
    return replace(image, layers=tuple(layers))
