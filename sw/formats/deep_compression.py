"""The `.net` files that Deep Compression's authors released with their networks.

A file holds nothing but numbers: ``uint32 entries`` of each layer, then for each layer its float32 codebook, of 256
values for a convolution and 16 for a fully connected layer, its float32 biases, the entries' codes (a byte each for a
convolution, else two per byte, the first in the low four bits), and the zeros before each entry, four bits, two per
byte. The entries of a layer are one chain over its row-major weights; the shapes are in Caffe's description of the
network. There is no Huffman code.
"""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import read_whole
from sw.formats.connections import Connections
from sw.network.graph import Shape
from sw.network.network import Network

LONGEST_RUN = 15
FREE_WEIGHTS = 1 << 16  # zeros behind its last entry that a layer may have, however few its entries


def load_net(path: Path, connections: Connections | None) -> Network:
    """The network in a .net file, whose shapes are those of a .prototxt; EieError unless every byte is explained."""
    shapes: dict[str, Shape] = {}
    for use in () if connections is None else connections.uses:
        if use.shape is not None:
            shapes[use.name] = use.shape
    if connections is None or len(shapes) < len(connections.uses):
        raise EieError("a .net file holds no shapes: it must come with its network's .prototxt as graph, it does not")
    data = read_whole(path)
    reader = _Reader(data)
    entries = reader.take("the header", "<u4", len(shapes)).tolist()
    weights: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    for (name, shape), count in zip(shapes.items(), entries, strict=True):
        weights[name] = _read_layer(reader, f"layer {name}", shape, count)
    if reader.position != len(data):
        raise EieError(f"the file must end with its last layer at byte {reader.position}, it has {len(data)} bytes")
    return connections.network(weights)


def _read_layer(
    reader: "_Reader", what: str, shape: Shape, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    convolution = len(shape) == 4
    codebook = reader.take(f"{what}: the codebook", "<f4", 256 if convolution else 16).astype(np.float32)
    if codebook[0] != 0:
        raise EieError(f"{what}: entry 0 of its codebook must be 0, got {codebook[0]}")
    bias = reader.take(f"{what}: the biases", "<f4", shape[0]).astype(np.float32)
    codes = (
        reader.take(f"{what}: the codes", "u1", count) if convolution else reader.nibbles(f"{what}: the codes", count)
    )
    runs = reader.nibbles(f"{what}: the indices", count)
    size = prod(shape)
    if size > FREE_WEIGHTS + (LONGEST_RUN + 1) * count:
        raise EieError(f"{what}: {count} entries must reach its {size} weights, they are too few")
    last = int(runs.sum(dtype=np.int64)) + count - 1  # before the positions, which take 16 times the file
    if last >= size:
        raise EieError(f"{what}: its entries must lie in its {size} weights, they reach to {last}")
    positions = np.cumsum(runs.astype(np.int64) + 1) - 1
    weight = np.zeros(size, np.float32)
    weight[positions] = codebook[codes]
    return weight.reshape(shape), bias


class _Reader:
    """Reads a file front to back and never past its end."""

    def __init__(self, data: bytes):
        self._data = data
        self.position = 0

    def take(self, what: str, dtype: str, count: int) -> NDArray[Any]:
        end = self.position + count * np.dtype(dtype).itemsize
        if end > len(self._data):
            raise EieError(f"{what} must end at byte {end}, the file has {len(self._data)}")
        values = np.frombuffer(self._data, dtype, count, self.position)
        self.position = end
        return values

    def nibbles(self, what: str, count: int) -> NDArray[np.uint8]:
        """`count` numbers of four bits, the first of a byte in its low half; a half left over must be 0."""
        halves: NDArray[np.uint8] = self.take(what, "u1", -(-count // 2))
        values = np.stack([halves & np.uint8(15), halves >> np.uint8(4)], axis=1).reshape(-1)
        if values[count:].any():
            raise EieError(f"{what}: the half byte behind them must be 0, got {values[-1]}")
        return values[:count]
