"""The header of a model file: what each section holds and how long it is (docs/contract/eie_format.md)."""

import struct
import zlib
from dataclasses import dataclass

from model.errors import EieError
from sw.file.graph import graph_version, pack_graph, parse_graph
from sw.file.reader import Reader, varint
from sw.network.graph import UNCONNECTED, Convolution, Graph, Shape, both_sides
from sw.network.layer import check_name, check_shape, matrix_shape
from sw.network.network import MAX_LAYERS, check_connections

MAGIC = b"\x89EIE"
VERSIONS = (2, 3, 4)  # a file has the first that can hold its network
CRC = struct.Struct("<I")
RELU = 1
HAS_BIAS = 2
COLUMN_MAJOR = 4
CONVOLUTION = 8
MOVES = 16  # stride, padding or groups of a convolution differ from one, none and one
MOVES_IN_FULL = 32  # instead, in version 3: padding differs between sides, there is dilation, or a size is above 255
CHAIN, WEIGHTS_ONLY, GRAPH = range(3)
CONNECTIONS = 3
CALIBRATED = 4
NARROW = 8  # the calibration is for 8-bit activations


@dataclass(frozen=True, kw_only=True)
class LayerHeader:
    """One layer's record; fields as in docs/contract/eie_format.md."""

    name: str
    shape: Shape
    convolution: Convolution | None
    relu: bool
    has_bias: bool
    column_major: bool
    code_bits: int
    lead_bits: int
    entries: int
    section_bytes: int

    def pack(self) -> bytes:
        """The record."""
        name = self.name.encode("utf-8")
        flags = RELU * self.relu | HAS_BIAS * self.has_bias | COLUMN_MAJOR * self.column_major
        moves = b""
        if self.convolution is not None:
            flags |= CONVOLUTION
            own = self.convolution
            if not self.is_short:
                flags |= MOVES_IN_FULL
                moves = b"".join(varint(size) for size in (*own.stride, *own.padding, *own.dilation, own.groups))
            elif own != Convolution():
                flags |= MOVES
                moves = bytes(own.stride + own.padding[:2]) + varint(own.groups)
        sizes = b"".join(varint(size) for size in (*self.shape, self.entries, self.section_bytes))
        widths = self.code_bits - 1 | self.lead_bits << 4
        return bytes([len(name)]) + name + bytes([flags, widths]) + moves + sizes

    @property
    def is_short(self) -> bool:
        """Whether version 2 can hold it."""
        own = self.convolution
        return own is None or (
            own.padding[:2] == own.padding[2:] and own.dilation == (1, 1) and max(own.stride + own.padding) <= 255
        )

    def check(self) -> None:
        """Refuse what no section can hold; every size is then bounded by the bytes of the section."""
        check_name(self.name)
        check_shape(self.name, self.shape, self.convolution)
        for field, bits, least, most in (("code_bits", self.code_bits, 1, 8), ("lead_bits", self.lead_bits, 0, 4)):
            if not least <= bits <= most:
                raise EieError(f"layer {self.name}: {field} must be between {least} and {most}, got {bits}")
        outputs, inputs = matrix_shape(self.shape)
        if self.entries > outputs * inputs:
            raise EieError(f"layer {self.name}: at most {outputs * inputs} entries fit, got {self.entries}")
        if self.entries > 8 * self.section_bytes:
            raise EieError(
                f"layer {self.name}: {self.entries} entries must take at least a bit each, "
                f"got {self.section_bytes} bytes"
            )


@dataclass(frozen=True, kw_only=True)
class Header:
    """Everything before the sections."""

    layers: tuple[LayerHeader, ...]
    graph: Graph | None
    calibrated: bool
    activation_bits: int = 16  # that the calibration is for

    def pack(self) -> bytes:
        """Prefix, header and its checksum."""
        connections = CHAIN if self.graph is None else GRAPH if self.graph.nodes else WEIGHTS_ONLY
        body = varint(len(self.layers)) + bytes(
            [connections | CALIBRATED * self.calibrated | NARROW * (self.activation_bits == 8)]
        )
        if self.graph is not None and self.graph.nodes:
            body += pack_graph(self.graph)
        body += b"".join(layer.pack() for layer in self.layers)
        header = MAGIC + bytes([self.version]) + varint(len(body)) + body
        return header + CRC.pack(zlib.crc32(header))

    @property
    def version(self) -> int:
        """The first that can hold the network."""
        layers = 2 if all(layer.is_short for layer in self.layers) else 3
        return max(layers, VERSIONS[0] if self.graph is None else graph_version(self.graph))

    @property
    def calibration_bytes(self) -> int:
        """Bytes of the calibration without its checksum."""
        ranged = 0 if self.graph is None else len(self.graph.ranged)
        return 4 * (2 * len(self.layers) + 1 + ranged) * self.calibrated

    def check(self) -> None:
        """Refuse layers that no network has or that do not fit together."""
        for layer in self.layers:
            layer.check()
        shapes = [(layer.name, layer.shape, layer.convolution) for layer in self.layers]
        check_connections(shapes, [layer.relu for layer in self.layers], self.graph)


