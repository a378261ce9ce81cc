"""PyTorch files put together byte by byte, so that they exist without PyTorch and can be wrong in any way."""

import struct
import zipfile
from pathlib import Path

import numpy as np

REBUILD = "torch._utils _rebuild_tensor_v2"
PROTOCOL = b"\x80\x02"


def text(value: str) -> bytes:
    """BINUNICODE."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def whole(value: int) -> bytes:
    """LONG1 of up to 255 bytes."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def name(value: str) -> bytes:
    """GLOBAL of a "module name"."""
    return b"c" + value.replace(" ", "\n").encode() + b"\n"


def sequence(*values: bytes) -> bytes:
    """MARK, the values, TUPLE."""
    return b"(" + b"".join(values) + b"t"


def numbers(*values: int) -> bytes:
    """A tuple of whole numbers."""
    return sequence(*map(whole, values))


def call(function: str, *arguments: bytes) -> bytes:
    """REDUCE."""
    return name(function) + sequence(*arguments) + b"R"


def storage(record: str, count: int, kind: str = "FloatStorage") -> bytes:
    """The persistent id of a storage."""
    return sequence(text("storage"), name(f"torch {kind}"), text(record), text("cpu"), whole(count)) + b"Q"


def tensor(
    source: bytes, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, function: str = REBUILD
) -> bytes:
    """A tensor as torch.save writes it."""
    hooks = call("collections OrderedDict")
    return call(function, source, whole(offset), numbers(*shape), numbers(*strides), b"\x89", hooks)


def dictionary(**items: bytes) -> bytes:
    """A dictionary; "__" in a key stands for a dot."""
    return b"}(" + b"".join(text(key.replace("__", ".")) + value for key, value in items.items()) + b"u"


def write(path: Path, value: bytes, records: dict[str, np.ndarray | bytes], compression: int = 0) -> Path:
    """The archive of one pickled value."""
    members = {"data.pkl": PROTOCOL + value + b".", "byteorder": b"little", **records}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, data in members.items():
            archive.writestr(f"archive/{member}", data if isinstance(data, bytes) else data.tobytes())
    return path
