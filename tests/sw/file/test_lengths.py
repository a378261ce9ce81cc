import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.coding.huffman import code_lengths
from sw.file.bits import BitReader, BitWriter
from sw.file.lengths import read_code_table, read_lengths, write_code_table, write_lengths, write_used_lengths


@given(st.lists(st.one_of(st.just(0), st.integers(0, 1 << 30)), min_size=1, max_size=256).filter(any))
def test_round_trip(counts: list[int]):
    lengths = code_lengths(np.array(counts), 15)
    writer = BitWriter()
    write_lengths(writer, lengths)
    reader = BitReader(writer.to_bytes(), "test")
    assert read_lengths(reader, lengths.size, "test").tolist() == lengths.tolist()
    assert reader.position == writer.bits


def written(lengths: list[int]) -> str:
    writer = BitWriter()
    write_lengths(writer, np.array(lengths, np.uint8))
    return "".join(f"{byte:08b}" for byte in writer.to_bytes())[: writer.bits]


def test_bits_of_examples():
    # All used; first length 2; then 0, +1 -> 10, 0.
    assert written([2, 2, 3, 3]) == "1" + "0010" + "0" + "10" + "0"
    # Unused, 1 of these, then 2 used, 1 unused; lengths 1 and 1.
    assert written([0, 1, 1, 0]) == "0" + "0" + "0" + "100" + "0" + "0001" + "0"
    # -1 -> 110 and +2 -> 1110.
    writer = BitWriter()
    write_used_lengths(writer, np.array([2, 1, 3, 3], np.uint8))
    assert writer.bits == 4 + 3 + 4 + 1


@pytest.mark.parametrize(
    ("bits", "sentence"),
    [
        ("1" + "0000" + "0000", "code lengths must be between 1 and 15, got 0"),
        ("1" + "0001" + "110" + "000", "code lengths must be between 1 and 15, got 0"),
        ("1" + "1111" + "10" + "00", "code lengths must be between 1 and 15, got 16"),
        ("1" + "0010" + "0" + "0", "test: code lengths must fill 32768 codewords of 15 bits, they fill 24576"),
        ("0" + "1" + "110" + "11" + "0", "3 symbols must be said to be used or not, got 7"),
        ("0" + "0" + "101", "at least one of 3 symbols must be used, none is"),
    ],
)
def test_what_is_refused(bits: str, sentence: str):
    data = np.packbits(np.array([int(bit) for bit in bits])).tobytes()
    with pytest.raises(EieError, match=sentence):
        read_lengths(BitReader(data, "test"), 3, "test")


@given(st.lists(st.integers(1, 1 << 20), min_size=1, max_size=255), st.integers(0, 1 << 20), st.booleans())
def test_code_tables(counts: list[int], zeros: int, has_zeros: bool):
    lengths = code_lengths(np.array([zeros * has_zeros, *counts]), 15)
    writer = BitWriter()
    write_code_table(writer, lengths, has_zeros)
    reader = BitReader(writer.to_bytes(), "test")
    assert read_code_table(reader, 8, has_zeros, "test").tolist() == lengths.tolist()
    assert reader.position == writer.bits
    bits = len(counts).bit_length()
    read_code_table(BitReader(writer.to_bytes(), "test"), bits, has_zeros, "test")
    if bits > 1:
        with pytest.raises(EieError, match=f"1 to {(1 << (bits - 1)) - 1} codes must be used, got {len(counts)}"):
            read_code_table(BitReader(writer.to_bytes(), "test"), bits - 1, has_zeros, "test")


def test_a_stretch_one_symbol_too_long():
    writer = BitWriter()
    writer.number(0, 1)
    writer.number(1, 1)
    writer.gamma(5)
    write_used_lengths(writer, np.full(4, 2, np.uint8))
    with pytest.raises(EieError, match="x: 4 symbols must be said to be used or not, got 5"):
        read_lengths(BitReader(writer.to_bytes(), "x"), 4, "x")
