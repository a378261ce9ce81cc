"""The section of one layer in a model file: code lengths, codebook, biases, Huffman-coded runs and codes."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.coding.huffman import code_lengths
from sw.file.bits import LONGEST_CODE, BitReader, BitWriter, huffman_stream
from sw.file.header import LayerHeader
from sw.file.layout import Layout, choose_layout, gap_counts, run_lengths, transpose
from sw.file.lengths import read_code_table, read_lengths, write_code_table, write_lengths
from sw.file.runs import read_runs, run_alphabet, skip_runs, write_runs
from sw.file.values import read_codebook, read_values, write_codebook, write_values
from sw.network.compressed import CompressedLayer
from sw.network.layer import matrix_shape

PARTS = ("run_table", "code_table", "codebook", "biases", "runs", "codes")  # in the order of the section


@dataclass(frozen=True, kw_only=True)
class SectionSizes:
    """Bytes of the parts of a section, checksum not included, and bits of its two streams."""

    run_table: int = 0
    code_table: int = 0
    codebook: int = 0
    biases: int = 0
    runs: int = 0
    codes: int = 0
    run_bits: int = 0
    code_bits: int = 0


@dataclass(frozen=True)
class Entries:
    """How many weights have a code, and the bits of their runs and codes."""

    count: int
    run_bits: int
    code_bits: int


@dataclass(frozen=True, eq=False)
class Tables:
    """What stands before the streams of a section: code lengths, codebook from code 0, biases, and their bytes."""

    run_lengths: NDArray[np.uint8]
    code_lengths: NDArray[np.uint8]
    codebook: NDArray[np.float32]
    bias: NDArray[np.float32]
    sizes: dict[str, int]


def encode_layer(layer: CompressedLayer, layout: Layout | None = None) -> tuple[LayerHeader, bytes, SectionSizes]:
    """The layer's record, its section without checksum and the sizes of its parts.

    Codes that are used are numbered by ascending value; equal values share a code, other codebook entries are dropped.
    Without a layout the one that makes the smallest section is taken.
    """
    parts: dict[str, bytes] = {}
    entries = Entries(0, 0, 0)
    if layer.positions.size:
        values, codes = _ascending_codes(layer)
        layout = choose_layout(layer.positions, codes, layer.shape) if layout is None else layout
        parts, entries = _encode_entries(layer, layout, codes)
        parts["codebook"] = write_codebook(values)
    else:
        layout = Layout(column_major=False, lead_bits=0)
    has_bias = bool(layer.bias.any())
    if has_bias:
        parts["biases"] = write_values(layer.bias)
    section = b"".join(parts.get(part, b"") for part in PARTS)
    header = LayerHeader(
        name=layer.name,
        shape=layer.shape,
        convolution=layer.convolution,
        relu=layer.relu,
        has_bias=has_bias,
        column_major=layout.column_major,
        code_bits=layer.code_bits,
        lead_bits=layout.lead_bits,
        entries=entries.count,
        section_bytes=len(section),
    )
    sizes = {part: len(data) for part, data in parts.items()}
    return header, section, SectionSizes(**sizes, run_bits=entries.run_bits, code_bits=entries.code_bits)


def read_tables(header: LayerHeader, reader: BitReader) -> Tables:
    """Everything before the streams; EieError unless it makes codes and finite numbers that fit the header."""
    what = f"layer {header.name}"
    sizes: dict[str, int] = {}
    done = 0

    def end(part: str) -> None:
        nonlocal done
        before, done = done, reader.align()
        sizes[part] = done - before

    lengths_of_runs = lengths = np.zeros(0, np.uint8)
    codebook = np.zeros(1 << header.code_bits, np.float32)
    if header.entries:
        if header.lead_bits:
            alphabet = run_alphabet(prod(header.shape), header.lead_bits)
            lengths_of_runs = read_lengths(reader, alphabet, f"{what}, runs")
            end("run_table")
        lengths = read_code_table(reader, header.code_bits, header.lead_bits == 0, f"{what}, codes")
        end("code_table")
        codebook[1 : lengths.size] = read_codebook(reader, lengths.size - 1, f"{what}, codebook")
        end("codebook")
    bias: NDArray[np.float32] = np.broadcast_to(np.float32(0), header.shape[:1])
    if header.has_bias:
        bias = read_values(reader, header.shape[0], f"{what}, biases")
        end("biases")
        if not bias.any():
            raise EieError(f"{what}: biases that are all zero must not be stored, they are")
    return Tables(lengths_of_runs, lengths, codebook, bias, sizes)


def check_layer(header: LayerHeader, section: bytes) -> None:
    """Raise what `decode_layer` would, in at most about ten times the section's bytes of memory."""
    what = f"layer {header.name}"
    reader = BitReader(section, what)
    tables = read_tables(header, reader)
    if header.entries:
        if header.lead_bits:
            places = prod(header.shape)
            skip_runs(reader, header.entries, places, header.lead_bits, tables.run_lengths, f"{what}, runs")
            reader.align()
        codes = reader.symbols(header.entries, tables.code_lengths)
        _check_end(header, reader, section, codes)
    else:
        _check_end(header, reader, section, np.zeros(0, np.uint8))


