"""Attacks on GGUF files: counts, sizes and places that cannot be, names that write."""

import struct

import numpy as np

from tests.attacks.corpus import attack
from tests.support.files.gguf_files import gguf, text, whole

F32, Q8_0 = 0, 8
ONE = {b"a.weight": ((3, 2), F32, 0)}


def good() -> bytes:
    """Two layers, one of 8-bit blocks, and metadata of several types."""
    blocks = (struct.pack("<e", 0.5) + bytes(range(32))) * 2
    tensors = {b"a.weight": ((32, 2), Q8_0, 0), b"b.weight": ((2, 3), F32, 96)}
    metadata = [
        (b"general.architecture", struct.pack("<I", 8) + text(b"two")),
        (b"general.alignment", whole(32)),
        (b"words", struct.pack("<2IQ", 9, 8, 2) + text(b"one") + text(b"two")),
    ]
    return gguf(tensors, blocks.ljust(96, b"\0") + np.ones(6, "<f4").tobytes(), metadata)


@attack("gguf")
def empty() -> bytes:
    """No byte at all."""
    return b""


@attack("gguf")
def cut_in_half() -> bytes:
    """The first half of a file."""
    data = good()
    return data[: len(data) // 2]


@attack("gguf")
def tensors_of_2_to_63() -> bytes:
    """A header that promises 2**63 tensors."""
    return gguf({}, bytes(64), counts=(1 << 63, 0))


@attack("gguf")
def metadata_of_2_to_63() -> bytes:
    """A header that promises 2**63 values."""
    return gguf({}, bytes(64), counts=(0, 1 << 63))


@attack("gguf")
def name_of_2_to_63_bytes() -> bytes:
    """A tensor whose name is said to be longer than any memory."""
    return gguf({}, struct.pack("<Q", 1 << 63), counts=(1, 0), alignment=8)


@attack("gguf")
def text_of_2_to_63_bytes() -> bytes:
    """A text of metadata that is said to be longer than any file."""
    return gguf({}, bytes(64), [(b"a", struct.pack("<IQ", 8, 1 << 63))])


@attack("gguf")
def numbers_of_2_to_66_bytes() -> bytes:
    """An array of metadata of 2**63 numbers of eight bytes."""
    return gguf({}, bytes(64), [(b"a", struct.pack("<2IQ", 9, 12, 1 << 63))])


@attack("gguf")
def million_texts() -> bytes:
    """A vocabulary of two million empty words."""
    count = 1 << 21
    return gguf({}, bytes(64), [(b"a", struct.pack("<2IQ", 9, 8, count) + bytes(8 * count))])


@attack("gguf")
def arrays_of_arrays() -> bytes:
    """An array of arrays of arrays."""
    return gguf({}, bytes(64), [(b"a", struct.pack("<2IQ", 9, 9, 1) * 1000)])


@attack("gguf")
def alignment_of_nothing() -> bytes:
    """An alignment of 0, by which is divided."""
    return gguf(ONE, bytes(64), [(b"general.alignment", whole(0))])


@attack("gguf")
def alignment_of_4_gigabytes() -> bytes:
    """An alignment far behind the file."""
    return gguf(ONE, bytes(64), [(b"general.alignment", whole((1 << 32) - 8))])


@attack("gguf")
def sizes_that_overflow() -> bytes:
    """Sizes whose product is 0 in 64 bits."""
    return gguf({b"a.weight": ((1 << 32, 1 << 32), F32, 0)}, bytes(64))


@attack("gguf")
def place_behind_the_file() -> bytes:
    """A tensor that begins 2**62 bytes behind the file."""
    return gguf({b"a.weight": ((3, 2), F32, 1 << 62)}, bytes(64))


@attack("gguf")
def a_thousand_times_the_same_bytes() -> bytes:
    """A thousand tensors that are the same megabyte of the file."""
    tensors = {b"l%d.weight" % number: ((1 << 9, 1 << 9), F32, 0) for number in range(1000)}
    return gguf(tensors, bytes(1 << 20))


@attack("gguf")
def quantised_in_another_way() -> bytes:
    """Blocks of a type that is not read, and a name that clears the terminal and writes a line."""
    return gguf({b"\x1b[2Jno\nerror: none.weight": ((256, 2), 12, 0)}, bytes(288))


@attack("gguf")
def blocks_of_half_a_row() -> bytes:
    """Rows of 48 numbers in blocks of 32."""
    return gguf({b"a.weight": ((48, 2), Q8_0, 0)}, bytes(102))


@attack("gguf")
def scale_that_is_no_number() -> bytes:
    """A block whose scale is NaN."""
    return gguf({b"a.weight": ((32, 1), Q8_0, 0)}, struct.pack("<e", float("nan")) + bytes([1] * 32))


@attack("gguf")
def big_endian() -> bytes:
    """A version whose bytes are the other way round."""
    return gguf(ONE, bytes(64), version=3 << 24)
