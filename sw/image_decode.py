"""Reading an array image back from its stream words, as strictly as the hardware's loader or more."""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.config import ArrayConfig
from model.image import LayerImage
from model.layouts import DELTA_BITS, DESCRIPTOR_WORDS, LIMIT_BITS, Descriptor, Opcode, header
from sw.bitstream import table_lookup
from sw.errors import EieError
from sw.huffman import HardwareTable

END_OF_COLUMN = 256  # stands for the end-of-column symbol in a lookup table, whatever the index width

NO_CODE, OUT_OF_ROWS, NOT_ZERO = -1, -2, -3
ERRORS = {
    NO_CODE: "holds bits that are no code or ends early",
    OUT_OF_ROWS: "has an entry below the layer's last local row",
    NOT_ZERO: "has bits after its last column",
}


def decode_image(words: NDArray[np.uint32], config: ArrayConfig) -> tuple[LayerImage, ...]:
    """The layers of an image; names do not travel, they are "layer0", "layer1" and so on.

    Parameters
    ----------
    words : (n, stream_bits // 32) uint32: a LOAD packet and LAYER packets, nothing else.

    Raises EieError for anything malformed, and for what the memories of the array cannot hold.
    """
    if words.dtype != np.uint32 or words.ndim != 2 or words.shape[1] != config.stream_bits // 32:
        raise EieError(
            f"stream words must be uint32 of shape (n, {config.stream_bits // 32}), got {words.dtype} {words.shape}"
        )
    reader = _Reader(words)
    if reader.values(1, "LOAD header")[0] != header(Opcode.LOAD):
        raise EieError(f"an image must begin with the word {header(Opcode.LOAD)} (LOAD), got {int(words[0, 0])}")
    layers: list[LayerImage] = []
    rows_used = np.zeros(config.pes, np.int64)
    pointers = biases = 0
    while reader.left or not layers:
        layer = _layer(reader, config, f"layer{len(layers)}")
        if layers and layer.in_rows != layers[-1].out_rows:
            raise EieError(
                f"{layer.name}: in_rows must be the {layers[-1].out_rows} out_rows before, got {layer.in_rows}"
            )
        rows_used += -(-np.diff(layer.offsets) // config.entries_per_row)
        pointers += layer.columns + 1
        biases += layer.out_rows
        layers.append(layer)
        for memory, needed, available in (
            ("layer table", len(layers), config.layers),
            ("pointer memory", pointers, config.pointer_depth),
            ("constant memory", config.bias_base + biases, config.constant_depth),
            ("sparse-matrix memory", int(rows_used.max()), config.sparse_matrix_depth),
        ):
            if needed > available:
                raise EieError(f"{memory}: {layer.name} needs {needed} words, the array has {available}")
    return tuple(layers)


def _layer(reader: "_Reader", config: ArrayConfig, name: str) -> LayerImage:
    head = int(reader.values(1, f"{name} header")[0])
    if head != header(Opcode.LAYER):
        raise EieError(f"{name}: its packet must begin with the word {header(Opcode.LAYER)}, got {head}")
    packed = [int(word) for word in reader.values(DESCRIPTOR_WORDS, f"{name} descriptor")]
    descriptor = Descriptor.unpack(packed)
    if descriptor.pack() != packed:
        raise EieError(f"{name}: unused bits of the descriptor must be zero, got {packed}")
    _check_descriptor(descriptor, config, name)
    limits = reader.values(2 * config.max_code_length, f"{name} limits").reshape(2, -1)
    end_index = int(reader.values(1, f"{name} end index")[0])
    runs_table = _table(limits[0], reader.values(config.run_symbols, f"{name} runs"), config.max_run, name)
    codes_table = _table(limits[1], reader.values(config.code_symbols, f"{name} codes"), config.code_symbols - 1, name)
    if end_index >= config.run_symbols or runs_table.symbols[end_index] != 0:
        raise EieError(f"{name}: the end-of-column index must be that of a symbol word of 0, got {end_index}")
    runs_table.symbols[end_index] = END_OF_COLUMN
    codebook = reader.int16(config.code_symbols, 1, f"{name} codebook").ravel()
    if codebook[0] != 0:
        raise EieError(f"{name}: codebook word 0 must be 0, got {codebook[0]}")
    biases = reader.int16(descriptor.out_rows * config.groups, config.lanes, f"{name} biases")
    code_words = reader.words(descriptor.stream_words * config.pes, f"{name} codes")
    streams = code_words.reshape(descriptor.stream_words, config.pes, -1)[:, :, ::-1].transpose(1, 0, 2)
    data = np.ascontiguousarray(streams).astype(">u4").view(np.uint8).reshape(config.pes, -1)
    pointers, codes, runs, offsets = _decode_pes(
        data, descriptor, table_lookup(runs_table), table_lookup(codes_table), name
    )
    return LayerImage(
        name=name,
        in_rows=descriptor.in_rows,
        out_rows=descriptor.out_rows,
        codebook=codebook,
        biases=biases.reshape(descriptor.out_rows, config.pes),
        bias_scale=descriptor.bias_scale,
        shift=descriptor.shift,
        relu=descriptor.relu,
        pointers=pointers,
        codes=codes,
        runs=runs,
        offsets=offsets,
    )


def _check_descriptor(descriptor: Descriptor, config: ArrayConfig, name: str) -> None:
    for field in ("in_rows", "out_rows"):
        rows: int = getattr(descriptor, field)
        if not 1 <= rows <= config.activation_depth:
            raise EieError(f"{name}: {field} must be between 1 and {config.activation_depth}, got {rows}")
    if descriptor.columns != descriptor.in_rows * config.pes or descriptor.columns + 1 > config.pointer_depth:
        raise EieError(
            f"{name}: columns must be {descriptor.in_rows} x {config.pes} and leave room for {config.pointer_depth} "
            f"pointers, got {descriptor.columns}"
        )
    if descriptor.stream_words < 1:
        raise EieError(f"{name}: stream words must be at least 1, got {descriptor.stream_words}")
    scale = descriptor.bias_scale
    if scale.bit_count() != 1 or scale > 1 << 14:
        raise EieError(f"{name}: bias_scale must be a power of two from 1 to {1 << 14}, got {scale}")


def _table(limits: NDArray[np.int64], symbols: NDArray[np.int64], largest: int, name: str) -> HardwareTable:
    """One alphabet's decoder table from its words, with limits that a decoder can compare."""
    bounds, deltas = limits & ((1 << LIMIT_BITS) - 1), limits >> LIMIT_BITS
    if (deltas >> DELTA_BITS).any() or (np.diff(bounds) < 0).any() or bounds[-1] > 1 << limits.size:
        raise EieError(f"{name}: limits must ascend to at most {1 << limits.size}, got {bounds.tolist()}")
    if symbols.max() > largest:
        raise EieError(f"{name}: symbols must be at most {largest}, got {symbols.max()}")
    return HardwareTable(bounds, deltas, symbols.copy())


def _decode_pes(
    data: NDArray[np.uint8],
    descriptor: Descriptor,
    run_lookup: NDArray[np.uint32],
    code_lookup: NDArray[np.uint32],
    name: str,
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Pointers, codes, runs and offsets of all PEs."""
    pointers = np.zeros((data.shape[0], descriptor.columns + 1), np.int64)
    # A pair of symbols takes at least two bits.
    codes = np.zeros(4 * data.shape[1], np.uint8)
    runs = np.zeros_like(codes)
    all_codes: list[NDArray[np.uint8]] = []
    all_runs: list[NDArray[np.uint8]] = []
    for pe in range(data.shape[0]):
        count = _decode_pe(data[pe], run_lookup, code_lookup, descriptor.out_rows, pointers[pe], codes, runs)
        if count < 0:
            raise EieError(f"{name}: the code stream of PE {pe} {ERRORS[count]}")
        all_codes.append(codes[:count].copy())
        all_runs.append(runs[:count].copy())
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(pointers[:, -1])])
    return pointers, np.concatenate(all_codes), np.concatenate(all_runs), offsets


@compiled
def _decode_pe(
    data: NDArray[np.uint8],
    run_lookup: NDArray[np.uint32],
    code_lookup: NDArray[np.uint32],
    out_rows: int,
    pointers: NDArray[np.int64],
    codes: NDArray[np.uint8],
    runs: NDArray[np.uint8],
) -> int:
    """Fill pointers, codes and runs of one PE; the number of entries, or one of ERRORS."""
    longest = 0
    while (1 << longest) < run_lookup.size:
        longest += 1
    held, held_bits, byte = 0, 0, 0
    position, count, column, row, is_code = 0, 0, 0, 0, False
    while column < pointers.size - 1:
        while held_bits < longest:
            held = (held << 8) | (int(data[byte]) if byte < data.size else 0)
            held_bits += 8
            byte += 1
        window = (held >> (held_bits - longest)) & (run_lookup.size - 1)
        found = int(code_lookup[window]) if is_code else int(run_lookup[window])
        length, symbol = found & 0xFF, found >> 8
        position += length
        if length == 0 or position > 8 * data.size:
            return -1
        held_bits -= length
        held &= (1 << held_bits) - 1
        if is_code:
            codes[count] = symbol
            count += 1
            is_code = False
        elif symbol == 256:
            column += 1
            pointers[column] = count
            row = 0
        else:
            row += symbol + 1
            if row > out_rows:
                return -2
            runs[count] = symbol
            is_code = True
    for bit in range(position, 8 * data.size):
        if data[bit >> 3] >> (7 - (bit & 7)) & 1:
            return -3
    return count


class _Reader:
    """Takes sections off the front of the stream."""

    def __init__(self, words: NDArray[np.uint32]):
        self._words = words
        self._at = 0

    @property
    def left(self) -> int:
        return self._words.shape[0] - self._at

    def words(self, count: int, what: str) -> NDArray[np.uint32]:
        """The next `count` whole words."""
        if count > self.left:
            raise EieError(f"{what}: {count} words must follow, got {self.left}")
        self._at += count
        return self._words[self._at - count : self._at]

    def values(self, count: int, what: str) -> NDArray[np.int64]:
        """The next `count` words, values of 32 bits with zeros above."""
        taken = self.words(count, what)
        if taken[:, 1:].any():
            raise EieError(f"{what}: bits above 31 must be zero, they are not")
        return taken[:, 0].astype(np.int64)

    def int16(self, count: int, lanes: int, what: str) -> NDArray[np.int16]:
        """The next `count` words, (count, lanes) 16-bit values with zeros above."""
        taken = np.ascontiguousarray(self.words(count, what)).astype("<u4").view("<i2").reshape(count, -1)
        if taken[:, lanes:].any():
            raise EieError(f"{what}: bits above {16 * lanes - 1} must be zero, they are not")
        return taken[:, :lanes].astype(np.int16)
