"""Reading an array image back from its stream words, as strictly as the hardware's loader or more."""

import numpy as np
from numpy.typing import NDArray

from model.compiled import compiled
from model.config import ArrayConfig
from model.errors import EieError
from model.function_descriptor import FunctionDescriptor
from model.image import LayerImage
from model.layouts import TREE_KIND_BITS, Descriptor, Opcode, TreeKind, descriptor_words, header
from model.map_descriptor import MAP_ROW_BITS, MapDescriptor
from sw.image.code_tree import check_trees
from sw.image.descriptor_checks import check_descriptor, check_loop, check_next

NONE, NODE, END = int(TreeKind.NONE), int(TreeKind.NODE), int(TreeKind.END)
KIND_MASK = (1 << TREE_KIND_BITS) - 1
NO_CODE, OUT_OF_ROWS, NOT_ZERO = -1, -2, -3
ERRORS = {
    NO_CODE: "holds bits that are no code or ends early",
    OUT_OF_ROWS: "has an entry below the layer's last local row",
    NOT_ZERO: "has bits after its last column",
}


def decode_image(words: NDArray[np.uint32], config: ArrayConfig) -> tuple[LayerImage, ...]:
    """The layers of an image, or of one pass of it; names do not travel, they are "layer0", "layer1" and so on.

    The first layer may be a column tile that others, in an earlier pass, come before; the last one that others follow.
    An image for an array with `maps` is one pass, and where its entries add is not looked at.

    Parameters
    ----------
    words : (n, stream_bits // 32) uint32: a LOAD packet and LAYER packets, nothing else.

    Raises EieError for anything malformed, and for what the memories of the array cannot hold.
    """
    layers, rest = decode_packets(words, config)
    if len(rest):
        raise EieError(
            f"layer{len(layers)}: its packet must begin with the word {header(Opcode.LAYER)}, got {rest[0, 0]}"
        )
    return layers


