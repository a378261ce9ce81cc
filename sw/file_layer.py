"""The section of one layer in a model file: code lengths, codebook, biases, Huffman-coded runs and codes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sw.compressed import CompressedLayer
from sw.errors import EieError
from sw.file_bits import LONGEST_CODE, BitReader, BitWriter, huffman_stream
from sw.file_header import LayerHeader
from sw.file_layout import transpose
from sw.file_lengths import read_lengths, read_used_lengths, write_lengths, write_used_lengths
from sw.file_values import read_codebook, read_values, write_codebook, write_values
from sw.huffman import code_lengths
from sw.layer import matrix_shape
from sw.relative_index import decode_slices, encode_slices


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


@dataclass(frozen=True, eq=False)
class Tables:
    """What stands before the streams of a section: code lengths, codebook from code 0, biases, and their bytes."""

    run_lengths: NDArray[np.uint8]
    code_lengths: NDArray[np.uint8]
    codebook: NDArray[np.float32]
    bias: NDArray[np.float32]
    sizes: dict[str, int]


def encode_layer(layer: CompressedLayer) -> tuple[LayerHeader, bytes, SectionSizes]:
    """The layer's record, its section without checksum and the sizes of its parts.

    Codes that are used are numbered by ascending value; equal values share a code, other codebook entries are dropped.
    """
    parts: dict[str, bytes] = {}
    run_bits = code_bits = entries = 0
    if layer.positions.size:
        values, codes = _ascending_codes(layer)
        chain = layer.positions
        if layer.column_major:
            chain, order = transpose(chain, *matrix_shape(layer.shape))
            codes = codes[order]
        runs, is_filler, _ = encode_slices(chain, _one_chain(chain.size), layer.index_bits)
        entries = runs.size
        entry_codes = np.zeros(entries, np.uint8)
        entry_codes[~is_filler] = codes
        if layer.index_bits:
            lengths, run_stream, run_bits = _huffman(runs, 1 << layer.index_bits)
            parts["run_table"] = _run_table(lengths)
            parts["runs"] = run_stream
        lengths, code_stream, code_bits = _huffman(entry_codes, values.size + 1)
        parts["code_table"] = _code_table(lengths)
        parts["codebook"] = write_codebook(values)
        parts["codes"] = code_stream
    has_bias = bool(layer.bias.any())
    if has_bias:
        parts["biases"] = write_values(layer.bias)
    order_of_parts = ("run_table", "code_table", "codebook", "biases", "runs", "codes")
    section = b"".join(parts.get(part, b"") for part in order_of_parts)
    header = LayerHeader(
        name=layer.name,
        shape=layer.shape,
        convolution=layer.convolution,
        relu=layer.relu,
        has_bias=has_bias,
        column_major=layer.column_major,
        code_bits=layer.code_bits,
        index_bits=layer.index_bits,
        entries=entries,
        section_bytes=len(section),
    )
    sizes = {part: len(data) for part, data in parts.items()}
    return header, section, SectionSizes(**sizes, run_bits=run_bits, code_bits=code_bits)


def read_tables(header: LayerHeader, reader: BitReader) -> Tables:
    """Everything before the streams; EieError unless it makes codes and finite numbers that fit the header."""
    what = f"layer {header.name}"
    sizes: dict[str, int] = {}
    done = 0

    def end(part: str) -> None:
        nonlocal done
        before, done = done, reader.align()
        sizes[part] = done - before

    run_lengths = lengths = np.zeros(0, np.uint8)
    codebook = np.zeros(1 << header.code_bits, np.float32)
    if header.entries:
        if header.index_bits:
            run_lengths = read_lengths(reader, 1 << header.index_bits, f"{what}, runs")
            end("run_table")
        lengths = _read_code_table(header, reader)
        end("code_table")
        codebook[1 : lengths.size] = read_codebook(reader, lengths.size - 1, f"{what}, codebook")
        end("codebook")
    bias: NDArray[np.float32] = np.broadcast_to(np.float32(0), header.shape[:1])
    if header.has_bias:
        bias = read_values(reader, header.shape[0], f"{what}, biases")
        end("biases")
        if not bias.any():
            raise EieError(f"{what}: biases that are all zero must not be stored, they are")
    return Tables(run_lengths, lengths, codebook, bias, sizes)


def decode_layer(header: LayerHeader, section: bytes) -> tuple[CompressedLayer, SectionSizes]:
    """The layer and the sizes of its section's parts; EieError for a section that breaks a rule of the format."""
    what = f"layer {header.name}"
    reader = BitReader(section, what)
    tables = read_tables(header, reader)
    sizes = dict(tables.sizes)
    runs = codes = np.zeros(0, np.uint8)
    if header.entries:
        start = reader.position
        runs = np.zeros(header.entries, np.uint8)
        if header.index_bits:
            runs = reader.symbols(header.entries, tables.run_lengths)
            sizes["run_bits"] = reader.position - start
            sizes["runs"] = reader.align() - start // 8
        start = reader.position
        codes = reader.symbols(header.entries, tables.code_lengths)
        sizes["code_bits"] = reader.position - start
        sizes["codes"] = reader.align() - start // 8
    if reader.align() != len(section):
        raise EieError(f"{what}: its section must have {reader.align()} bytes, got {len(section)}")
    is_filler = codes == 0
    if is_filler.any() and ((runs[is_filler] != (1 << header.index_bits) - 1).any() or is_filler[-1]):
        raise EieError(f"{what}: a filler must have the longest run and an entry after it, one has not")
    positions, codes = decode_slices(runs, _one_chain(runs.size))[~is_filler], codes[~is_filler]
    outputs, inputs = matrix_shape(header.shape)
    if positions.size and positions[-1] >= outputs * inputs:
        raise EieError(f"{what}: the last entry must lie at most at {outputs * inputs - 1}, got {positions[-1]}")
    if header.column_major:
        positions, order = transpose(positions, inputs, outputs)
        codes = codes[order]
    layer = CompressedLayer(
        name=header.name,
        shape=header.shape,
        convolution=header.convolution,
        code_bits=header.code_bits,
        index_bits=header.index_bits,
        column_major=header.column_major,
        codebook=tables.codebook,
        bias=tables.bias,
        relu=header.relu,
        positions=positions,
        codes=codes,
    )
    return layer, SectionSizes(**sizes)


