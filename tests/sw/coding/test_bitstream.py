import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.coding.bitstream import decode_symbols, encode_streams, lookup_table
from sw.coding.huffman import code_lengths, codewords

streams_of_symbols = st.lists(st.lists(st.integers(0, 9), max_size=40), min_size=1, max_size=5)


def as_bits(data: np.ndarray) -> str:
    return "".join(f"{byte:08b}" for byte in data)


@given(streams_of_symbols, st.integers(4, 16), st.sampled_from([1, 4, 8]))
def test_streams_hold_the_codewords_and_decode(streams: list[list[int]], limit: int, align: int):
    symbols = np.array([symbol for stream in streams for symbol in stream], np.uint16)
    offsets = np.cumsum([0, *map(len, streams)])
    lengths = code_lengths(np.bincount(symbols, minlength=10) ** 3, limit)
    words = codewords(lengths)
    data, bits = encode_streams(symbols, offsets, words, lengths, align)
    assert data.shape[1] % align == 0
    assert data.shape[1] == -(-bits.max() // (8 * align)) * align
    lookup = lookup_table(lengths, limit)
    for row, count, stream in zip(data, bits, streams, strict=True):
        expected = "".join(f"{words[symbol]:0{lengths[symbol]}b}" for symbol in stream)
        assert count == len(expected)
        assert as_bits(row) == expected.ljust(8 * row.size, "0")
        decoded, end = decode_symbols(row, 0, len(stream), lookup, "test")
        assert (decoded.tolist(), end) == (stream, len(expected))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(1, 60))
def test_decoding_begins_at_any_bit(stream: list[int], skipped: int):
    lengths = code_lengths(np.bincount(stream, minlength=10) ** 3, 15)
    words = codewords(lengths)
    bits = "1" * skipped + "".join(f"{words[symbol]:0{lengths[symbol]}b}" for symbol in stream)
    data = np.packbits(np.array([int(bit) for bit in bits]))
    decoded, end = decode_symbols(data, skipped, len(stream), lookup_table(lengths, 15), "test")
    assert (decoded.tolist(), end) == (stream, len(bits))


def test_what_decoding_refuses():
    lookup = lookup_table(np.array([1, 2, 2], np.uint8), 3)
    data = np.array([0b01011000], np.uint8)
    symbols, end = decode_symbols(data, 0, 6, lookup, "x")
    assert (symbols.tolist(), end) == ([0, 1, 2, 0, 0, 0], 8)
    with pytest.raises(EieError, match="x: 7 symbols must follow bit 0, the bits are no code or end before"):
        decode_symbols(data, 0, 7, lookup, "x")
    with pytest.raises(EieError, match="1 symbols must follow bit 8"):
        decode_symbols(data, 8, 1, lookup, "x")
    one_symbol = lookup_table(np.array([0, 1], np.uint8), 3)
    with pytest.raises(EieError, match="no code"):
        decode_symbols(np.array([0x80], np.uint8), 0, 1, one_symbol, "x")
