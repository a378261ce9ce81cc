"""GGUF files put together byte by byte, so that they exist without its package and can be wrong in any way."""

import struct
from collections.abc import Mapping, Sequence

MAGIC = b"GGUF"
Tensor = tuple[Sequence[int], int, int]  # sizes as ggml has them, the fastest first; type; offset


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def whole(value: int) -> bytes:
    """A value of metadata: a whole number of 32 bits."""
    return struct.pack("<2I", 4, value)


def gguf(
    tensors: Mapping[bytes, Tensor],
    numbers: bytes,
    metadata: Sequence[tuple[bytes, bytes]] = (),
    version: int = 3,
    counts: tuple[int, int] | None = None,
    alignment: int = 32,
) -> bytes:
    """A file; `counts` are what its header says of tensors and metadata."""
    out = MAGIC + struct.pack("<I2Q", version, *(counts or (len(tensors), len(metadata))))
    for name, value in metadata:
        out += text(name) + value
    for name, (sizes, kind, offset) in tensors.items():
        out += text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)
    return out + bytes(-len(out) % alignment) + numbers