def _ascending_codes(layer: CompressedLayer) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The values in use, ascending, and each entry's code: 1 for the first of them."""
    used = np.flatnonzero(np.bincount(layer.codes, minlength=1 << layer.code_bits))
    # Zero is added so that negative zero becomes zero, which it is equal to.
    values, ranks = np.unique(layer.codebook[used] + np.float32(0), return_inverse=True)
    renumbered = np.zeros(1 << layer.code_bits, np.uint8)
    renumbered[used] = ranks + 1
    return values, renumbered[layer.codes]


def _run_table(lengths: NDArray[np.uint8]) -> bytes:
    writer = BitWriter()
    write_lengths(writer, lengths)
    return writer.to_bytes()


def _code_table(lengths: NDArray[np.uint8]) -> bytes:
    """How many codes above 0 there are, whether there are fillers, and the code lengths of what there is."""
    writer = BitWriter()
    writer.number(lengths.size - 1, 8)
    writer.number(int(lengths[0] > 0), 1)
    write_used_lengths(writer, lengths[lengths > 0])
    return writer.to_bytes()


def _read_code_table(header: LayerHeader, reader: BitReader) -> NDArray[np.uint8]:
    what = f"layer {header.name}, codes"
    used = reader.number(8)
    if not 1 <= used < 1 << header.code_bits:
        raise EieError(f"{what}: 1 to {(1 << header.code_bits) - 1} codes must be used, got {used}")
    lengths = np.zeros(used + 1, np.uint8)
    first = 0 if reader.number(1) else 1
    lengths[first:] = read_used_lengths(reader, used + 1 - first, what)
    return lengths


def _one_chain(entries: int) -> NDArray[np.int64]:
    """Offsets of a single slice."""
    return np.array([0, entries], np.int64)


def _huffman(symbols: NDArray[np.uint8], alphabet: int) -> tuple[NDArray[np.uint8], bytes, int]:
    """Code lengths, coded bytes and their bits."""
    lengths = code_lengths(np.bincount(symbols, minlength=alphabet), LONGEST_CODE)
    data, bits = huffman_stream(symbols, lengths)
    return lengths, data.tobytes(), bits