def header_bounds(data: bytes) -> tuple[int, int]:
    """Where the header's fields begin and end, behind magic, version and length; EieError if these are not right."""
    least = len(MAGIC) + 2 + CRC.size
    if len(data) < least:
        raise EieError(f"a model file must have at least {least} bytes, got {len(data)}")
    if data[: len(MAGIC)] != MAGIC:
        raise EieError(f"a model file must begin with {MAGIC!r}, got {data[: len(MAGIC)]!r}")
    if data[len(MAGIC)] not in VERSIONS:
        raise EieError(f"the file's version must be {VERSIONS[0]} to {VERSIONS[-1]}, got {data[len(MAGIC)]}")
    reader = Reader(data, len(MAGIC) + 1, len(data))
    size = reader.varint()
    end = reader.position + size
    if end + CRC.size > len(data):
        raise EieError(f"the header must end by byte {len(data) - CRC.size}, it ends at {end}")
    return reader.position, end


def parse_header(data: bytes) -> tuple[Header, int]:
    """The header, and where the sections begin.

    Raises EieError for anything a reader must refuse before it looks at the sections.
    """
    start, end = header_bounds(data)
    check_crc(data, 0, end, "header")
    reader = Reader(data, start, end)
    count = reader.varint()
    flags = reader.byte()
    is_calibration = flags & ~CONNECTIONS in (0, CALIBRATED, CALIBRATED | NARROW)
    if not is_calibration or flags & CONNECTIONS > GRAPH:
        raise EieError(
            f"the header's flags must be 0 to {GRAPH}, or {CALIBRATED} or {CALIBRATED | NARROW} more, got {flags}"
        )
    if not 1 <= count <= MAX_LAYERS:
        raise EieError(f"a network must have 1 to {MAX_LAYERS} layers, got {count}")
    connections = flags & CONNECTIONS
    graph = parse_graph(reader) if connections == GRAPH else UNCONNECTED if connections == WEIGHTS_ONLY else None
    layers = tuple(_layer(reader) for _ in range(count))
    if reader.position != end:
        raise EieError(f"the header must end with its last layer at byte {reader.position}, it ends at {end}")
    bits = 8 if flags & NARROW else 16
    header = Header(layers=layers, graph=graph, calibrated=bool(flags & CALIBRATED), activation_bits=bits)
    header.check()
    if header.pack() != data[: end + CRC.size]:
        raise EieError("the header must be in its shortest form, of the first version that can hold it, it is not")
    return header, end + CRC.size


def check_crc(data: bytes, start: int, end: int, what: str) -> None:
    """EieError unless the four bytes at `end` are the CRC-32 of the bytes before."""
    (wanted,) = CRC.unpack_from(data, end)
    found = zlib.crc32(memoryview(data)[start:end])
    if wanted != found:
        raise EieError(f"{what}: the checksum must be {found:#010x}, got {wanted:#010x}")


def _layer(reader: Reader) -> LayerHeader:
    name = reader.text()
    flags, widths = reader.take(2)
    if flags >= 2 * MOVES_IN_FULL:
        raise EieError(f"layer {name}: flags must be below {2 * MOVES_IN_FULL}, got {flags}")
    convolution = None
    if flags & CONVOLUTION:
        convolution = Convolution()
        if flags & MOVES_IN_FULL:
            sizes = [reader.varint() for _ in range(9)]
            convolution = Convolution(
                stride=(sizes[0], sizes[1]),
                padding=(sizes[2], sizes[3], sizes[4], sizes[5]),
                dilation=(sizes[6], sizes[7]),
                groups=sizes[8],
            )
        elif flags & MOVES:
            stride_rows, stride_columns, padding_rows, padding_columns = reader.take(4)
            convolution = Convolution(
                stride=(stride_rows, stride_columns),
                padding=both_sides((padding_rows, padding_columns)),
                groups=reader.varint(),
            )
    shape = tuple(reader.varint() for _ in range(2 if convolution is None else 4))
    entries, section_bytes = reader.varint(), reader.varint()
    return LayerHeader(
        name=name,
        shape=shape,
        convolution=convolution,
        relu=bool(flags & RELU),
        has_bias=bool(flags & HAS_BIAS),
        column_major=bool(flags & COLUMN_MAJOR),
        code_bits=1 + (widths & 15),
        lead_bits=widths >> 4,
        entries=entries,
        section_bytes=section_bytes,
    )
