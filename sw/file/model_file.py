"""The model file, `.eie`: a compressed network as bytes (docs/contract/eie_format.md)."""

import zlib
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np

from model.errors import EieError
from sw.file.bits import BitReader
from sw.file.header import CRC, Header, LayerHeader, check_crc, parse_header
from sw.file.layer import Tables, check_layer, decode_layer, encode_layer, read_tables
from sw.file.sizes import FileSizes, make_sizes
from sw.files import read_whole, write_whole
from sw.network.compressed import Calibration, CompressedLayer, CompressedNetwork

__all__ = [
    "Calibration",
    "CompressedLayer",
    "CompressedNetwork",
    "check",
    "file_sizes",
    "from_bytes",
    "load",
    "load_tables",
    "load_with_sizes",
    "save",
    "to_bytes",
]


def to_bytes(network: CompressedNetwork) -> bytes:
    """The file's bytes; equal networks give equal bytes."""
    return _encode(network)[0]


def save(network: CompressedNetwork, path: str | Path) -> FileSizes:
    """Write the file whole and report its sizes."""
    data, sizes = _encode(network)
    write_whole(Path(path), data)
    return sizes


def file_sizes(network: CompressedNetwork) -> FileSizes:
    """The sizes that `save` would report."""
    return _encode(network)[1]


def load(path: str | Path) -> CompressedNetwork:
    """The network in a file that passes the full check; EieError, with the path, for any other."""
    return load_with_sizes(Path(path))[0]


def load_with_sizes(path: Path) -> tuple[CompressedNetwork, FileSizes]:
    """The network, as `load` returns it, and the sizes of the file that it was in."""
    data = read_whole(path)
    try:
        return _decode(data)
    except EieError as error:
        raise EieError(f"{path}: {error}") from error


def load_tables(path: Path) -> list[tuple[LayerHeader, Tables]]:
    """The record of every layer in a file and what stands before its streams; EieError for a file that breaks a rule.

    Streams are not decoded.
    """
    data = read_whole(path)
    try:
        header, sections, _ = _sections(data)
        return [
            (record, read_tables(record, BitReader(section, f"layer {record.name}")))
            for record, section in zip(header.layers, sections, strict=True)
        ]
    except EieError as error:
        raise EieError(f"{path}: {error}") from error


def from_bytes(data: bytes) -> CompressedNetwork:
    """The network in a file's bytes; EieError unless they pass the full check."""
    return _decode(data)[0]


def check(file: Path | bytes, full: bool = False) -> None:
    """Check a model file; EieError says in one sentence what was wanted and what came.

    Always: header, graph, sizes, exact coverage of the file by sections, checksums, code lengths, codebooks, biases,
    calibration. With `full`: every stream decodes to its last bit, positions and codes are in range. Memory is bounded
    by the size of the file; the dense weights are never made.
    """
    if isinstance(file, bytes):
        data, prefix = file, ""
    else:
        data, prefix = read_whole(file), f"{file}: "
    try:
        header, sections, _ = _sections(data)
        for record, section in zip(header.layers, sections, strict=True):
            if full:
                check_layer(record, section)
            else:
                read_tables(record, BitReader(section, f"layer {record.name}"))
    except EieError as error:
        raise EieError(f"{prefix}{error}") from error


def _encode(network: CompressedNetwork) -> tuple[bytes, FileSizes]:
    encoded = [encode_layer(layer) for layer in network.layers]
    records: tuple[LayerHeader, ...] = tuple(record for record, _, _ in encoded)
    bits = 16 if network.calibration is None else network.calibration.activation_bits
    header = Header(
        layers=records, graph=network.graph, calibrated=network.calibration is not None, activation_bits=bits
    )
    sections = [section for _, section, _ in encoded]
    if network.calibration is not None:
        own = network.calibration
        ranges = np.concatenate([own.activations, own.partial_sums, own.results])
        sections.append(ranges.astype("<f4").tobytes())
    data = header.pack() + b"".join(part for section in sections for part in (section, CRC.pack(zlib.crc32(section))))
    return data, make_sizes(network, header, [sizes for _, _, sizes in encoded])


def _decode(data: bytes) -> tuple[CompressedNetwork, FileSizes]:
    header, sections, calibration = _sections(data)
    for record, section in zip(header.layers, sections, strict=True):
        check_layer(record, section)  # all of them, before any takes the memory of its positions
    decoded = [decode_layer(record, section) for record, section in zip(header.layers, sections, strict=True)]
    layers = tuple(layer for layer, _ in decoded)
    network = CompressedNetwork(layers=layers, graph=header.graph, calibration=calibration)
    return network, make_sizes(network, header, [sizes for _, sizes in decoded])


def _sections(data: bytes) -> tuple[Header, list[bytes], Calibration | None]:
    """The header, each layer's section and the calibration, after the checks that need no decoding."""
    header, start = parse_header(data)
    sizes = [record.section_bytes for record in header.layers]
    names = [f"layer {record.name}" for record in header.layers]
    if header.calibrated:
        sizes.append(header.calibration_bytes)
        names.append("calibration")
    end = start + sum(sizes) + CRC.size * len(sizes)
    if end != len(data):
        raise EieError(f"the file must have {end} bytes, got {len(data)}")
    sections = list(_checked(data, start, names, sizes))
    if not header.calibrated:
        return header, sections, None
    ranges = np.frombuffer(sections.pop(), "<f4").astype(np.float32)
    activations, sums, results = np.split(ranges, [len(header.layers) + 1, 2 * len(header.layers) + 1])
    bits = header.activation_bits
    calibration = Calibration(activations=activations, partial_sums=sums, results=results, activation_bits=bits)
    return header, sections, calibration


def _checked(data: bytes, start: int, names: list[str], sizes: list[int]) -> Iterator[bytes]:
    """The sections without their checksums, which must match."""
    starts = accumulate((size + CRC.size for size in sizes), initial=start)
    for name, size, begin in zip(names, sizes, starts, strict=False):
        check_crc(data, begin, begin + size, name)
        yield data[begin : begin + size]
