"""A layer's two Huffman codes as the binary trees that the decoders walk (docs/contract/architecture.md, section 4)."""

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import EieError
from model.layouts import CODE_ALPHABET, RUN_ALPHABET, TREE_KIND_BITS, TreeKind, tree_address, tree_word
from sw.coding.huffman import canonical_symbols, check_lengths, codewords


def encode_trees(
    config: ArrayConfig, run_lengths: NDArray[np.uint8], code_lengths: NDArray[np.uint8]
) -> NDArray[np.uint32]:
    """The TREE section of two canonical codes, zero runs first.

    Parameters
    ----------
    run_lengths : (run_symbols,) code lengths of the zero runs and the end of a column, 0 for unused symbols.
    code_lengths : (code_symbols,) those of the weight codes.

    Returns
    -------
    words : (tree_words,) uint32; what no code reaches is 0.

    EieError if the lengths are none of a complete code of at most `max_code_length` bits.
    """
    words = np.zeros(config.tree_words, np.uint32)
    for alphabet, lengths in ((RUN_ALPHABET, run_lengths), (CODE_ALPHABET, code_lengths)):
        check_lengths(lengths, config.max_code_length, "decoder tree")
        end = config.end_symbol if alphabet == RUN_ALPHABET else -1
        _grow(config, alphabet, lengths, end, words)
    return words


def _grow(config: ArrayConfig, alphabet: int, lengths: NDArray[np.uint8], end: int, words: NDArray[np.uint32]) -> None:
    """Nodes are numbered as the codewords, ascending, first pass them."""
    bits_of = codewords(lengths)
    nodes = 1
    for symbol in canonical_symbols(lengths).tolist():
        node = 0
        for place in range(int(lengths[symbol]) - 1, -1, -1):
            at = tree_address(config, alphabet, node, int(bits_of[symbol]) >> place & 1)
            if place == 0:
                words[at] = tree_word(TreeKind.END) if symbol == end else tree_word(TreeKind.SYMBOL, symbol)
            elif words[at]:
                node = int(words[at]) >> TREE_KIND_BITS
            else:
                words[at] = tree_word(TreeKind.NODE, nodes)
                node, nodes = nodes, nodes + 1


def check_trees(config: ArrayConfig, words: NDArray[np.int64], name: str) -> None:
    """EieError unless these (tree_words,) words are ones that a decoder of the array can hold and make sense of.

    Codes need not be canonical or complete, and a stream that meets a missing one is refused when it is read.
    """
    values, kinds = words >> TREE_KIND_BITS, words & ((1 << TREE_KIND_BITS) - 1)
    if (values >> config.node_bits).any():
        raise EieError(f"{name}: tree words must have {TREE_KIND_BITS + config.node_bits} bits, got {words.max()}")
    if values[(kinds == TreeKind.NONE) | (kinds == TreeKind.END)].any():
        raise EieError(f"{name}: tree words without a symbol or a node must have the value 0, some have another")
    codes_at = tree_address(config, CODE_ALPHABET, 0, 0)
    if (kinds[codes_at:] == TreeKind.END).any():
        raise EieError(f"{name}: the end of a column must be in the tree of zero runs, it is in that of codes")
    is_symbol = kinds == TreeKind.SYMBOL
    for what, part, most in (
        ("zero runs", slice(None, codes_at), config.max_run),
        ("codes", slice(codes_at, None), config.code_symbols - 1),
    ):
        largest = int(values[part][is_symbol[part]].max(initial=0))
        if largest > most:
            raise EieError(f"{name}: {what} of the tree must be at most {most}, got {largest}")
