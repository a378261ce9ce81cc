"""Caffe's binary networks, written byte by byte."""

from collections.abc import Mapping, Sequence

import numpy as np


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, data: bytes | int) -> bytes:
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def blob(array: np.ndarray, old: bool = False) -> bytes:
    """A BlobProto; old ones say their shape as num, channels, height and width."""
    data = field(8, array.astype("<f8").tobytes()) if array.dtype == np.float64 else field(5, array.tobytes())
    if old:
        sizes = (1,) * (4 - array.ndim) + array.shape
        return b"".join(field(number, size) for number, size in enumerate(sizes, start=1)) + data
    return data + field(7, field(1, b"".join(varint(size) for size in array.shape)))


def caffemodel(layers: Mapping[str, Sequence[np.ndarray]], old: bool = False) -> bytes:
    """A NetParameter of these layers' blobs, in today's form or that of V1LayerParameter."""
    net = field(1, b"a network")
    for name, blobs in layers.items():
        kind = field(5, 4) if old else field(2, b"Convolution")
        own = field(4 if old else 1, name.encode()) + kind
        own += b"".join(field(6 if old else 7, blob(each, old)) for each in blobs)
        net += field(2 if old else 100, own)
    return net
