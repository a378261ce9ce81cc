"""Array images, inputs and outputs as words of the host streams (docs/contract/architecture.md, sections 2 and 4)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from model.fixed_point import bounds, from_fixed, to_fixed
from model.function_descriptor import FunctionDescriptor
from model.image import LayerImage, NetworkImage
from model.layouts import Descriptor, Opcode, header
from sw.coding.bitstream import encode_streams
from sw.coding.huffman import codewords
from sw.image.code_tree import encode_trees
from sw.image.decode import decode_image
from sw.image.layer_codes import layer_codes
from sw.image.words import Words

__all__ = [
    "decode_image",
    "dequantise_outputs",
    "encode_image",
    "encode_passes",
    "input_packet",
    "layer_packet",
    "quantise_inputs",
    "unpack_outputs",
]


def encode_image(image: NetworkImage) -> Words:
    """The LOAD packet and every LAYER packet of an image of one pass.

    The Huffman codes of a layer are made from the symbol counts of all PEs together. EieError for a layer that the
    descriptor or the codes of this array cannot express, and for an image of several passes.
    """
    if len(image.pass_starts) > 1:
        raise EieError(
            f"the image must be one that the array holds at once, got one of {len(image.pass_starts)} passes"
        )
    return _encode_pass(image.layers, image.config)


def encode_passes(image: NetworkImage) -> tuple[Words, ...]:
    """The LOAD packet and every LAYER packet of each pass.

    Every input takes all passes in turn: load one, start it, from the second on with resume and all but the last with
    hold; INPUT comes with the first. EieError as for `encode_image`.
    """
    return tuple(_encode_pass(layers, image.config) for layers in image.passes)


def input_packet(image: NetworkImage, activations: NDArray[np.int16]) -> Words:
    """The INPUT packet of (in_features,) int16 activations of the array's bits, in logical order."""
    if activations.shape != (image.in_features,) or activations.dtype != np.int16:
        raise EieError(
            f"activations must be int16 of shape {(image.in_features,)}, got {activations.dtype} {activations.shape}"
        )
    least, greatest = bounds(image.config.activation_bits)
    if activations.min() < least or activations.max() > greatest:
        raise EieError(
            f"activations must be from {least} to {greatest} for an array with activation_bits = "
            f"{image.config.activation_bits}, got from {activations.min()} to {activations.max()}"
        )
    head = _plain(image.config, [header(Opcode.INPUT, image.in_rows)])
    return np.concatenate([head, _lanes(image.config, image.physical_inputs(activations))])


def unpack_outputs(image: NetworkImage, words: Words) -> NDArray[np.int16]:
    """(out_features,) int16 outputs in logical order from the words that the array sent."""
    config = image.config
    wanted = (image.layers[-1].out_rows * config.groups, config.stream_bits // 32)
    if words.shape != wanted or words.dtype != np.uint32:
        raise EieError(f"output words must be uint32 of shape {wanted}, got {words.dtype} {words.shape}")
    values = np.ascontiguousarray(words).astype("<u4").view("<i2")[:, : config.lanes]
    return values.ravel()[image.output_order].astype(np.int16)


def quantise_inputs(image: NetworkImage, x: NDArray[Any]) -> NDArray[np.int16]:
    """(in_features,) or (n, in_features) real inputs in the units of the array, saturated to its bits."""
    if x.ndim not in (1, 2) or x.shape[-1] != image.in_features or x.dtype.kind not in "fiub":
        raise EieError(f"inputs must be real numbers of shape (..., {image.in_features}), got {x.dtype} {x.shape}")
    values = x.astype(np.float64)
    if not np.isfinite(values).all():
        raise EieError("inputs must be finite, got NaN or infinity")
    return to_fixed(values, image.input_fraction_bits, image.config.activation_bits)


def dequantise_outputs(image: NetworkImage, y: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The real values of integer outputs, any shape."""
    return from_fixed(y, image.output_fraction_bits)


def _encode_pass(layers: Sequence[LayerImage], config: ArrayConfig) -> Words:
    packets = [_plain(config, [header(Opcode.LOAD)])]
    packets += [layer_packet(layer, config) for layer in layers]
    return np.concatenate(packets)


def layer_packet(layer: LayerImage, config: ArrayConfig) -> Words:
    """The LAYER packet of one layer or column tile; EieError as for `encode_image`."""
    codes = layer_codes(layer, config)
    symbols, offsets = _symbols(layer, config)
    lengths = (codes.run_lengths, codes.code_lengths)
    data, _ = encode_streams(
        symbols,
        offsets,
        np.concatenate([codewords(table) for table in lengths]),
        np.concatenate(lengths),
        config.stream_bits // 8,
    )
    descriptor = Descriptor(
        in_rows=layer.in_rows,
        out_rows=layer.out_rows,
        first_row=layer.first_row,
        stream_words=data.shape[1] // (config.stream_bits // 8),
        shift=layer.shift,
        relu=layer.relu,
        keep=layer.keep,
        bias_scale=layer.bias_scale,
    )
    if Descriptor.unpack(descriptor.pack()) != descriptor:
        raise EieError(f"layer {layer.name}: the descriptor's fields must hold its numbers, got {descriptor}")
    words = descriptor.pack() if layer.map is None else layer.map.merge(descriptor.pack())
    if config.functions:
        words = (layer.functions or FunctionDescriptor()).merge(words)
    elif layer.functions is not None:
        raise EieError(f"layer {layer.name}: it takes an array with functions")
    plain = [header(Opcode.LAYER), *words, *encode_trees(config, *lengths).tolist()]
    plain += [int(value) & 0xFFFF for value in layer.codebook]
    biases = layer.biases[:0] if layer.keep else layer.biases
    # The first bit of a stream is the top bit of its first word, word w of all PEs comes before word w + 1.
    by_pe = data.view(">u4").reshape(config.pes, -1, config.stream_bits // 32)[:, :, ::-1]
    stream = by_pe.transpose(1, 0, 2).reshape(-1, config.stream_bits // 32).astype(np.uint32)
    return np.concatenate([_plain(config, plain), _lanes(config, biases.ravel()), stream])


def _symbols(layer: LayerImage, config: ArrayConfig) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Every PE's symbols, codes numbered after the runs, and where each PE's begin."""
    per_slice = np.diff(layer.pointers, axis=1).ravel()
    # In front of an entry lie two symbols of every earlier entry and one end of column of every earlier slice.
    runs_at = 2 * np.arange(layer.entries) + np.repeat(np.arange(per_slice.size), per_slice)
    symbols = np.full(2 * layer.entries + per_slice.size, config.end_symbol, np.uint16)
    symbols[runs_at] = layer.runs
    symbols[runs_at + 1] = layer.codes + np.uint16(config.run_symbols)
    return symbols, 2 * layer.offsets + layer.columns * np.arange(layer.pes + 1)


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
