from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from model.errors import EieError
from model.image import NetworkImage
from sw.image.decode import decode_image
from sw.image.stream import encode_image
from tests.sw.image.test_stream import hand_image, hand_words, same

DESCRIPTOR, RUNS_TREE, CODES_TREE, CODEBOOK, CODES = 2, 6, 14, 22, 28


def decode(words: list[int], **changes: Any) -> None:
    config = hand_image().config.with_(**changes)
    decode_image(np.array(words, np.uint32)[:, np.newaxis], config)


def test_every_truncation_is_refused():
    words = hand_words()
    for size in range(len(words)):
        with pytest.raises(EieError, match=r"words must follow, got|must begin with"):
            decode(words[:size])
    with pytest.raises(EieError, match="layer1: its packet must begin with the word 2, got 0"):
        decode([*words, 0])


@pytest.mark.parametrize(
    ("at", "word", "sentence"),
    [
        (0, 2, r"begin with the word 1 \(LOAD\), got 2"),
        (1, 3, "layer0: its packet must begin with the word 2, got 3"),
        (DESCRIPTOR, 2 << 16, "in_rows must be between 1 and 4, got 0"),
        (DESCRIPTOR, 1 | 5 << 16, "out_rows must be between 1 and 4, got 5"),
        (DESCRIPTOR + 1, 4, "must end by 4, they end by 5"),
        (DESCRIPTOR + 1, 1 << 16, "unused bits of the descriptor must be zero"),
        (DESCRIPTOR + 2, 0, "stream words must be at least 1, got 0"),
        (DESCRIPTOR + 2, 1 << 31, "layer0 codes: 4294967296 words must follow, got 2"),
        (DESCRIPTOR + 3, 32 | 4 << 16, "shift must be below 32, got 32"),
        (DESCRIPTOR + 3, 3 | 1 << 10 | 4 << 16, "unused bits of the descriptor must be zero"),
        (DESCRIPTOR + 3, 3 | 5 << 16, "bias_scale must be a power of two from 1 to 16384, got 5"),
        (DESCRIPTOR + 3, 3 | 1 << 31, "bias_scale must be a power of two from 1 to 16384, got 32768"),
        (RUNS_TREE, 2 | 4 << 2, "layer0: tree words must have 4 bits, got 18"),
        (RUNS_TREE, 2 | 2 << 2, "layer0: zero runs of the tree must be at most 1, got 2"),
        (RUNS_TREE + 1, 3 | 1 << 2, "layer0: tree words without a symbol or a node must have the value 0"),
        (RUNS_TREE + 4, 1 << 2, "layer0: tree words without a symbol or a node must have the value 0"),
        (CODES_TREE + 7, 3, "layer0: the end of a column must be in the tree of zero runs, it is in that of codes"),
        (RUNS_TREE, 1, "the code stream of PE 1 has bits after its last column"),
        (CODEBOOK, 1, "codebook word 0 must be 0, got 1"),
        (CODEBOOK + 1, 0x10005, "layer0 codebook: bits above 15 must be zero"),
        (CODES, 0b000011 << 26 | 1, "the code stream of PE 0 has bits after its last column"),
        (CODES, 0, "the code stream of PE 0 has an entry below the layer's last local row"),
        (CODES + 1, 0xF << 28, "the code stream of PE 1 has bits after its last column"),
    ],
)
def test_damaged_words(at: int, word: int, sentence: str):
    words = hand_words()
    decode(words)
    words[at] = word
    with pytest.raises(EieError, match=sentence):
        decode(words)


def test_bits_that_are_no_code():
    words = hand_words()
    words[RUNS_TREE] = 0
    with pytest.raises(EieError, match="the code stream of PE 0 holds bits that are no code or ends early"):
        decode(words)


