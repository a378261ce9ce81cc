"""Array images, inputs and outputs as words of the host streams (docs/architecture.md, sections 2 and 4).

Words are rows of an array (n, stream_bits // 32) of uint32, column 0 bits 31:0 of the stream word.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.fixed_point import from_fixed, to_fixed
from model.image import LayerImage, NetworkImage
from model.layouts import Descriptor, Opcode, header, pack_limit
from sw.bitstream import encode_streams
from sw.errors import EieError
from sw.huffman import HardwareTable, code_lengths, codewords, hardware_table
from sw.image_decode import decode_image

__all__ = [
    "decode_image",
    "dequantise_outputs",
    "encode_image",
    "input_packet",
    "quantise_inputs",
    "unpack_outputs",
]

Words = NDArray[np.uint32]


def encode_image(image: NetworkImage) -> Words:
    """The LOAD packet and every LAYER packet.

    The Huffman codes of a layer are made from the symbol counts of all PEs together. EieError for a layer that the
    descriptor or the codes of this array cannot express.
    """
    config = image.config
    packets = [_plain(config, [header(Opcode.LOAD)])]
    packets += [_layer_packet(layer, config) for layer in image.layers]
    return np.concatenate(packets)


def input_packet(image: NetworkImage, activations: NDArray[np.int16]) -> Words:
    """The INPUT packet of (in_features,) int16 activations in logical order."""
    if activations.shape != (image.in_features,) or activations.dtype != np.int16:
        raise EieError(
            f"activations must be int16 of shape {(image.in_features,)}, got {activations.dtype} {activations.shape}"
        )
    in_rows = image.layers[0].in_rows
    padded = np.zeros(in_rows * image.config.pes, np.int16)
    padded[: activations.size] = activations
    head = _plain(image.config, [header(Opcode.INPUT, in_rows)])
    return np.concatenate([head, _lanes(image.config, padded)])


def unpack_outputs(image: NetworkImage, words: Words) -> NDArray[np.int16]:
    """(out_features,) int16 outputs in logical order from the words that the array sent."""
    config = image.config
    wanted = (image.layers[-1].out_rows * config.groups, config.stream_bits // 32)
    if words.shape != wanted or words.dtype != np.uint32:
        raise EieError(f"output words must be uint32 of shape {wanted}, got {words.dtype} {words.shape}")
    values = np.ascontiguousarray(words).astype("<u4").view("<i2")[:, : config.lanes]
    return values.ravel()[image.output_order].astype(np.int16)


def quantise_inputs(image: NetworkImage, x: NDArray[Any]) -> NDArray[np.int16]:
    """(in_features,) or (n, in_features) real inputs in the units of the array, saturated to 16 bits."""
    if x.ndim not in (1, 2) or x.shape[-1] != image.in_features or x.dtype.kind not in "fiub":
        raise EieError(f"inputs must be real numbers of shape (..., {image.in_features}), got {x.dtype} {x.shape}")
    values = x.astype(np.float64)
    if not np.isfinite(values).all():
        raise EieError("inputs must be finite, got NaN or infinity")
    return to_fixed(values, image.input_fraction_bits)


def dequantise_outputs(image: NetworkImage, y: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The real values of integer outputs, any shape."""
    return from_fixed(y, image.output_fraction_bits)


def _layer_packet(layer: LayerImage, config: ArrayConfig) -> Words:
    symbols, offsets = _symbols(layer, config)
    counts = np.bincount(symbols, minlength=config.run_symbols + config.code_symbols)
    if counts.size > config.run_symbols + config.code_symbols or layer.runs.max(initial=0) > config.max_run:
        raise EieError(f"layer {layer.name}: runs and codes must fit {config.index_bits} and {config.code_bits} bits")
    alphabets = counts[: config.run_symbols], counts[config.run_symbols :]
    lengths = [code_lengths(alphabet, config.max_code_length) for alphabet in alphabets]
    data, _ = encode_streams(
        symbols,
        offsets,
        np.concatenate([codewords(table) for table in lengths]),
        np.concatenate(lengths),
        config.stream_bits // 8,
    )
    tables = [hardware_table(table, config.max_code_length) for table in lengths]
    descriptor = Descriptor(
        in_rows=layer.in_rows,
        out_rows=layer.out_rows,
        columns=layer.columns,
        stream_words=data.shape[1] // (config.stream_bits // 8),
        shift=layer.shift,
        relu=layer.relu,
        bias_scale=layer.bias_scale,
    )
    if Descriptor.unpack(descriptor.pack()) != descriptor:
        raise EieError(f"layer {layer.name}: the descriptor's fields must hold its numbers, got {descriptor}")
    limits = [
        pack_limit(int(limit), int(delta))
        for table in tables
        for limit, delta in zip(table.limits, table.deltas, strict=True)
    ]
    end_index = int(np.flatnonzero(tables[0].symbols == config.end_symbol)[0])
    plain = [header(Opcode.LAYER), *descriptor.pack(), *limits, end_index]
    plain += _symbol_words(tables[0], config.run_symbols, config.end_symbol)
    plain += _symbol_words(tables[1], config.code_symbols, None)
    plain += [int(value) & 0xFFFF for value in layer.codebook]
    # The first bit of a stream is the top bit of its first word, word w of all PEs comes before word w + 1.
    words = data.view(">u4").reshape(config.pes, -1, config.stream_bits // 32)[:, :, ::-1]
    codes = words.transpose(1, 0, 2).reshape(-1, config.stream_bits // 32).astype(np.uint32)
    return np.concatenate([_plain(config, plain), _lanes(config, layer.biases.ravel()), codes])


def _symbols(layer: LayerImage, config: ArrayConfig) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Every PE's symbols, codes numbered after the runs, and where each PE's begin."""
    per_slice = np.diff(layer.pointers, axis=1).ravel()
    # In front of an entry lie two symbols of every earlier entry and one end of column of every earlier slice.
    runs_at = 2 * np.arange(layer.entries) + np.repeat(np.arange(per_slice.size), per_slice)
    symbols = np.full(2 * layer.entries + per_slice.size, config.end_symbol, np.uint16)
    symbols[runs_at] = layer.runs
    symbols[runs_at + 1] = layer.codes + np.uint16(config.run_symbols)
    return symbols, 2 * layer.offsets + layer.columns * np.arange(layer.pes + 1)


def _symbol_words(table: HardwareTable, size: int, end_symbol: int | None) -> list[int]:
    words = [0 if symbol == end_symbol else int(symbol) for symbol in table.symbols]
    return words + [0] * (size - len(words))


def _plain(config: ArrayConfig, values: list[int]) -> Words:
    """Words that hold a value in their low 32 bits."""
    words = np.zeros((len(values), config.stream_bits // 32), np.uint32)
    words[:, 0] = values
    return words


def _lanes(config: ArrayConfig, values: NDArray[np.int16]) -> Words:
    """Words of `lanes` 16-bit values; the values are local rows of all PEs, row by row."""
    words = np.zeros((values.size // config.lanes, config.stream_bits // 16), "<i2")
    words[:, : config.lanes] = values.reshape(-1, config.lanes)
    return words.view("<u4").astype(np.uint32)
