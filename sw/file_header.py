"""The header of a model file: what each section holds and how long it is (docs/eie_format.md)."""

import struct
import zlib
from dataclasses import dataclass

from sw.errors import EieError
from sw.layer import check_name, check_shape
from sw.network import MAX_LAYERS, check_connections

MAGIC = b"\x89EIE"
VERSION = 1
PREFIX = struct.Struct("<4sBI")  # magic, version, bytes of the header
CRC = struct.Struct("<I")
KIND_LINEAR = 0
RELU = 1
HAS_BIAS = 2
CALIBRATED = 1
VARINT_BYTES = 5


@dataclass(frozen=True, kw_only=True)
class LayerHeader:
    """One layer's record; fields as in docs/eie_format.md."""

    name: str
    relu: bool
    has_bias: bool
    outputs: int
    inputs: int
    code_bits: int
    index_bits: int
    entries: int
    used_codes: int
    run_stream_bits: int
    code_stream_bits: int

    @property
    def table_bytes(self) -> tuple[int, int]:
        """Bytes of the code lengths of the run and code alphabets, two lengths per byte."""
        return (1 << self.index_bits) // 2, (1 << self.code_bits) // 2

    @property
    def section_bytes(self) -> int:
        """Bytes of the layer's section without its checksum."""
        values = self.used_codes + (self.outputs if self.has_bias else 0)
        streams = -(-self.run_stream_bits // 8) + -(-self.code_stream_bits // 8)
        return sum(self.table_bytes) + 4 * values + streams

    def pack(self) -> bytes:
        """The record."""
        name = self.name.encode("utf-8")
        flags = RELU * self.relu | HAS_BIAS * self.has_bias
        sizes = (self.outputs, self.inputs, self.entries, self.used_codes, self.run_stream_bits, self.code_stream_bits)
        fixed = bytes([KIND_LINEAR, flags, self.code_bits, self.index_bits])
        return bytes([len(name)]) + name + fixed + b"".join(_varint(size) for size in sizes)

    def check(self) -> None:
        """Refuse what no section can hold; every size is then bounded by the bytes of the section."""
        check_name(self.name)
        check_shape(self.name, (self.outputs, self.inputs), None)
        for field, bits in (("code_bits", self.code_bits), ("index_bits", self.index_bits)):
            if not 1 <= bits <= 8:
                raise EieError(f"layer {self.name}: {field} must be between 1 and 8, got {bits}")
        if self.entries > self.outputs * self.inputs:
            raise EieError(f"layer {self.name}: at most {self.outputs * self.inputs} entries fit, got {self.entries}")
        if self.used_codes > min((1 << self.code_bits) - 1, self.entries):
            raise EieError(f"layer {self.name}: {self.used_codes} used codes are too many for {self.entries} entries")
        if self.entries > 0 and self.used_codes == 0:
            raise EieError(f"layer {self.name}: {self.entries} entries need at least one used code, got none")
        for field, bits in (("runs", self.run_stream_bits), ("codes", self.code_stream_bits)):
            if not self.entries <= bits <= 15 * self.entries:
                raise EieError(
                    f"layer {self.name}: {self.entries} {field} must take 1 to 15 bits each, got {bits} bits"
                )


def pack_header(layers: list[LayerHeader], calibrated: bool) -> bytes:
    """Prefix, header and its checksum."""
    body = _varint(len(layers)) + bytes([CALIBRATED * calibrated]) + b"".join(layer.pack() for layer in layers)
    header = PREFIX.pack(MAGIC, VERSION, len(body)) + body
    return header + CRC.pack(zlib.crc32(header))


def parse_header(data: bytes) -> tuple[list[LayerHeader], bool, int]:
    """The layers' records, whether a calibration follows them, and where the sections begin.

    Raises EieError for anything a reader must refuse before it looks at the sections.
    """
    if len(data) < PREFIX.size + CRC.size:
        raise EieError(f"a model file must have at least {PREFIX.size + CRC.size} bytes, got {len(data)}")
    magic, version, size = PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise EieError(f"a model file must begin with {MAGIC!r}, got {magic!r}")
    if version != VERSION:
        raise EieError(f"the file's version must be {VERSION}, got {version}")
    end = PREFIX.size + size
    if end + CRC.size > len(data):
        raise EieError(f"the header must end by byte {len(data) - CRC.size}, it ends at {end}")
    check_crc(data, 0, end, "header")
    reader = _Reader(data, PREFIX.size, end)
    count = reader.varint()
    flags = reader.byte()
    if flags & ~CALIBRATED:
        raise EieError(f"the header's flags must be 0 or {CALIBRATED}, got {flags}")
    if not 1 <= count <= MAX_LAYERS:
        raise EieError(f"a network must have 1 to {MAX_LAYERS} layers, got {count}")
    layers = [_layer(reader) for _ in range(count)]
    if reader.position != end:
        raise EieError(f"the header must end with its last layer at byte {reader.position}, it ends at {end}")
    check_connections([(layer.name, (layer.outputs, layer.inputs), None) for layer in layers], None)
    return layers, bool(flags & CALIBRATED), end + CRC.size


def check_crc(data: bytes, start: int, end: int, what: str) -> None:
    """EieError unless the four bytes at `end` are the CRC-32 of the bytes before."""
    (wanted,) = CRC.unpack_from(data, end)
    found = zlib.crc32(memoryview(data)[start:end])
    if wanted != found:
        raise EieError(f"{what}: the checksum must be {found:#010x}, got {wanted:#010x}")


def _layer(reader: "_Reader") -> LayerHeader:
    raw = reader.take(reader.byte())
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EieError(f"a layer name must be valid UTF-8, got {raw!r}") from error
    kind, flags, code_bits, index_bits = reader.take(4)
    if kind != KIND_LINEAR:
        raise EieError(f"layer {name}: kind must be {KIND_LINEAR}, got {kind}")
    if flags & ~(RELU | HAS_BIAS):
        raise EieError(f"layer {name}: flags must be at most {RELU | HAS_BIAS}, got {flags}")
    outputs, inputs, entries, used_codes, run_stream_bits, code_stream_bits = (reader.varint() for _ in range(6))
    layer = LayerHeader(
        name=name,
        relu=bool(flags & RELU),
        has_bias=bool(flags & HAS_BIAS),
        outputs=outputs,
        inputs=inputs,
        code_bits=code_bits,
        index_bits=index_bits,
        entries=entries,
        used_codes=used_codes,
        run_stream_bits=run_stream_bits,
        code_stream_bits=code_stream_bits,
    )
    layer.check()
    return layer


def _varint(value: int) -> bytes:
    """Seven bits per byte, least significant first; the top bit says that more follow."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class _Reader:
    """Reads a header front to back and never past its end."""

    def __init__(self, data: bytes, position: int, end: int):
        self._data = data
        self.position = position
        self._end = end

    def take(self, count: int) -> bytes:
        if self.position + count > self._end:
            raise EieError(f"the header must hold {count} bytes from byte {self.position}, it ends at {self._end}")
        self.position += count
        return self._data[self.position - count : self.position]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        start, value = self.position, 0
        for place in range(VARINT_BYTES):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                if byte == 0 and place > 0:
                    break
                return value
        raise EieError(
            f"a number must have at most {VARINT_BYTES} bytes and no leading zeros, got more at byte {start}"
        )