def decode_packets(words: NDArray[np.uint32], config: ArrayConfig) -> tuple[tuple[LayerImage, ...], NDArray[np.uint32]]:
    """The layers of `decode_image`, and the words from the first packet on that is not a LAYER."""
    if words.dtype != np.uint32 or words.ndim != 2 or words.shape[1] != config.stream_bits // 32:
        raise EieError(
            f"stream words must be uint32 of shape (n, {config.stream_bits // 32}), got {words.dtype} {words.shape}"
        )
    reader = _Reader(words)
    if reader.values(1, "LOAD header")[0] != header(Opcode.LOAD):
        raise EieError(f"an image must begin with the word {header(Opcode.LOAD)} (LOAD), got {int(words[0, 0])}")
    layers: list[LayerImage] = []
    rows_used = np.zeros(config.pes, np.int64)
    pointers = biases = loop_floor = 0
    while reader.is_next(header(Opcode.LAYER)) or not layers:
        layer = _layer(reader, config, f"layer{len(layers)}")
        if layers:
            check_next(layers, layer)
        loop_floor = check_loop(layer, len(layers), loop_floor)
        rows_used += -(-np.diff(layer.offsets) // config.entries_per_row)
        pointers += layer.columns + 1
        biases += 0 if layer.keep else len(layer.biases)
        layers.append(layer)
        for memory, needed, available in (
            ("layer table", len(layers), config.layers),
            ("pointer memory", pointers, config.pointer_depth),
            ("constant memory", config.bias_base + biases, config.constant_depth),
            ("sparse-matrix memory", int(rows_used.max()), config.sparse_matrix_depth),
        ):
            if needed > available:
                raise EieError(f"{memory}: {layer.name} needs {needed} words, the array has {available}")
    return tuple(layers), reader.words(reader.left, "what follows")


def _layer(reader: "_Reader", config: ArrayConfig, name: str) -> LayerImage:
    head = int(reader.values(1, f"{name} header")[0])
    if head != header(Opcode.LAYER):
        raise EieError(f"{name}: its packet must begin with the word {header(Opcode.LAYER)}, got {head}")
    packed = [int(word) for word in reader.values(descriptor_words(config), f"{name} descriptor")]
    descriptor, geometry = Descriptor.unpack(packed), MapDescriptor.unpack(packed) if config.maps else None
    functions = FunctionDescriptor.unpack(packed) if config.functions else None
    again = descriptor.pack() if geometry is None else geometry.merge(descriptor.pack())
    if packed != (again if functions is None else functions.merge(again)):
        raise EieError(f"{name}: unused bits of the descriptor must be zero, got {packed}")
    check_descriptor(descriptor, geometry, config, name)
    trees = reader.values(config.tree_words, f"{name} trees")
    check_trees(config, trees, name)
    codebook = reader.int16(config.code_symbols, 1, f"{name} codebook").ravel()
    if codebook[0] != 0:
        raise EieError(f"{name}: codebook word 0 must be 0, got {codebook[0]}")
    bias_rows = descriptor.out_rows if geometry is None else geometry.out_channels
    biases = np.zeros((bias_rows * config.groups, config.lanes), np.int16)
    if not descriptor.keep:
        biases = reader.int16(len(biases), config.lanes, f"{name} biases")
    code_words = reader.words(descriptor.stream_words * config.pes, f"{name} codes")
    streams = code_words.reshape(descriptor.stream_words, config.pes, -1)[:, :, ::-1].transpose(1, 0, 2)
    data = np.ascontiguousarray(streams).astype(">u4").view(np.uint8).reshape(config.pes, -1)
    columns, rows = descriptor.in_rows * config.pes, descriptor.out_rows
    if geometry is not None:
        columns, rows = geometry.columns, 1 << MAP_ROW_BITS
    pointers, codes, runs, offsets = _decode_pes(data, columns, rows, trees.reshape(2, -1, 2), name)
    return LayerImage(
        name=name,
        in_rows=descriptor.in_rows,
        out_rows=descriptor.out_rows,
        codebook=codebook,
        biases=biases.reshape(bias_rows, config.pes),
        bias_scale=descriptor.bias_scale,
        shift=descriptor.shift,
        relu=descriptor.relu,
        pointers=pointers,
        codes=codes,
        runs=runs,
        offsets=offsets,
        first_row=descriptor.first_row,
        keep=descriptor.keep,
        map=geometry,
        functions=functions,
    )


def _decode_pes(
    data: NDArray[np.uint8], columns: int, out_rows: int, trees: NDArray[np.int64], name: str
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Pointers, codes, runs and offsets of all PEs."""
    pointers = np.zeros((data.shape[0], columns + 1), np.int64)
    # A pair of symbols takes at least two bits.
    codes = np.zeros(4 * data.shape[1], np.uint8)
    runs = np.zeros_like(codes)
    all_codes: list[NDArray[np.uint8]] = []
    all_runs: list[NDArray[np.uint8]] = []
    for pe in range(data.shape[0]):
        count = _decode_pe(data[pe], trees, out_rows, pointers[pe], codes, runs)
        if count < 0:
            raise EieError(f"{name}: the code stream of PE {pe} {ERRORS[count]}")
        all_codes.append(codes[:count].copy())
        all_runs.append(runs[:count].copy())
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(pointers[:, -1])])
    return pointers, np.concatenate(all_codes), np.concatenate(all_runs), offsets


@compiled
def _decode_pe(
    data: NDArray[np.uint8],
    trees: NDArray[np.int64],
    out_rows: int,
    pointers: NDArray[np.int64],
    codes: NDArray[np.uint8],
    runs: NDArray[np.uint8],
) -> int:
    """Fill pointers, codes and runs of one PE, a bit at a time; the number of entries, or one of ERRORS."""
    position, count, column, row, alphabet = 0, 0, 0, 0, 0
    while column < pointers.size - 1:
        node, kind = 0, NODE
        while kind == NODE:
            if position == 8 * data.size:
                return NO_CODE
            word = trees[alphabet, node, data[position >> 3] >> (7 - (position & 7)) & 1]
            position += 1
            kind, node = word & KIND_MASK, word >> TREE_KIND_BITS
        if kind == NONE:
            return NO_CODE
        if kind == END:
            column += 1
            pointers[column] = count
            row = 0
        elif alphabet == 0:
            row += node + 1
            if row > out_rows:
                return OUT_OF_ROWS
            runs[count] = node
            alphabet = 1
        else:
            codes[count] = node
            count += 1
            alphabet = 0
    for bit in range(position, 8 * data.size):
        if data[bit >> 3] >> (7 - (bit & 7)) & 1:
            return NOT_ZERO
    return count


class _Reader:
    """Takes sections off the front of the stream."""

    def __init__(self, words: NDArray[np.uint32]):
        self._words = words
        self._at = 0

    @property
    def left(self) -> int:
        return self._words.shape[0] - self._at

    def is_next(self, value: int) -> bool:
        """Whether another word follows, and has this value."""
        return self.left > 0 and int(self._words[self._at, 0]) == value

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
