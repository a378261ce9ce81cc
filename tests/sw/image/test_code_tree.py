import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from model.layouts import TreeKind, tree_address, tree_word
from sw.coding.huffman import code_lengths, codewords
from sw.image.code_tree import check_trees, encode_trees
from tests.support.networks.random_networks import make_config

NONE, NODE, SYMBOL, END = (int(kind) for kind in TreeKind)


def test_hand_example():
    """Nodes are numbered as the codewords 0, 10, 110, 111 first pass them."""
    config = make_config(code_bits=2, index_bits=2, max_code_length=3)
    words = encode_trees(config, np.array([2, 0, 1, 3, 3], np.uint8), np.array([0, 2, 2, 1], np.uint8))
    runs = [(SYMBOL, 2), (NODE, 1), (SYMBOL, 0), (NODE, 2), (SYMBOL, 3), (END, 0), (NONE, 0), (NONE, 0)]
    codes = [(SYMBOL, 3), (NODE, 1), (SYMBOL, 1), (SYMBOL, 2), *[(NONE, 0)] * 4]
    assert words.tolist() == [value << 2 | kind for kind, value in runs + codes]
    assert words.dtype == np.uint32


def test_one_and_no_symbol():
    config = make_config(code_bits=2, index_bits=2, max_code_length=3)
    words = encode_trees(config, np.array([0, 0, 0, 0, 1], np.uint8), np.zeros(4, np.uint8))
    assert words.tolist() == [END, *[0] * 15]


frequencies = st.lists(st.one_of(st.just(0), st.integers(0, 1 << 30)), min_size=33, max_size=33).map(np.array)


@given(frequencies, frequencies, st.integers(6, 16))
def test_walking_the_trees_finds_every_symbol(runs: np.ndarray, codes: np.ndarray, longest: int):
    config = make_config(code_bits=5, index_bits=5, max_code_length=longest)
    lengths = code_lengths(runs, longest), code_lengths(codes[:32], longest)
    words = encode_trees(config, *lengths)
    check_trees(config, words.astype(np.int64), "test")
    used = 0
    for alphabet, table in enumerate(lengths):
        for symbol in np.flatnonzero(table):
            node, kind = 0, NODE
            for bit in f"{codewords(table)[symbol]:0{table[symbol]}b}":
                assert kind == NODE
                word = int(words[tree_address(config, alphabet, node, int(bit))])
                kind, node = word & 3, word >> 2
            is_end = alphabet == 0 and symbol == config.end_symbol
            assert (kind, node) == ((END, 0) if is_end else (SYMBOL, symbol))
            used += 1
    kinds = words & 3
    assert np.count_nonzero((kinds == SYMBOL) | (kinds == END)) == used


def test_lengths_that_are_no_code_are_refused():
    config = make_config(code_bits=2, index_bits=2, max_code_length=3)
    with pytest.raises(EieError, match="decoder tree: code lengths must fill 8 codewords of 3 bits, they fill 6"):
        encode_trees(config, np.array([1, 2, 0, 0, 0], np.uint8), np.zeros(4, np.uint8))


@pytest.mark.parametrize(
    ("at", "word", "sentence"),
    [
        (0, tree_word(TreeKind.SYMBOL, 4), "test: zero runs of the tree must be at most 3, got 4"),
        (16, tree_word(TreeKind.NODE, 8), "test: tree words must have 5 bits, got 33"),
        (31, tree_word(TreeKind.END), "the end of a column must be in the tree of zero runs"),
        (3, tree_word(TreeKind.END, 1), "must have the value 0, some have another"),
        (3, tree_word(TreeKind.NONE, 1), "must have the value 0, some have another"),
    ],
)
def test_words_that_no_decoder_takes(at: int, word: int, sentence: str):
    config = make_config(code_bits=3, index_bits=2)
    words = np.zeros(config.tree_words, np.int64)
    words[16] = tree_word(TreeKind.SYMBOL, 7)
    check_trees(config, words, "test")
    words[at] = word
    with pytest.raises(EieError, match=sentence):
        check_trees(config, words, "test")
