"""Model files put together byte by byte, after docs/contract/eie_format.md."""

import struct
import zlib

import numpy as np

from sw.file.model_file import to_bytes
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedLayer, CompressedNetwork
from tests.support.networks.random_networks import make_layer


def bits(text: str) -> bytes:
    """Bits, most significant first, padded with zeros to whole bytes."""
    text = text.replace(" ", "").replace("_", "")
    return bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))


def varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def with_crc(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


def assemble(body: bytes, *sections: bytes, version: int = 2) -> bytes:
    """A file with right lengths and checksums around any header body and sections."""
    header = with_crc(b"\x89EIE" + bytes([version]) + varint(len(body)) + body)
    return header + b"".join(with_crc(section) for section in sections)


# A 2 x 60 layer "a" of 1-bit codes: 0.5 at positions 0 and 100, so runs of 0 and 99 zeros, told by their first bit.
BODY = bytes([1, 0]) + bytes([1, ord("a"), 0, 0x10]) + bytes([2, 60, 2, 9])
RUN_TABLE = bits("0 1 0 11010 0 0001 0")  # of 8 symbols the first is used, 6 are not, the last is; both have length 1
CODE_TABLE = bits("00000001 0001")  # one code above 0, of length 1
CODEBOOK = bits("1 10010100 000010 10")  # multiples of 2**(148 - 149); the first, of 2 bits, is 2: 1 and not negative
RUNS = bits("0 1 100011")  # 0; the last symbol says 6 more bits, 64 + 35
CODES = bits("00")
SECTION = RUN_TABLE + CODE_TABLE + CODEBOOK + RUNS + CODES
# The same without runs, 4 columns only and 0.5 at positions 0 and 5: a bit says that zeros have a code.
DENSE_CODE_TABLE = bits("00000001 1 0001 0")
DENSE_CODES = bits("100001")
DENSE_SECTION = DENSE_CODE_TABLE + CODEBOOK + DENSE_CODES
# 1 and -2: multiples of 2**0 with one low bit and two high parts, the first -1 (folded: 1, of 1 bit), the second just
# behind it (0 between them, in Rice form with parameter 0); lengths 1 and 1; the second, the first; the low bits.
BIASES = bits("1 10010101 00001 00000001 000001 1 0 00000 0 0001 0 1 0 1 0")


def example() -> CompressedNetwork:
    layer = CompressedLayer(
        name="a",
        shape=(2, 60),
        code_bits=1,
        codebook=np.array([0, 0.5], np.float32),
        bias=np.zeros(2, np.float32),
        relu=False,
        positions=np.array([0, 100]),
        codes=np.array([1, 1], np.uint8),
    )
    return CompressedNetwork(layers=(layer,))


def small_file() -> bytes:
    layers = (make_layer(1, (5, 9), 0.3, 3, "a", relu=True), make_layer(2, (2, 5), 0.5, 2, "b"))
    return to_bytes(calibrate(CompressedNetwork(layers=layers), np.ones((1, 9))))


def same(ours: CompressedNetwork, theirs: CompressedNetwork) -> None:
    assert ours.graph == theirs.graph
    for one, other in zip(ours.layers, theirs.layers, strict=True):
        assert (one.dense() == other.dense()).all()
        assert (one.bias == other.bias).all()
        assert (one.positions == other.positions).all()
        for field in ("name", "shape", "convolution", "relu", "code_bits"):
            assert getattr(one, field) == getattr(other, field)


def body(**changes: int | bytes) -> bytes:
    """The example's header body with some fields replaced or put in."""
    fields: dict[str, int | bytes] = {
        "layers": 1,
        "file_flags": 0,
        "graph": b"",
        "name_size": 1,
        "name": b"a",
        "flags": 0,
        "widths": 0x10,
        "moves": b"",
        "shape": bytes([2, 60]),
        "entries": 2,
        "size": 9,
    }
    fields.update(changes)
    return b"".join(value if isinstance(value, bytes) else bytes([value]) for value in fields.values())


def section(**changes: bytes) -> bytes:
    """The example's section with some parts replaced or put in."""
    parts = {
        "run_table": RUN_TABLE,
        "code_table": CODE_TABLE,
        "codebook": CODEBOOK,
        "biases": b"",
        "runs": RUNS,
        "codes": CODES,
    }
    parts.update(changes)
    return b"".join(parts.values())


def sized(flags: int = 0, **changes: bytes) -> bytes:
    """The example with some parts of its section replaced, and the right size in its record."""
    changed = section(**changes)
    return assemble(body(flags=flags, size=len(changed)), changed)
