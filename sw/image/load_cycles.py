"""How long the loader takes for LAYER packets, when the host always offers a word (contract/architecture.md, 4 and 5).

A decoder takes a bit per cycle and holds one word, so a word for a PE waits until its last one is used up; the words of
a packet come in turn for all PEs.
"""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.config import ArrayConfig
from model.image import LayerImage, NetworkImage
from model.layouts import CHECK_CYCLES, descriptor_words
from sw.image.layer_codes import layer_codes


def pass_load_cycles(image: NetworkImage) -> tuple[int, ...]:
    """Of every pass: from its LOAD header until the loader waits for a header again, INPUT packets left out."""
    config = image.config
    return tuple(1 + sum(layer_load_cycles(layer, config) for layer in layers) for layers in image.passes)


def layer_load_cycles(layer: LayerImage, config: ArrayConfig) -> int:
    """From the header of a LAYER packet until the loader waits for a header again."""
    biases = 0 if layer.keep else len(layer.biases) * config.groups
    plain = 1 + descriptor_words(config) + CHECK_CYCLES + config.tree_words + config.code_symbols + biases
    begin = 1
    known = 2 if config.maps else 1
    return plain + begin + _code_cycles(layer_codes(layer, config).bits, config.stream_bits, known)


@compiled
def _code_cycles(bits: NDArray[np.int64], width: int, known: int) -> int:
    """Cycles of CODES and WAIT for PEs with code streams of so many bits, 1 or more each.

    A word accepted in cycle t is read from t + 1 on, a bit per cycle, and gone after t + `width`. The symbol that ends
    with a bit read in t is known in t + `known`; after the last one the decoder stops and discards the words that
    follow.
    """
    words = 0
    for pe in range(bits.size):
        words = max(words, (bits[pe] + width - 1) // width)
    ready = np.zeros(bits.size, dtype=np.int64)  # first cycle in which each decoder takes a word
    stopped = np.zeros(bits.size, dtype=np.int64)
    cycle = np.int64(0)  # first cycle in which the next word may be accepted
    for word in range(words):
        for pe in range(bits.size):
            accepted = max(cycle, ready[pe])
            cycle = accepted + 1
            left = bits[pe] - word * width
            if left > width:
                ready[pe] = accepted + width + 1
            elif left > 0:
                stopped[pe] = accepted + left + 1 + known
                ready[pe] = min(accepted + width + 1, stopped[pe])
    return int(max(cycle, stopped.max()) + 1)
