"""Attacks on Caffe's trained networks: messages that end nowhere, shapes that cannot be, names that write."""

import numpy as np

from tests.attacks.corpus import attack
from tests.support.files.caffemodel import blob, caffemodel, field, varint

WEIGHT = {"fc1": np.ones((9, 12), np.float32), "fc2": np.ones((5, 9), np.float32)}


def model() -> bytes:
    """The weights of `good.prototxt`."""
    return caffemodel({name: [array, np.ones(len(array), np.float32)] for name, array in WEIGHT.items()})


def _with_shape(shape: bytes) -> bytes:
    one = field(5, WEIGHT["fc1"].tobytes()) + field(7, field(1, shape))
    return field(100, field(1, b"fc1") + field(7, one))


@attack("caffemodel")
def empty() -> bytes:
    """No byte at all."""
    return b""


@attack("caffemodel")
def cut_in_half() -> bytes:
    """The first half of a model."""
    data = model()
    return data[: len(data) // 2]


@attack("caffemodel")
def not_protobuf() -> bytes:
    """A hundred kilobytes of 0xff: numbers that never end."""
    return b"\xff" * 100_000


@attack("caffemodel")
def longer_than_the_file() -> bytes:
    """A layer that says it has four gigabytes."""
    return varint(100 << 3 | 2) + varint(1 << 32) + b"fc1"


@attack("caffemodel")
def half_a_million_layers() -> bytes:
    """Layers of two bytes each, of which a library makes objects."""
    return field(100, b"") * 350_000


@attack("caffemodel")
def sizes_of_2_to_62() -> bytes:
    """A shape whose product is no number of 64 bits."""
    return _with_shape(varint(1 << 62) * 3)


@attack("caffemodel")
def negative_sizes() -> bytes:
    """A shape of -9 x -12, whose product is right."""
    return _with_shape(varint((1 << 64) - 9) + varint((1 << 64) - 12))


@attack("caffemodel")
def three_bytes() -> bytes:
    """Weights of three bytes."""
    return field(100, field(1, b"fc1") + field(7, field(5, b"abc") + field(7, field(1, b"\x01"))))


@attack("caffemodel")
def both_widths() -> bytes:
    """Numbers in float32 and in float64."""
    return field(100, field(1, b"fc1") + field(7, blob(WEIGHT["fc1"]) + field(8, bytes(9 * 12 * 8))))


@attack("caffemodel")
def a_name_that_writes() -> bytes:
    """A layer whose name clears the terminal and writes a line."""
    return model() + caffemodel({"\x1b[2Jno\nerror: none": [np.ones(2, np.float32)]})


@attack("caffemodel")
def not_a_number() -> bytes:
    """Weights that are no numbers."""
    return caffemodel({**{name: [array] for name, array in WEIGHT.items()}, "fc2": [WEIGHT["fc2"] * np.float32("nan")]})
