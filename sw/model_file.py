"""The model file, `.eie`: a compressed network as bytes (docs/eie_format.md)."""

import zlib
from pathlib import Path

import numpy as np

from sw.compressed import Calibration, CompressedLayer, CompressedNetwork
from sw.errors import EieError
from sw.file_header import CRC, LayerHeader, check_crc, pack_header, parse_header
from sw.file_layer import check_section, decode_layer, encode_layer
from sw.files import read_whole, write_whole
from sw.report import FileReport, make_report

__all__ = [
    "Calibration",
    "CompressedLayer",
    "CompressedNetwork",
    "check",
    "from_bytes",
    "load",
    "report",
    "save",
    "to_bytes",
]


def to_bytes(network: CompressedNetwork) -> bytes:
    """The file's bytes; equal networks give equal bytes."""
    return _encode(network)[0]


def save(network: CompressedNetwork, path: Path) -> FileReport:
    """Write the file whole and report its sizes."""
    data, headers = _encode(network)
    write_whole(path, data)
    return make_report(network, headers, len(data))


def report(network: CompressedNetwork) -> FileReport:
    """The sizes that `save` would report."""
    data, headers = _encode(network)
    return make_report(network, headers, len(data))


def load(path: Path) -> CompressedNetwork:
    """The network in a file that passes the full check; EieError, with the path, for any other."""
    data = read_whole(path)
    try:
        return from_bytes(data)
    except EieError as error:
        raise EieError(f"{path}: {error}") from error


def from_bytes(data: bytes) -> CompressedNetwork:
    """The network in a file's bytes; EieError unless they pass the full check."""
    sections, calibration = _sections(data)
    layers = tuple(decode_layer(header, section) for header, section in sections)
    return CompressedNetwork(layers=layers, calibration=calibration)


def check(file: Path | bytes, full: bool = False) -> None:
    """Check a model file; EieError says in one sentence what was wanted and what came.

    Always: header, sizes, exact coverage of the file by sections, checksums, code lengths, calibration. With `full`:
    every stream decodes to its last bit, positions and codes are in range, numbers are finite. Memory is bounded by
    the size of the file; the dense weights are never made.
    """
    if isinstance(file, bytes):
        data, prefix = file, ""
    else:
        data, prefix = read_whole(file), f"{file}: "
    try:
        sections, _ = _sections(data)
        for header, section in sections:
            if full:
                decode_layer(header, section)
            else:
                check_section(header, section)
    except EieError as error:
        raise EieError(f"{prefix}{error}") from error


def _encode(network: CompressedNetwork) -> tuple[bytes, list[LayerHeader]]:
    encoded = [encode_layer(layer) for layer in network.layers]
    headers = [header for header, _ in encoded]
    sections = [section for _, section in encoded]
    if network.calibration is not None:
        ranges = np.concatenate([network.calibration.activations, network.calibration.partial_sums])
        sections.append(ranges.astype("<f4").tobytes())
    body = b"".join(section + CRC.pack(zlib.crc32(section)) for section in sections)
    return pack_header(headers, network.calibration is not None) + body, headers


def _sections(data: bytes) -> tuple[list[tuple[LayerHeader, bytes]], Calibration | None]:
    """Each layer's record and section, and the calibration, after the checks that need no decoding."""
    headers, calibrated, start = parse_header(data)
    sizes = [header.section_bytes for header in headers]
    names = [f"layer {header.name}" for header in headers]
    if calibrated:
        sizes.append(4 * (2 * len(headers) + 1))
        names.append("calibration")
    end = start + sum(sizes) + CRC.size * len(sizes)
    if end != len(data):
        raise EieError(f"the file must have {end} bytes, got {len(data)}")
    sections: list[bytes] = []
    for name, size in zip(names, sizes, strict=True):
        check_crc(data, start, start + size, name)
        sections.append(data[start : start + size])
        start += size + CRC.size
    if not calibrated:
        return list(zip(headers, sections, strict=True)), None
    ranges = np.frombuffer(sections[-1], "<f4").astype(np.float32)
    activations, partial_sums = ranges[: len(headers) + 1], ranges[len(headers) + 1 :]
    calibration = Calibration(activations=activations, partial_sums=partial_sums)
    return list(zip(headers, sections[:-1], strict=True)), calibration