def test_a_stream_that_ends_early():
    words = hand_words()
    words[DESCRIPTOR] = 4 | 4 << 16
    words[CODES - 1 : CODES] = [3, 0, 0]
    words[-2] = int(("01" * 4 + "1") * 4, 2) >> 4  # 3 and a half of 8 columns with four entries each
    with pytest.raises(EieError, match="the code stream of PE 0 holds bits that are no code or ends early"):
        decode(words, pointer_depth=16)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pointer_depth": 4}, "pointer memory: layer1 needs 6 words, the array has 4"),
        ({"constant_depth": 9}, "constant memory: layer1 needs 10 words, the array has 9"),
        ({"layers": 1}, "layer table: layer1 needs 2 words, the array has 1"),
    ],
)
def test_memories_bound_the_layers(changes: dict[str, int], sentence: str):
    words = hand_words()
    two = [*words, *words[1:]]
    with pytest.raises(EieError, match="layer1: in_rows must be the 2 out_rows before, got 1"):
        decode(two)
    words[DESCRIPTOR] = 1 | 1 << 16
    words[CODES - 1 : CODES] = []
    words[CODES - 1] = 0b0011 << 28
    two = [*words, *words[1:]]
    decode(two)
    with pytest.raises(EieError, match=sentence):
        decode(two, **changes)


def tile(in_rows: int, first_row: int, out_rows: int, keep: bool = True) -> list[int]:
    """A LAYER packet without entries, in two PEs."""
    flags = 1 << 16 | keep << 9
    return [
        2,
        *(in_rows | out_rows << 16, first_row, 1, flags),
        *(3, *[0] * 15),  # the end of a column is the bit 0
        *[0] * 4,
        *[0] * (0 if keep else out_rows),
        *(0, 0),
    ]


@pytest.mark.parametrize(
    ("tiles", "sentence"),
    [
        ([(1, 0, 2), (2, 1, 2), (1, 3, 2, False)], None),
        ([(1, 2, 2), (1, 3, 2, False), (1, 0, 2)], None),
        ([(1, 0, 3, False), (2, 0, 2), (1, 2, 2, False)], None),
        ([(1, 0, 2), (1, 2, 2)], "layer1: first_row must be 1, got 2"),
        ([(1, 0, 2, False), (1, 1, 2)], "layer1: first_row must be 0, got 1"),
        ([(1, 0, 2), (1, 1, 3)], "layer1: out_rows must be the 2 of the tile before, got 3"),
        ([(1, 0, 3, False), (2, 0, 2), (2, 2, 2, False)], "layer2: in_rows must be the 3 out_rows before, got 4"),
        ([(1, 0, 3, False), (3, 0, 2)], "layer1: in_rows must be the 3 out_rows before, got 3"),
        ([(1, 0, 3, False), (2, 0, 2, False)], "layer1: in_rows must be the 3 out_rows before, got 2"),
    ],
)
def test_column_tiles_follow_each_other(tiles: list[tuple[Any, ...]], sentence: str | None):
    words = [1] + [word for each in tiles for word in tile(*each)]
    room = {"layers": 3, "pointer_depth": 32, "constant_depth": 32}
    if sentence is None:
        return decode(words, **room)
    with pytest.raises(EieError, match=sentence):
        decode(words, **room)


def test_bits_above_a_value():
    image = hand_image(stream_bits=64)
    words = encode_image(image)
    for row, sentence in ((0, "LOAD header: bits above 31"), (CODES - 1, "layer0 biases: bits above 31")):
        damaged = words.copy()
        damaged[row, 1] = 1
        with pytest.raises(EieError, match=sentence):
            decode_image(damaged, image.config)


def test_wrong_arrays():
    config = hand_image().config
    wrong: list[Any] = [np.zeros((3, 2), np.uint32), np.zeros((3, 1)), np.zeros(3, np.uint32)]
    for words in wrong:
        with pytest.raises(EieError, match=r"stream words must be uint32 of shape \(n, 1\), got"):
            decode_image(words, config)


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 31)), min_size=1, max_size=3, unique=True))
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
def test_any_flipped_bits_are_refused_or_read(flips: list[tuple[int, int]]):
    image = hand_image()
    words = np.array(hand_words(), np.uint32)
    for at, bit in flips:
        words[at] ^= np.uint32(1 << bit)
    try:
        layers = decode_image(words[:, np.newaxis], image.config)
    except EieError:
        reject()
    again = encode_image(NetworkImage(**{**vars(image), "layers": layers}))
    assert all(same(a, b) for a, b in zip(decode_image(again, image.config), layers, strict=True))