def decode_layer(header: LayerHeader, section: bytes) -> tuple[CompressedLayer, SectionSizes]:
    """The layer and the sizes of its section's parts; EieError for a section that breaks a rule of the format."""
    what = f"layer {header.name}"
    reader = BitReader(section, what)
    tables = read_tables(header, reader)
    sizes = dict(tables.sizes)
    positions, codes = np.zeros(0, np.int64), np.zeros(0, np.uint8)
    if header.entries:
        start = reader.position
        if header.lead_bits:
            positions = read_runs(
                reader, header.entries, prod(header.shape), header.lead_bits, tables.run_lengths, f"{what}, runs"
            )
            sizes["run_bits"] = reader.position - start
            sizes["runs"] = reader.align() - start // 8
        start = reader.position
        codes = reader.symbols(header.entries, tables.code_lengths)
        sizes["code_bits"] = reader.position - start
        sizes["codes"] = reader.align() - start // 8
    _check_end(header, reader, section, codes)
    if header.entries and not header.lead_bits:
        positions = np.flatnonzero(codes)
        codes = codes[positions]
    if header.column_major:
        positions, order = transpose(positions, *reversed(matrix_shape(header.shape)))
        codes = codes[order]
    layer = CompressedLayer(
        name=header.name,
        shape=header.shape,
        convolution=header.convolution,
        code_bits=header.code_bits,
        codebook=tables.codebook,
        bias=tables.bias,
        relu=header.relu,
        positions=positions,
        codes=codes,
    )
    return layer, SectionSizes(**sizes)


def _check_end(header: LayerHeader, reader: BitReader, section: bytes, codes: NDArray[np.uint8]) -> None:
    """EieError unless the section ends with its last code, which is not 0."""
    if reader.align() != len(section):
        raise EieError(f"layer {header.name}: its section must have {reader.align()} bytes, got {len(section)}")
    if header.entries and not header.lead_bits and codes[-1] == 0:
        raise EieError(f"layer {header.name}: the last weight that has a code must not be zero, it is")


def _encode_entries(
    layer: CompressedLayer, layout: Layout, codes: NDArray[np.uint8]
) -> tuple[dict[str, bytes], Entries]:
    """Runs, codes and their tables; `codes` are those of the layer's weights, numbered by ascending value."""
    parts: dict[str, bytes] = {}
    run_bits = 0
    ordered = layer.positions
    if layout.column_major:
        ordered, order = transpose(ordered, *matrix_shape(layer.shape))
        codes = codes[order]
    if layout.lead_bits:
        lengths, run_bits = run_lengths(*gap_counts(ordered), layer.weights, layout.lead_bits)
        table = BitWriter()
        write_lengths(table, lengths)
        parts |= {"run_table": table.to_bytes(), "runs": write_runs(ordered, layout.lead_bits, lengths, run_bits)}
    else:
        nonzero = codes
        codes = np.zeros(int(ordered[-1]) + 1, np.uint8)
        codes[ordered] = nonzero
    lengths = code_lengths(np.bincount(codes), LONGEST_CODE)
    table = BitWriter()
    write_code_table(table, lengths, has_zeros=layout.lead_bits == 0)
    stream, code_bits = huffman_stream(codes, lengths)
    parts |= {"code_table": table.to_bytes(), "codes": stream.tobytes()}
    return parts, Entries(codes.size, run_bits, code_bits)


def _ascending_codes(layer: CompressedLayer) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The values in use, ascending, and each entry's code: 1 for the first of them."""
    used = np.flatnonzero(np.bincount(layer.codes, minlength=1 << layer.code_bits))
    # Zero is added so that negative zero becomes zero, which it is equal to.
    values, ranks = np.unique(layer.codebook[used] + np.float32(0), return_inverse=True)
    renumbered = np.zeros(1 << layer.code_bits, np.uint8)
    renumbered[used] = ranks + 1
    return values, renumbered[layer.codes]
