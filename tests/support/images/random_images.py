"""Random array images and a second encoder for them, written plainly from docs/contract/architecture.md, section 4."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.fixed_point import bounds
from model.function_descriptor import FunctionDescriptor
from model.image import LayerImage, NetworkImage
from model.layouts import Descriptor, Opcode, header
from tests.support.images.huffman import Alphabet, tree_section

CodeShape = Literal["random", "longest", "balanced"]


def small_config(**changes) -> ArrayConfig:
    """An array that steps quickly."""
    sizes: dict[str, Any] = {
        "pes": 4,
        "queue_depth": 4,
        "row_bits": 32,
        "sparse_matrix_depth": 128,
        "pointer_depth": 128,
        "activation_depth": 16,
        "constant_depth": 128,
        "stream_bits": 32,
        "layers": 4,
    }
    return ArrayConfig(**(sizes | changes))


def layer_from_codes(
    config: ArrayConfig, codes: NDArray[np.integer], codebook: NDArray[np.int16], biases, name="layer", **values
) -> LayerImage:
    """A layer from its dense matrix of weight codes, rows dealt modulo; `values` are bias_scale, shift and relu."""
    pes = config.pes
    out_rows, in_rows = (-(-size // pes) for size in codes.shape)
    dense = np.zeros((out_rows * pes, in_rows * pes), dtype=int)
    dense[: codes.shape[0], : codes.shape[1]] = codes
    pointers = np.zeros((pes, in_rows * pes + 1), dtype=np.int64)
    all_codes, all_runs, offsets = [], [], [0]
    for pe in range(pes):
        entries = []
        for column in range(in_rows * pes):
            previous = -1
            for row in np.flatnonzero(dense[pe::pes, column]):
                run = int(row) - previous - 1
                while run > config.max_run:
                    entries.append((0, config.max_run))
                    run -= config.max_run + 1
                entries.append((int(dense[row * pes + pe, column]), run))
                previous = int(row)
            pointers[pe, column + 1] = len(entries)
        all_codes += [code for code, _ in entries]
        all_runs += [run for _, run in entries]
        offsets.append(len(all_codes))
    padded = np.zeros(out_rows * pes, dtype=np.int16)
    padded[: codes.shape[0]] = biases
    return LayerImage(
        name=name,
        in_rows=in_rows,
        out_rows=out_rows,
        codebook=codebook,
        biases=padded.reshape(out_rows, pes),
        pointers=pointers,
        codes=np.array(all_codes, dtype=np.uint8),
        runs=np.array(all_runs, dtype=np.uint8),
        offsets=np.array(offsets, dtype=np.int64),
        **({"bias_scale": 1, "shift": 0, "relu": False} | values),
    )


def column_tiles(layer: LayerImage, cuts: Iterable[int]) -> list[LayerImage]:
    """The layer cut into tiles before these of its local source rows."""
    bounds = [0, *cuts, layer.in_rows]
    tiles = []
    for first, end in itertools.pairwise(bounds):
        pointers = layer.pointers[:, first * layer.pes : end * layer.pes + 1]
        entries = [
            np.arange(low, high) + layer.offsets[pe]
            for pe, (low, high) in enumerate(zip(pointers[:, 0], pointers[:, -1], strict=True))
        ]
        chosen = np.concatenate(entries)
        tiles.append(
            replace(
                layer,
                name=f"{layer.name} rows {first}..{end - 1}",
                in_rows=end - first,
                first_row=layer.first_row + first,
                keep=end < layer.in_rows,
                pointers=pointers - pointers[:, :1],
                codes=layer.codes[chosen],
                runs=layer.runs[chosen],
                offsets=np.cumsum([0, *map(len, entries)]),
            )
        )
    return tiles


def network(config: ArrayConfig, layers: Iterable[LayerImage], in_features: int, out_features: int) -> NetworkImage:
    """Layers that were dealt modulo, as a network."""
    return NetworkImage(
        config=config,
        layers=tuple(layers),
        in_features=in_features,
        out_features=out_features,
        input_fraction_bits=8,
        output_fraction_bits=8,
        output_order=np.arange(out_features),
    )


def random_network_image(
    rng: np.random.Generator, config: ArrayConfig, sizes: list[int], density: float, magnitude: int = 200
) -> NetworkImage:
    """A network with features `sizes`; each weight is stored with that probability, values up to `magnitude`."""
    layers = []
    for number, (columns, rows) in enumerate(itertools.pairwise(sizes)):
        codes = rng.integers(1, config.code_symbols, (rows, columns)) * (rng.random((rows, columns)) < density)
        codebook = rng.integers(-magnitude, magnitude + 1, config.code_symbols).astype(np.int16)
        codebook[0] = 0
        layer = layer_from_codes(
            config,
            codes,
            codebook,
            rng.integers(-magnitude, magnitude + 1, rows).astype(np.int16),
            name=f"layer{number}",
            bias_scale=1 << int(rng.integers(0, config.activation_bits - 1)),
            shift=int(rng.integers(0, 12)),
            relu=bool(rng.integers(0, 2)),
        )
        layers.append(layer)
    return network(config, layers, sizes[0], sizes[-1])


def random_activations(rng: np.random.Generator, image: NetworkImage, density: float, magnitude: int = 200):
    """One input in physical order, of the array's bits; padding is 0."""
    magnitude = min(magnitude, bounds(image.config.activation_bits)[1])
    values = np.zeros(image.columns, dtype=np.int16)
    count = image.in_features
    values[:count] = rng.integers(-magnitude, magnitude + 1, count) * (rng.random(count) < density)
    return values


