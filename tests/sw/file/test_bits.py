import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.coding.huffman import code_lengths
from sw.file.bits import MAX_UNARY, BitReader, BitWriter

PIECES = st.one_of(
    st.tuples(
        st.just("number"), st.integers(0, 40).flatmap(lambda w: st.tuples(st.integers(0, (1 << w) - 1), st.just(w)))
    ),
    st.tuples(st.just("unary"), st.integers(0, MAX_UNARY)),
    st.tuples(st.just("gamma"), st.integers(1, (1 << 40) - 1)),
    st.tuples(
        st.just("numbers"),
        st.integers(1, 32).flatmap(
            lambda w: st.tuples(st.lists(st.integers(0, (1 << w) - 1), max_size=20), st.just(w))
        ),
    ),
    st.tuples(st.just("symbols"), st.lists(st.integers(0, 20), min_size=1, max_size=20)),
)


@given(st.lists(PIECES, max_size=10))
def test_what_is_written_is_read(pieces: list):
    writer = BitWriter()
    for kind, piece in pieces:
        match kind:
            case "numbers":
                writer.numbers(np.array(piece[0], np.int64), piece[1])
            case "number":
                writer.number(*piece)
            case "symbols":
                writer.symbols(np.array(piece, np.uint8), code_lengths(np.bincount(piece), 15))
            case _:
                getattr(writer, kind)(piece)
    data = writer.to_bytes()
    assert len(data) == -(-writer.bits // 8)
    reader = BitReader(data, "test")
    for kind, piece in pieces:
        match kind:
            case "numbers":
                assert reader.numbers(len(piece[0]), piece[1]).tolist() == piece[0]
            case "number":
                assert reader.number(piece[1]) == piece[0]
            case "symbols":
                assert reader.symbols(len(piece), code_lengths(np.bincount(piece), 15)).tolist() == piece
            case _:
                assert getattr(reader, kind)() == piece
    assert reader.position == writer.bits
    assert reader.align() == len(data)


def test_bits_of_an_example():
    writer = BitWriter()
    writer.number(5, 3)
    writer.unary(2)
    writer.gamma(5)
    writer.numbers(np.array([1, 2]), 2)
    assert writer.to_bytes() == bytes([0b101_110_11, 0b0_01_01_10_0])


def test_what_reading_refuses():
    with pytest.raises(EieError, match="part: 9 more bits must follow bit 0, it has 8"):
        BitReader(b"\0", "part").number(9)
    with pytest.raises(EieError, match="part: 1000000000000 more bits must follow bit 0, it has 8"):
        BitReader(b"\0", "part").numbers(10**12, 1)
    with pytest.raises(EieError, match="part: 1000000000000 more bits"):
        BitReader(b"\0", "part").symbols(10**12, np.array([1, 1], np.uint8))
    with pytest.raises(EieError, match="part: a unary number must be at most 63, got more"):
        BitReader(b"\xff" * 8, "part").unary()
    reader = BitReader(b"\x01", "part")
    assert reader.number(3) == 0
    with pytest.raises(EieError, match="part: the bits that pad the last byte must be zero, got 1"):
        reader.align()
