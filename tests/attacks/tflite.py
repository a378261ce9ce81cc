"""Attacks on TensorFlow Lite models: tables that lead nowhere, counts that cannot be, numbers shown many times."""

import struct

import numpy as np

from tests.attacks.corpus import attack
from tests.support.files.tflite_writer import Operator, Tensor, constant, write_tflite

WEIGHT = np.arange(108, dtype=np.float32).reshape(9, 12) / 100
LINEAR = {"FusedActivationFunction": 0}


def model(**changes: object) -> bytes:
    """One fully connected layer from 12 to 9 values."""
    tensors = [Tensor((1, 12)), constant(WEIGHT), Tensor((1, 9))]
    for field, value in changes.items():
        setattr(tensors[1], field, value)
    return write_tflite(tensors, [Operator("FULLY_CONNECTED", (0, 1, -1), (2,), LINEAR)])


def _with_count(data: bytes, old: bytes, count: int) -> bytes:
    """The model with the count of the vector that holds `old` replaced."""
    place = data.index(struct.pack("<I", len(old) // 4) + old)
    return data[:place] + struct.pack("<I", count) + data[place + 4 :]


@attack("tflite")
def empty() -> bytes:
    """No byte at all."""
    return b""


@attack("tflite")
def identifier_only() -> bytes:
    """The identifier, and a root that leads to it."""
    return struct.pack("<I", 4) + b"TFL3"


@attack("tflite")
def root_far_away() -> bytes:
    """A root table four gigabytes away."""
    return b"\xff\xff\xff\xff" + model()[4:]


@attack("tflite")
def cut_in_half() -> bytes:
    """The first half of a model."""
    data = model()
    return data[: len(data) // 2]


@attack("tflite")
def zeros() -> bytes:
    """A megabyte of zeros behind a header: every offset leads to itself."""
    return struct.pack("<I", 8) + b"TFL3" + bytes(1 << 20)


@attack("tflite")
def many_axes() -> bytes:
    """A shape of four billion axes."""
    return _with_count(model(), struct.pack("<2i", 9, 12), (1 << 32) - 1)


@attack("tflite")
def many_inputs() -> bytes:
    """An operator of four billion inputs."""
    return _with_count(model(), struct.pack("<3i", 0, 1, -1), (1 << 32) - 1)


@attack("tflite")
def huge_shape() -> bytes:
    """Weights of 2**62 numbers in 432 bytes."""
    return model(shape=((1 << 31) - 1, (1 << 31) - 1))


@attack("tflite")
def negative_shape() -> bytes:
    """Weights of -9 rows."""
    return model(shape=(-9, -12))


@attack("tflite")
def scales_infinite() -> bytes:
    """A scale of infinity."""
    return model(scales=(float("inf"),), zeros=(0,))


@attack("tflite")
def scales_of_another_axis() -> bytes:
    """Four scales for nine rows."""
    return model(scales=(1.0, 2.0, 3.0, 4.0))


@attack("tflite")
def buffer_of_none() -> bytes:
    """Weights in a buffer that is not there."""
    return model(buffer=1 << 20)


@attack("tflite")
def one_buffer_for_all() -> bytes:
    """Sixty layers whose weights are one buffer of a megabyte, which as float32 would be 60 times four."""
    numbers = np.ones((1 << 10, 1 << 10), np.int8)
    tensors = [Tensor((1, 1 << 10))]
    operators: list[Operator] = []
    for place in range(60):
        weights = (
            constant(numbers, scales=(1.0,)) if place == 0 else Tensor(numbers.shape, None, np.int8, (1.0,), buffer=2)
        )
        tensors += [weights, Tensor((1, 1 << 10))]
        operators.append(Operator("FULLY_CONNECTED", (2 * place, 2 * place + 1, -1), (2 * place + 2,), LINEAR))
    return write_tflite(tensors, operators)


@attack("tflite")
def its_own_result() -> bytes:
    """A layer that takes its own result."""
    tensors = [Tensor((1, 12)), constant(np.ones((12, 12), np.float32)), Tensor((1, 12))]
    return write_tflite(tensors, [Operator("FULLY_CONNECTED", (2, 1, -1), (2,), LINEAR)])


@attack("tflite")
def a_name_that_writes() -> bytes:
    """A tensor whose name clears the terminal and writes a line."""
    return model(shape=(-9, -12)).replace(b"tensor1", b"\x1b[2Jno\n")


@attack("tflite")
def stride_of_2_to_31() -> bytes:
    """A convolution that moves by 2**31 - 1."""
    tensors = [Tensor((1, 4, 4, 1)), constant(np.ones((1, 2, 2, 1), np.float32)), Tensor((1, 1, 1, 1))]
    options = {"StrideH": (1 << 31) - 1, "StrideW": (1 << 31) - 1}
    return write_tflite(tensors, [Operator("CONV_2D", (0, 1), (2,), options)])


@attack("tflite")
def padding_of_a_million() -> bytes:
    """Zeros put around a map of 16 numbers until it has 2**46."""
    pads = np.array([[0, 0], [1 << 22, 1 << 22], [1 << 22, 1 << 22], [0, 0]], np.int32)
    tensors = [Tensor((1, 4, 4, 1)), constant(pads), Tensor((1, 8388612, 8388612, 1))]
    return write_tflite(tensors, [Operator("PAD", (0, 1), (2,))])
