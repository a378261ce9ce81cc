import heapq
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.coding.huffman import canonical_symbols, check_lengths, code_lengths, codewords


def huffman_cost(frequencies: np.ndarray) -> int:
    """Bits of an unlimited Huffman code."""
    heap = [int(count) for count in frequencies if count]
    if len(heap) == 1:
        return heap[0]
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        cost += pair
        heapq.heappush(heap, pair)
    return cost


counts = st.lists(st.one_of(st.just(0), st.integers(0, 1 << 30)), min_size=1, max_size=40).map(np.array)


@given(counts)
def test_optimal_where_the_limit_does_not_bind(frequencies: np.ndarray):
    frequencies = frequencies % 50
    lengths = code_lengths(frequencies, 16)
    assert ((lengths > 0) == (frequencies > 0)).all()
    assert (lengths * frequencies).sum() == huffman_cost(frequencies)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("limit", [2, 3, 4])
def test_optimal_among_all_limited_codes(seed: int, limit: int):
    random = np.random.default_rng(seed)
    frequencies = np.floor(random.exponential(1, 4) ** 4 * 100).astype(np.int64) + 1
    lengths = code_lengths(frequencies, limit)
    complete = [
        np.dot(frequencies, choice)
        for choice in product(range(1, limit + 1), repeat=4)
        if sum(2.0**-length for length in choice) <= 1
    ]
    assert lengths.max() <= limit
    assert np.dot(frequencies, lengths) == min(complete)


@given(counts, st.integers(6, 16))
def test_lengths_make_a_code(frequencies: np.ndarray, limit: int):
    lengths = code_lengths(frequencies, limit)
    assert check_lengths(lengths, limit, "test") == np.count_nonzero(frequencies)


def test_the_longest_codes_are_used():
    fibonacci = [1, 1]
    while len(fibonacci) < 30:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    for limit in (5, 8, 16):
        assert code_lengths(np.array(fibonacci), limit).max() == limit


def test_few_symbols():
    assert code_lengths(np.array([0, 0]), 4).tolist() == [0, 0]
    assert code_lengths(np.array([0, 9]), 4).tolist() == [0, 1]
    assert code_lengths(np.array([1, 0, 9]), 1).tolist() == [1, 0, 1]


def test_hand_example():
    lengths = np.array([2, 0, 1, 3, 3], np.uint8)
    assert canonical_symbols(lengths).tolist() == [2, 0, 3, 4]
    assert codewords(lengths).tolist() == [0b10, 0, 0b0, 0b110, 0b111]


@pytest.mark.parametrize(
    ("lengths", "sentence"),
    [
        ([1, 2], "must fill 8 codewords of 3 bits, they fill 6"),
        ([1, 1, 1], "they fill 12"),
        ([2], "they fill 2"),
        ([4, 4], "must be at most 3, got 4"),
    ],
)
def test_lengths_that_are_no_code(lengths: list[int], sentence: str):
    with pytest.raises(EieError, match=sentence):
        check_lengths(np.array(lengths, np.uint8), 3, "test")


def test_bad_requests():
    with pytest.raises(EieError, match="3 symbols need Huffman codes longer than 1 bits"):
        code_lengths(np.array([1, 1, 1]), 1)
    with pytest.raises(EieError, match="1 to 16 bits, got 17"):
        code_lengths(np.array([1]), 17)
    with pytest.raises(EieError, match="must not be negative, got -1"):
        code_lengths(np.array([-1, 1]), 4)
