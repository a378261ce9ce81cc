"""The header of a GGUF file: metadata, of which only the alignment counts here, and where each tensor is.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; versions 2 and 3 are the same but for big-endian files.
"""

import struct
from math import prod
from typing import BinaryIO, NamedTuple

from model.errors import EieError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = 32  # bytes, where the metadata say no other
MOST_TENSORS = MOST_VALUES = 1 << 16
MOST_TEXTS = 1 << 20  # of an array: words of a vocabulary
LONGEST_NAME = 1 << 10  # bytes
MOST_AXES = 4  # as ggml has it
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes by type of metadata
WHOLE, TEXT, ARRAY = 4, 8, 9


class TensorPlace(NamedTuple):
    """A tensor: its shape in numpy's order, ggml's type, and its first byte behind the header."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


class Header(NamedTuple):
    """The tensors in the file's order, and the byte where their numbers begin."""

    tensors: list[TensorPlace]
    start: int


class _Reader:
    """Numbers and texts one after another."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._size = file, size

    @property
    def at(self) -> int:
        return self._file.tell()

    def skip(self, count: int) -> None:
        if count > self._size - self.at:
            raise EieError(f"this is not a whole GGUF file: {count} bytes from byte {self.at} on are not in it")
        self._file.seek(count, 1)

    def bytes(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise EieError(f"this is not a whole GGUF file: it ends at byte {self.at}, inside its header")
        return data

    def numbers(self, form: str) -> tuple[int, ...]:
        """Whole numbers, little-endian."""
        return struct.unpack(f"<{form}", self.bytes(struct.calcsize(f"<{form}")))

    def text(self) -> str:
        (size,) = self.numbers("Q")
        if size > LONGEST_NAME:
            raise EieError(f"a name in a GGUF file must have at most {LONGEST_NAME} bytes, got {size}")
        try:
            return self.bytes(size).decode()
        except UnicodeDecodeError as error:
            raise EieError("a name in a GGUF file must be UTF-8 text, one is not") from error

    def value(self) -> int | None:
        """A value of the metadata behind its type, if it is a whole number of 32 bits; others are passed over."""
        (kind,) = self.numbers("I")
        if kind == WHOLE:
            return self.numbers("I")[0]
        count = 1
        if kind == ARRAY:
            kind, count = self.numbers("IQ")
        if kind == TEXT:
            if count > MOST_TEXTS:
                raise EieError(f"an array of a GGUF file must have at most {MOST_TEXTS} texts, got {count}")
            for _ in range(count):
                self.skip(self.numbers("Q")[0])
        elif kind in SIZES:
            self.skip(SIZES[kind] * count)
        else:
            raise EieError(f"metadata of a GGUF file must be of a known type, and no arrays of arrays, got type {kind}")
        return None


def read_header(file: BinaryIO, size: int) -> Header:
    """The header of an open file of so many bytes; EieError for one that is not whole."""
    reader = _Reader(file, size)
    if reader.bytes(len(MAGIC)) != MAGIC:
        raise EieError("this is no GGUF file")
    (version,) = reader.numbers("I")
    if version not in VERSIONS:
        raise EieError(f"a GGUF file must be of version 2 or 3, little-endian, got {version}")
    tensors, values = reader.numbers("2Q")
    if tensors > MOST_TENSORS or values > MOST_VALUES:
        raise EieError(f"a GGUF file must have at most {MOST_TENSORS} tensors and metadata, got {tensors} and {values}")
    alignment = ALIGNMENT
    for _ in range(values):
        name, value = reader.text(), reader.value()
        if name == "general.alignment":
            if value is None or value < 8 or value % 8:
                raise EieError(f"the alignment of a GGUF file must be a multiple of 8, got {value}")
            alignment = value
    found = [_tensor(reader, alignment) for _ in range(tensors)]
    names = {tensor.name for tensor in found}
    if len(names) < len(found):
        raise EieError(f"names of tensors must be unique, got {len(names)} for {len(found)} tensors")
    return Header(found, -(-reader.at // alignment) * alignment)


def _tensor(reader: _Reader, alignment: int) -> TensorPlace:
    name = reader.text()
    (axes,) = reader.numbers("I")
    if not 1 <= axes <= MOST_AXES:
        raise EieError(f"{name} must have 1 to {MOST_AXES} axes, got {axes}")
    shape = reader.numbers(f"{axes}Q")[::-1]
    kind, offset = reader.numbers("IQ")
    if 0 in shape or prod(shape) >= 1 << 62:
        raise EieError(f"{name} must not be empty, nor have 2**62 elements, got {shape}")
    if offset % alignment:
        raise EieError(f"{name} must begin at a multiple of {alignment} bytes, got {offset}")
    return TensorPlace(name, shape, kind, offset)
