"""Hostile array images: what each tries, and the error that must come of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.config import ArrayConfig
from model.image import LayerImage
from model.layouts import (
    CODE_ALPHABET,
    DESCRIPTOR_WORDS,
    RUN_ALPHABET,
    Descriptor,
    Opcode,
    TreeKind,
    header,
    tree_address,
    tree_word,
)
from model.registers import Error
from tests.support.images.random_images import encode_input, encode_layer, layer_from_codes

TREE_AT = 1 + DESCRIPTOR_WORDS

# Small, so that a memory is full soon and an image is loaded in a few hundred cycles.
CONFIGS: dict[str, ArrayConfig] = {
    "plain": ArrayConfig(
        name="plain",
        pes=2,
        queue_depth=2,
        code_bits=3,
        index_bits=2,
        row_bits=20,
        sparse_matrix_depth=16,
        pointer_depth=40,
        activation_depth=8,
        constant_depth=40,
        stream_bits=32,
        layers=3,
    ),
    "pairs": ArrayConfig(
        name="pairs",
        pes=3,
        queue_depth=4,
        code_bits=2,
        index_bits=3,
        row_bits=19,
        sparse_matrix_depth=21,
        pointer_depth=46,
        activation_depth=7,
        constant_depth=37,
        stream_bits=32,
        layers=3,
        broadcasts_per_cycle=2,
        skip_empty_slices=True,
        parity=True,
    ),
}


WHILE_LOADING = (Error.OPCODE, Error.DESCRIPTOR, Error.INPUT, Error.CODE, Error.MEMORY, Error.STREAM, Error.TRUNCATED)


@dataclass(frozen=True)
class Hostile:
    """A stream that no compiler makes.

    words : sent after a good network, which stays loaded unless there is a LOAD packet among them.
    cause : what STATUS shows once the machine was started; None where that is of no importance.
    last : the host's transfer ends with them.
    """

    name: str
    words: Sequence[int]
    cause: Error | None
    last: bool = False

    @property
    def spares_the_network(self) -> bool:
        """Whether the network loaded before is all that a soft reset finds."""
        return header(Opcode.LOAD) not in self.words and self.cause in WHILE_LOADING


def victim(config: ArrayConfig) -> LayerImage:
    """The layer that the corpus spoils: two local rows in, three out, entries in every PE."""
    rng = np.random.default_rng(5)
    codes = rng.integers(1, config.code_symbols, (3 * config.pes, 2 * config.pes))
    codes[rng.random(codes.shape) < 0.3] = 0
    codes[-config.pes :] = 1  # the last local row has entries in every PE
    book = rng.integers(1, 200, config.code_symbols).astype(np.int16)
    book[0] = 0
    return layer_from_codes(config, codes, book, np.arange(len(codes)), shift=2)


def corpus(config: ArrayConfig) -> list[Hostile]:
    """One of everything that can be wrong with a stream."""
    layer = victim(config)
    packet = encode_layer(config, layer)
    codes_at = TREE_AT + config.tree_words + config.code_symbols + layer.out_rows * config.groups
    stream_words = (len(packet) - codes_at) // config.pes

    def with_words(changes: dict[int, int]) -> list[int]:
        return [changes.get(at, word) for at, word in enumerate(packet)]

    def with_descriptor(**changes: int) -> list[int]:
        descriptor = replace(Descriptor.unpack(packet[1:TREE_AT]), **changes)
        return [packet[0], *descriptor.pack(), *packet[TREE_AT:]]

    def with_trees(runs: int | None, codes: int | None) -> list[int]:
        """Every word of a tree replaced."""
        half = config.tree_words // 2
        changes = {}
        for first, word in ((0, runs), (half, codes)):
            if word is not None:
                changes |= {TREE_AT + first + at: word for at in range(half)}
        return with_words(changes)

    def with_streams(words: list[int]) -> list[int]:
        """Every PE's stream replaced."""
        descriptor = replace(Descriptor.unpack(packet[1:TREE_AT]), stream_words=len(words))
        streams = [word for word in words for _ in range(config.pes)]
        return [packet[0], *descriptor.pack(), *packet[TREE_AT:codes_at], *streams]

    all_ones = (1 << config.stream_bits) - 1
    no_symbol, back_to_root = tree_word(TreeKind.NONE), tree_word(TreeKind.NODE, 0)
    run, code, end = tree_word(TreeKind.SYMBOL, 1), tree_word(TreeKind.SYMBOL, 2), tree_word(TreeKind.END)
    loop = {TREE_AT + tree_address(config, RUN_ALPHABET, node, bit): tree_word(TreeKind.NODE, 1 - node)
            for node in (0, 1) for bit in (0, 1)}  # fmt: skip
    wide = {TREE_AT + tree_address(config, CODE_ALPHABET, 0, bit): (1 << 2 + config.node_bits) - 2 for bit in (0, 1)}
    entries = (config.sparse_matrix_depth + 1) * config.entries_per_row
    enough = -(-2 * entries // config.stream_bits) + 1
    endless = with_trees(run, code)
    long_stream = replace(Descriptor.unpack(packet[1:TREE_AT]), stream_words=enough)
    overflowing = [packet[0], *long_stream.pack(), *endless[TREE_AT:codes_at], *[0] * (enough * config.pes)]
    short = replace(layer, out_rows=2, biases=layer.biases[:2])
    small = encode_layer(config, layer_from_codes(config, np.ones((1, 1), dtype=int), layer.codebook, [0]))
    good = encode_network_of(config, layer)
    ones = encode_input(config, np.ones(layer.columns, dtype=np.int16))
    cut = {
        "a header": 1,
        "a descriptor": 3,
        "a descriptor's last word": TREE_AT,
        "a tree": TREE_AT + 3,
        "a codebook": TREE_AT + config.tree_words + 1,
        "the last word before the codes": codes_at,
        "a code stream": codes_at + 1,
        "the word before the last": len(packet) - 1,
    }
    return [
        Hostile("an unknown opcode", [0xFE], Error.OPCODE),
        Hostile("an opcode of 0", [0], Error.OPCODE),
        Hostile("an input of no rows", [header(Opcode.INPUT)], Error.INPUT),
        Hostile("an input of too many rows", [header(Opcode.INPUT, config.activation_depth + 1)], Error.INPUT),
        Hostile("too many layers", [header(Opcode.LOAD), *small * config.layers, *small], Error.LAYERS),
        Hostile("no source rows", with_descriptor(in_rows=0), Error.DESCRIPTOR),
        Hostile("no output rows", with_descriptor(out_rows=0), Error.DESCRIPTOR),
        Hostile("65535 source rows", with_descriptor(in_rows=0xFFFF), Error.DESCRIPTOR),
        Hostile("65535 output rows", with_descriptor(out_rows=0xFFFF), Error.DESCRIPTOR),
        Hostile("a source past its bank", with_descriptor(first_row=config.activation_depth - 1), Error.DESCRIPTOR),
        Hostile("no code words", with_descriptor(stream_words=0), Error.DESCRIPTOR),
        Hostile("a shift of all bits", with_descriptor(shift=config.accumulator_bits), Error.DESCRIPTOR),
        Hostile("more code words than come", with_descriptor(stream_words=0xFFFFFFFF), Error.START),
        Hostile("fewer code words than needed", with_descriptor(stream_words=stream_words - 1), None),
        Hostile("fewer source rows than coded", with_descriptor(in_rows=1), Error.NONE),
        Hostile("more source rows than coded", with_descriptor(in_rows=3), None),
        Hostile("a bias scale of -1", with_descriptor(bias_scale=0xFFFF), Error.NONE),
        Hostile("a last layer that keeps its sums", encode_layer(config, replace(layer, keep=True)), Error.NONE),
        Hostile("trees without a code", with_trees(no_symbol, no_symbol), Error.CODE),
        Hostile("a tree of runs without a code", with_trees(no_symbol, None), Error.CODE),
        Hostile("a tree of codes without a code", with_trees(None, no_symbol), Error.CODE),
        Hostile("a tree of runs that is a loop", with_trees(back_to_root, None), Error.STREAM),
        Hostile("a tree of codes that is a loop", with_trees(None, back_to_root), Error.STREAM),
        Hostile("two nodes of runs that lead to each other", with_words(loop), Error.STREAM),
        Hostile("an end in the tree of codes", with_trees(None, end), Error.CODE),
        Hostile("a code wider than code_bits", with_words(wide), None),
        Hostile("only ends of columns", with_trees(end, None), Error.NONE),
        Hostile("no end of a column", endless, None),
        Hostile("more entries than the memory holds", overflowing, Error.MEMORY),
        Hostile("a stream cut by a word", encode_layer(config, layer, drop_words=1), Error.STREAM),
        Hostile("streams of ones", with_streams([all_ones] * 8), None),
        Hostile("streams of zeros", with_streams([0] * 8), None),
        Hostile("a stream that goes on", [*good, *[0] * config.pes], Error.OPCODE),
        Hostile("entries past the last row", [*encode_network_of(config, short), *ones], Error.ROW),
        Hostile("entries past the last row of a second layer", [*encode_layer(config, short), *ones], None),
        Hostile("a codebook whose word 0 is not 0", with_words({TREE_AT + config.tree_words: 7}), Error.NONE),
        *(Hostile(f"a transfer that ends in {name}", packet[:at], Error.TRUNCATED, True) for name, at in cut.items()),
        Hostile("a transfer that ends in an input", [header(Opcode.INPUT, 2), 1], Error.TRUNCATED, True),
        Hostile("a transfer that ends as it should", good, Error.NONE, True),
    ]


def encode_network_of(config: ArrayConfig, layer: LayerImage) -> list[int]:
    """LOAD and one layer."""
    return [header(Opcode.LOAD), *encode_layer(config, layer)]
