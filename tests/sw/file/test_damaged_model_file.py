"""Damaged model files are refused in a sentence, or read as what they say, in bounded memory."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from model.errors import EieError
from sw.file.model_file import check, from_bytes, to_bytes
from sw.network.compressed import CompressedNetwork
from tests.support.files.model_file import (
    BODY,
    DENSE_SECTION,
    RUN_TABLE,
    SECTION,
    assemble,
    bits,
    body,
    same,
    sized,
    small_file,
    varint,
    with_crc,
)
from tests.support.networks.random_networks import make_conv_network, make_layer


def test_version_1_is_refused():
    with pytest.raises(EieError, match=r"^the file's version must be 2 to 4, got 1$"):
        from_bytes(assemble(BODY, SECTION, version=1))


@pytest.mark.parametrize("data", [small_file(), to_bytes(make_conv_network(1))], ids=["chain", "graph"])
def test_every_truncation_is_refused(data: bytes):
    for size in range(len(data)):
        for full in (False, True):
            with pytest.raises(EieError):
                check(data[:size], full)
    with pytest.raises(EieError, match=f"the file must have {len(data)} bytes, got {len(data) + 1}"):
        check(data + b"\0")


@pytest.mark.parametrize("data", [small_file(), to_bytes(make_conv_network(1))], ids=["chain", "graph"])
def test_every_bit_flip_is_refused(data: bytes):
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EieError):
            check(bytes(flipped))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x89EIF" + assemble(BODY, SECTION)[4:], "must begin with"),
        (assemble(BODY, SECTION, version=5), "version must be 2 to 4, got 5"),
        (assemble(BODY, SECTION, version=3), "of the first version that can hold it, it is not"),
        (assemble(body(layers=0), SECTION), "1 to 1024 layers, got 0"),
        (assemble(body(layers=b"\x81\x08"), SECTION), "1 to 1024 layers, got 1025"),
        (assemble(body(layers=2), SECTION), "the header must hold 1 bytes"),
        (assemble(body() + b"\0", SECTION), "the header must end with its last layer"),
        (assemble(body(file_flags=8), SECTION), "flags must be 0 to 2, or 4 or 12 more, got 8"),
        (assemble(body(file_flags=3), SECTION), "flags must be 0 to 2, or 4 or 12 more, got 3"),
        (assemble(body(file_flags=4), SECTION), "the file must have 49 bytes, got 33"),
        (assemble(body(file_flags=2, graph=b"\1\x3c\1\0"), SECTION[:-1]), "the file must have 37 bytes, got 36"),
        (assemble(body(file_flags=2, graph=b"\1\4\1\0"), SECTION), r"layer a must take \(60,\) values, it gets \(4,\)"),
        (assemble(body(file_flags=2, graph=b"\1\x3c\1\1"), SECTION), "must apply each of the 1 layers once"),
        (assemble(body(file_flags=2, graph=b"\1\x3c\0"), SECTION), "in its shortest form"),
        (assemble(body(file_flags=2, graph=b"\1\x3c\2\0\x09\7"), SECTION), r"operation 2 must take values 0 to 1"),
        (assemble(body(file_flags=2, graph=b"\1\x3c\2\0\x09\0"), SECTION), "in its shortest form"),
        (assemble(body(file_flags=2, graph=b"\0\1\0"), SECTION), "input must have shape"),
        (
            assemble(body(file_flags=2, graph=b"\2\3\x3a\1\6"), SECTION),
            r"must have shape \(4 \* units, features \+ units",
        ),
        (
            assemble(body(file_flags=2, graph=b"\2\3\x3c\1\6", shape=bytes([4, 60])), SECTION),
            r"layer a: its LSTM must take \(steps, 59\) values, it gets \(3, 60\)",
        ),
        (
            assemble(body(file_flags=2, graph=b"\2\3\x3b\1\6", shape=bytes([4, 60]), flags=1), SECTION),
            "layer a is the matrix of an LSTM: it must have no ReLU, it has one",
        ),
        (assemble(body(name_size=200), SECTION), "must hold 200 bytes"),
        (assemble(body(name=b"\xff"), SECTION), "valid UTF-8"),
        (assemble(body(name=b","), SECTION), "no comma"),
        (assemble(body(name_size=0, name=b""), SECTION), "1 to 255 bytes"),
        (assemble(body(flags=64), SECTION), "flags must be below 64, got 64"),
        (assemble(body(flags=16), SECTION), "in its shortest form"),
        (assemble(body(flags=8, shape=bytes([2, 3, 1, 1])), SECTION), "layer a is a convolution: the network must"),
        (
            assemble(body(file_flags=1, flags=24, moves=bytes([1, 1, 0, 0, 1]), shape=bytes([2, 3, 1, 1])), SECTION),
            "in its shortest form",
        ),
        (
            assemble(body(file_flags=1, flags=24, moves=bytes([0, 1, 0, 0, 1]), shape=bytes([2, 3, 1, 1])), SECTION),
            "layer a: stride must be between 1 and 4095, got 0 x 1",
        ),
        (assemble(body(widths=0x18), SECTION), "code_bits must be between 1 and 8, got 9"),
        (assemble(body(widths=0x50), SECTION), "lead_bits must be between 0 and 4, got 5"),
        (assemble(body(shape=bytes([0, 3])), SECTION), "got \\(0, 3\\)"),
        (assemble(body(shape=b"\x80\x80\x80\x80\x08\3"), SECTION), "got 2147483648 x 3"),
        (assemble(body(shape=b"\x82\x00\3"), SECTION), "no leading zeros"),
        (assemble(body(shape=b"\xff\xff\xff\xff\xff\x01\3"), SECTION), "at most 5 bytes"),
        (assemble(body(entries=121), SECTION), "at most 120 entries fit, got 121"),
        (assemble(body(size=0), SECTION), "2 entries must take at least a bit each, got 0 bytes"),
        (assemble(body(entries=17, size=2), SECTION), "17 entries must take at least a bit each, got 2 bytes"),
        (assemble(body(entries=0), SECTION), "its section must have 0 bytes, got 9"),
        (assemble(body(entries=1), SECTION), "the bits that pad the last byte must be zero, got 99"),
        (assemble(body(entries=3), SECTION), "3 more bits must follow bit 72, it has 72"),
        (assemble(body(size=10), SECTION + b"\0"), "its section must have 9 bytes, got 10"),
        (assemble(body(size=8), SECTION[:-1]), "2 more bits must follow bit 64, it has 64"),
        (assemble(body(shape=bytes([2, 50])), SECTION), "2 runs must follow bit 56 and end inside 100 places"),
        (sized(run_table=bits("0 1 0 11010 0 0010 0")), r"runs: code lengths must fill 32768 codewords .* fill 16384"),
        (sized(run_table=bits("0 1 0 11010 0 0000 0")), "code lengths must be between 1 and 15, got 0"),
        (sized(run_table=bits("0 0 1110000")), "at least one of 8 symbols must be used, none is"),
        (sized(run_table=bits("0 1 0 1110000")), "8 symbols must be said to be used or not, got 9"),
        (sized(run_table=RUN_TABLE[:-1] + bytes([RUN_TABLE[-1] | 1])), "pad the last byte must be zero, got 1"),
        (sized(code_table=bits("00000000 0001")), "1 to 1 codes must be used, got 0"),
        (sized(code_table=bits("00000010 0001 0")), "1 to 1 codes must be used, got 2"),
        (sized(code_table=bits("00000001 0010")), "codes: code lengths must fill"),
        (sized(codebook=bits(f"0 00000 100000 {0xFF000000:032b}")), "codebook: numbers must be finite, got NaN"),
        (sized(codebook=bits(f"0 00000 100001 {1 << 32:033b}")), r"codebook: integers must be below 2\*\*31"),
        (sized(runs=bits("0 1 100011 1")), "layer a: 2 symbols must follow bit 64, the bits are no code or end before"),
        (sized(codes=bits("00 01")), "the bits that pad the last byte must be zero, got 16"),
        (sized(codes=bits("01")), "2 symbols must follow bit 64, the bits are no code or end before"),
        (sized(flags=2, biases=bits("0 00000 00000 00000000 000000")), "all zero must not be stored"),
        (sized(flags=2), "layer a"),
        (
            assemble(body(widths=0, shape=bytes([2, 4]), entries=5, size=6), DENSE_SECTION),
            "layer a: the bits that pad the last byte must be zero, got 4",
        ),
        (
            assemble(body(widths=0, shape=bytes([2, 4]), entries=7, size=6), DENSE_SECTION),
            "layer a: the last weight that has a code must not be zero, it is",
        ),
        (assemble(body(file_flags=4), SECTION, struct.pack("<3f", 1, -1, 0)), "finite float32 magnitudes"),
        (assemble(body(file_flags=4), SECTION, struct.pack("<3f", 1, 1, np.nan)), "finite float32 magnitudes"),
        (assemble(b"\x02\x00" + BODY[2:] * 2, SECTION, SECTION), "names must be unique"),
        (
            assemble(b"\x02\x00" + BODY[2:] + BODY[2:3] + b"b" + BODY[4:], SECTION, SECTION),
            "layer b must take the 2 outputs of a, but it has 60",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_corrupted_fields_under_right_checksums(data: bytes, sentence: str):
    with pytest.raises(EieError, match=sentence):
        from_bytes(data)
    with pytest.raises(EieError, match=sentence):
        check(data, full=True)


def test_structure_is_checked_without_decoding():
    check(assemble(BODY, SECTION[:-1] + b"\x91"))
    with pytest.raises(EieError, match="code lengths"):
        check(sized(run_table=bits("0 1 0 11010 0 0010 0")))


@pytest.mark.parametrize(("outputs", "inputs"), [(1 << 20, 1), (1, 1 << 20), (1 << 20, 1 << 11)])
@pytest.mark.parametrize("biased", [False, True])
def test_memory_is_bounded_by_the_file(outputs: int, inputs: int, biased: bool):
    # No entries; biases that are all 1: a multiple of 2**0, no low bits, one high part.
    biases = bits("1 10010101 00000 00000000 000010 10") if biased else b""
    fields = body(shape=varint(outputs) + varint(inputs), flags=2 * biased, entries=0, size=len(biases))
    data = assemble(fields, biases)
    tracemalloc.start()
    try:
        network = from_bytes(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert network.layers[0].shape == (outputs, inputs)
    assert network.layers[0].bias[-1] == biased
    assert peak < 4 << 20


def test_gigantic_sizes_in_a_tiny_file_are_refused_before_anything_is_allocated():
    huge = varint(1 << 20) + varint(1 << 11)
    cases = [
        assemble(body(shape=huge, entries=varint(1 << 31)), SECTION),
        assemble(body(shape=huge, entries=varint(64)), SECTION),
        assemble(body(shape=huge, size=varint(1 << 34)), SECTION),
        assemble(body(shape=huge, flags=2, size=15), SECTION[:7] + b"\0\0\0\x02\x01\x80" + SECTION[7:]),
        assemble(body(file_flags=2, graph=b"\3" + varint(1 << 34) * 3 + b"\1\0"), SECTION),
        b"\x89EIE\x02" + varint(1 << 34) + b"\0" * 40,
    ]
    tracemalloc.start()
    try:
        for data in cases:
            with pytest.raises(EieError):
                from_bytes(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


@given(st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
def test_any_header_with_right_checksums_is_read_or_refused(data: st.DataObject):
    at = data.draw(st.integers(0, len(BODY) - 1))
    bit = data.draw(st.none() | st.integers(0, 7))
    if bit is None:
        noise, cut = data.draw(st.binary(min_size=1, max_size=6)), data.draw(st.integers(0, 3))
    else:
        noise, cut = bytes([BODY[at] ^ 1 << bit]), 1
    damaged = assemble(BODY[:at] + noise + BODY[at + cut :], data.draw(st.sampled_from([SECTION, b"", SECTION * 2])))
    try:
        network = from_bytes(damaged)
    except EieError:
        reject()
    same(network, from_bytes(to_bytes(network)))  # a layout that the encoder would not choose is read too


@given(st.integers(0, 1 << 16), st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
def test_any_section_with_right_checksums_is_read_or_refused(seed: int, data: st.DataObject):
    network = CompressedNetwork(layers=(make_layer(seed, (7, 9), [0.1, 0.5, 0.9][seed % 3], 3, "a"),))
    whole = to_bytes(network)
    at = data.draw(st.integers(16, len(whole) - 6))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 : -4]
    start = 5 + 1 + whole[5] + 4
    try:
        loaded = from_bytes(damaged[:start] + with_crc(damaged[start:]))
    except EieError:
        reject()
    same(loaded, from_bytes(to_bytes(loaded)))