def code_lengths(
    rng: np.random.Generator, used: list[int], size: int, longest: int, shape: CodeShape = "random"
) -> list[int]:
    """Lengths of a complete prefix code for the used symbols (0: unused): leaves are split until there are enough."""
    lengths = [0] * size
    leaves = [0]
    while len(leaves) < len(used):
        splittable = [leaf for leaf in leaves if leaf < longest]
        if shape == "longest":
            chosen = max(splittable)
        elif shape == "balanced":
            chosen = min(splittable)
        else:
            chosen = splittable[int(rng.integers(len(splittable)))]
        leaves.remove(chosen)
        leaves += [chosen + 1, chosen + 1]
    for symbol, length in zip(rng.permutation(used), leaves[: len(used)], strict=True):
        lengths[symbol] = max(length, 1)
    return lengths


def pack_lanes(values: NDArray[np.integer], lanes: int) -> list[int]:
    """Stream words of 16-bit lanes, in physical order."""
    words = values.reshape(-1, lanes).astype(int) & 0xFFFF
    return [sum(int(value) << 16 * lane for lane, value in enumerate(word)) for word in words]


def unpack_lanes(words: list[int], lanes: int) -> NDArray[np.int16]:
    """The inverse of `pack_lanes`."""
    values = [word >> 16 * lane & 0xFFFF for word in words for lane in range(lanes)]
    return np.array(values, dtype=np.uint16).view(np.int16)


def encode_layer(
    config: ArrayConfig,
    layer: LayerImage,
    rng: np.random.Generator | None = None,
    shape: CodeShape = "balanced",
    drop_words: int = 0,
) -> list[int]:
    """One LAYER packet. `drop_words` leaves that many words out of every PE's code stream."""
    rng = rng or np.random.default_rng(0)
    used_runs = sorted({*layer.runs.tolist(), config.end_symbol})
    used_codes = sorted(set(layer.codes.tolist()))
    longest = config.max_code_length
    runs = Alphabet(code_lengths(rng, used_runs, config.run_symbols, longest, shape))
    codes = Alphabet(code_lengths(rng, used_codes, config.code_symbols, longest, shape))
    streams = []
    for pe in range(config.pes):
        bits = []
        for column in range(layer.columns):
            low, high = (int(layer.offsets[pe] + layer.pointers[pe, column + at]) for at in (0, 1))
            for entry in range(low, high):
                bits += [runs.codes[int(layer.runs[entry])], codes.codes[int(layer.codes[entry])]]
            bits.append(runs.codes[config.end_symbol])
        text = "".join(bits)
        width = config.stream_bits
        streams.append([int(text[at : at + width].ljust(width, "0"), 2) for at in range(0, len(text), width)])
    stream_words = max(1, max(map(len, streams)) - drop_words)
    for stream in streams:
        stream[:] = (stream + [0] * stream_words)[:stream_words]
    descriptor = Descriptor(
        in_rows=layer.in_rows,
        out_rows=layer.out_rows,
        first_row=layer.first_row,
        stream_words=stream_words,
        shift=layer.shift,
        relu=layer.relu,
        keep=layer.keep,
        bias_scale=layer.bias_scale,
    )
    words = descriptor.pack()
    if layer.map is not None:
        words = layer.map.merge(words)
    if config.functions:
        words = (layer.functions or FunctionDescriptor()).merge(words)
    return [
        header(Opcode.LAYER),
        *words,
        *tree_section(config, runs, codes),
        *(int(value) & 0xFFFF for value in layer.codebook),
        *([] if layer.keep else pack_lanes(layer.biases, config.lanes)),
        *(stream[word] for word in range(stream_words) for stream in streams),
    ]


def encode_network(
    image: NetworkImage, rng: np.random.Generator | None = None, shape: CodeShape = "balanced"
) -> list[int]:
    """LOAD and every layer of an image of one pass."""
    (words,) = encode_passes(image, rng, shape)
    return words


def encode_passes(
    image: NetworkImage, rng: np.random.Generator | None = None, shape: CodeShape = "balanced"
) -> list[list[int]]:
    """LOAD and every layer of each pass."""
    passes = []
    for layers in image.passes:
        packets = [encode_layer(image.config, layer, rng, shape) for layer in layers]
        passes.append([header(Opcode.LOAD), *itertools.chain.from_iterable(packets)])
    return passes


def encode_input(config: ArrayConfig, activations: NDArray[np.int16]) -> list[int]:
    """An INPUT packet. Of 8-bit activations the bits above are anything: nobody looks at them."""
    values = activations.astype(np.int64)
    if config.activation_bits == 8:
        values = values & 0xFF | (29 * values + 90 & 0xFF) << 8
    return [header(Opcode.INPUT, len(activations) // config.pes), *pack_lanes(values, config.lanes)]
