"""The section of one layer in a model file: code lengths, codebook, biases, Huffman-coded runs and codes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sw.bitstream import decode_stream, encode_streams, lookup_table
from sw.compressed import CompressedLayer
from sw.errors import EieError
from sw.file_header import LayerHeader
from sw.huffman import check_lengths, code_lengths, codewords
from sw.relative_index import decode_slices, encode_slices, filler_counts

LONGEST_CODE = 15  # a length is stored in four bits


def choose_index_bits(positions: NDArray[np.int64], codes: NDArray[np.uint8], code_bits: int) -> int:
    """The width of zero runs, 1 to 8, with the smallest section; the narrowest of equal ones.

    positions (n,) int64 ascending, codes (n,) uint8: the nonzero entries of a layer, row-major.
    """
    offsets = _one_chain(positions.size)
    gaps = filler_counts(positions, offsets, 0)
    code_counts = np.bincount(codes, minlength=1 << code_bits)

    def section_bytes(index_bits: int) -> int:
        fillers = int((gaps >> index_bits).sum())
        run_counts = np.bincount(gaps & ((1 << index_bits) - 1), minlength=1 << index_bits)
        run_counts[-1] += fillers
        counts = code_counts.copy()
        counts[0] += fillers
        streams = (-(-int((n * code_lengths(n, LONGEST_CODE)).sum()) // 8) for n in (run_counts, counts))
        return sum(streams) + (1 << index_bits) // 2

    return min(range(1, 9), key=section_bytes)


def encode_layer(layer: CompressedLayer) -> tuple[LayerHeader, bytes]:
    """The layer's record and its section without checksum; codebook entries that no code uses are dropped."""
    runs, is_filler, _ = encode_slices(layer.positions, _one_chain(layer.positions.size), layer.index_bits)
    codes = np.zeros(runs.size, np.uint8)
    codes[~is_filler] = layer.codes
    run_lengths, run_stream, run_stream_bits = _huffman(runs, 1 << layer.index_bits)
    lengths, code_stream, code_stream_bits = _huffman(codes, 1 << layer.code_bits)
    used = np.flatnonzero(lengths[1:]) + 1
    has_bias = bool(layer.bias.any())
    header = LayerHeader(
        name=layer.name,
        relu=layer.relu,
        has_bias=has_bias,
        outputs=layer.shape[0],
        inputs=layer.shape[1],
        code_bits=layer.code_bits,
        index_bits=layer.index_bits,
        entries=runs.size,
        used_codes=used.size,
        run_stream_bits=run_stream_bits,
        code_stream_bits=code_stream_bits,
    )
    bias = layer.bias.astype("<f4").tobytes() if has_bias else b""
    codebook = layer.codebook[used].astype("<f4").tobytes()
    section = _pack_lengths(run_lengths) + _pack_lengths(lengths) + codebook + bias + run_stream + code_stream
    header.check()
    return header, section


def check_section(header: LayerHeader, section: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Code lengths of runs and codes; EieError unless they make codes that fit the header."""
    run_bytes, code_bytes = header.table_bytes
    run_lengths = _unpack_lengths(section[:run_bytes])
    lengths = _unpack_lengths(section[run_bytes : run_bytes + code_bytes])
    for what, table in (("runs", run_lengths), ("codes", lengths)):
        used = check_lengths(table, LONGEST_CODE, f"layer {header.name}, {what}")
        if (used > 0) != (header.entries > 0):
            raise EieError(f"layer {header.name}: {header.entries} entries cannot have {used} symbols of {what}")
    used_codes = int(np.count_nonzero(lengths[1:]))
    if used_codes != header.used_codes:
        raise EieError(f"layer {header.name}: {header.used_codes} codes must have a length, {used_codes} have one")
    return run_lengths, lengths


def decode_layer(header: LayerHeader, section: bytes) -> CompressedLayer:
    """The layer; EieError for any section that `encode_layer` would not have written, but for the choice of lengths."""
    run_lengths, lengths = check_section(header, section)
    cursor = sum(header.table_bytes)
    codebook = np.zeros(1 << header.code_bits, np.float32)
    codebook[1:][lengths[1:] > 0] = np.frombuffer(section, "<f4", header.used_codes, cursor)
    cursor += 4 * header.used_codes
    bias: NDArray[np.float32] = np.broadcast_to(np.float32(0), (header.outputs,))
    if header.has_bias:
        bias = np.frombuffer(section, "<f4", header.outputs, cursor).astype(np.float32)
        cursor += 4 * header.outputs
        if not bias.view(np.uint32).any():
            raise EieError(f"layer {header.name}: biases that are all zero must not be stored, they are")
    streams = np.frombuffer(section, np.uint8, offset=cursor) if cursor < len(section) else np.zeros(0, np.uint8)
    run_bytes = -(-header.run_stream_bits // 8)
    what = f"layer {header.name}"
    runs = _decode(streams[:run_bytes], header.run_stream_bits, header.entries, run_lengths, f"{what}, runs")
    codes = _decode(streams[run_bytes:], header.code_stream_bits, header.entries, lengths, f"{what}, codes")
    positions = decode_slices(runs, _one_chain(runs.size))
    is_filler = codes == 0
    if is_filler.any() and ((runs[is_filler] != (1 << header.index_bits) - 1).any() or is_filler[-1]):
        raise EieError(f"{what}: a filler must have the longest run and an entry after it, one has not")
    return CompressedLayer(
        name=header.name,
        shape=(header.outputs, header.inputs),
        code_bits=header.code_bits,
        index_bits=header.index_bits,
        codebook=codebook,
        bias=bias,
        relu=header.relu,
        positions=positions[~is_filler],
        codes=codes[~is_filler],
    )


def _one_chain(entries: int) -> NDArray[np.int64]:
    """Offsets of a single slice."""
    return np.array([0, entries], np.int64)


def _huffman(symbols: NDArray[np.uint8], alphabet: int) -> tuple[NDArray[np.uint8], bytes, int]:
    """Code lengths, coded bytes and their bits."""
    lengths = code_lengths(np.bincount(symbols, minlength=alphabet), LONGEST_CODE)
    data, bits = encode_streams(symbols.astype(np.uint16), _one_chain(symbols.size), codewords(lengths), lengths)
    return lengths, data.tobytes(), int(bits[0])


def _decode(data: NDArray[np.uint8], bits: int, count: int, lengths: NDArray[np.uint8], what: str) -> NDArray[np.uint8]:
    return decode_stream(data, bits, count, lookup_table(lengths, LONGEST_CODE), what)


def _pack_lengths(lengths: NDArray[np.uint8]) -> bytes:
    """Two lengths per byte, the lower symbol in the low bits."""
    return (lengths[0::2] | lengths[1::2] << 4).astype(np.uint8).tobytes()


def _unpack_lengths(data: bytes) -> NDArray[np.uint8]:
    packed: NDArray[Any] = np.frombuffer(data, np.uint8)
    return np.stack([packed & 15, packed >> 4], axis=1).ravel().astype(np.uint8)
