"""Small random compressed networks for the compressor's tests."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from model.config import ArrayConfig
from sw.compressed import CompressedLayer, CompressedNetwork
from sw.quantise import calibrate


def make_layer(
    seed: int,
    shape: tuple[int, int],
    density: float,
    code_bits: int = 4,
    index_bits: int = 4,
    name: str = "fc",
    relu: bool = False,
) -> CompressedLayer:
    """A layer with geometrically distributed codes, so that long Huffman codes occur."""
    random = np.random.default_rng(seed)
    positions = np.flatnonzero(random.random(shape[0] * shape[1]) < density)
    largest = (1 << code_bits) - 1
    codes = np.minimum(random.geometric(0.4, positions.size), largest).astype(np.uint8)
    codebook = np.zeros(largest + 1, np.float32)
    used = np.unique(codes)
    codebook[used] = random.normal(size=used.size)
    return CompressedLayer(
        name=name,
        shape=shape,
        code_bits=code_bits,
        index_bits=index_bits,
        codebook=codebook,
        bias=random.normal(size=shape[0]).astype(np.float32) * np.float32(random.integers(2)),
        relu=relu,
        positions=positions,
        codes=codes,
    )


@st.composite
def networks(draw: st.DrawFn, calibrated: bool = False, code_bits: int = 8) -> CompressedNetwork:
    """One to three layers of 1 to 40 rows, from empty to dense."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    layers = [
        make_layer(
            draw(st.integers(0, 1 << 16)),
            (outputs, inputs),
            draw(st.sampled_from([0.0, 0.02, 0.2, 0.6, 1.0])),
            draw(st.integers(1, code_bits)),
            draw(st.integers(1, 8)),
            f"fc{index}",
            draw(st.booleans()),
        )
        for index, (inputs, outputs) in enumerate(pairwise(sizes))
    ]
    network = CompressedNetwork(layers=tuple(layers))
    if not calibrated:
        return network
    random = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    return calibrate(network, random.normal(size=(5, sizes[0])))


def make_config(**changes: object) -> ArrayConfig:
    """An array that holds any network of `networks`."""
    config = ArrayConfig(
        pes=4,
        sparse_matrix_depth=4096,
        pointer_depth=512,
        activation_depth=64,
        constant_depth=1 << 11,
        max_code_length=9,
        layers=3,
    )
    return config.with_(**changes)
