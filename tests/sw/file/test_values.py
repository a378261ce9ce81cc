import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.errors import EieError
from sw.file.bits import BitReader, BitWriter
from sw.file.integers import write_ascending
from sw.file.values import read_codebook, read_values, write_codebook, write_values

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
GRIDS = st.tuples(st.integers(-(1 << 10), 1 << 10), st.integers(-149, 110)).map(lambda pair: pair[0] * 2.0 ** pair[1])
LISTS = st.one_of(
    st.lists(FLOATS, min_size=1, max_size=300),
    st.lists(GRIDS, min_size=1, max_size=20),
    st.lists(st.sampled_from([0.0, -0.0, 0.5, -1.5]), min_size=1, max_size=100),
    st.integers(-140, 100).flatmap(
        lambda e: st.lists(st.integers(-300, 300).map(lambda m: m * 2.0**e), min_size=1, max_size=300)
    ),
)


def read_back(data: bytes, count: int) -> np.ndarray:
    reader = BitReader(data, "test")
    values = read_values(reader, count, "test")
    assert reader.align() == len(data)
    return values


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.view(np.uint32) == b.view(np.uint32)).all()


@given(LISTS)
@example([0.0, -(2.0**111), -33 * 2.0**107])  # a grid of more than 2**106
def test_values_come_back_exactly(numbers: list[float]):
    values = np.array(numbers, np.float32)
    # Negative zero is stored as zero.
    assert same_bits(read_back(write_values(values), values.size), values + np.float32(0))


@given(LISTS)
def test_codebooks_come_back_exactly(numbers: list[float]):
    values = np.unique(np.array(numbers, np.float32) + np.float32(0))[:256]
    data = write_codebook(values)
    reader = BitReader(data, "test")
    assert same_bits(read_codebook(reader, values.size, "test"), values)
    assert reader.align() == len(data)


def test_sizes():
    random = np.random.default_rng(1)
    noise = random.normal(size=1000).astype(np.float32)
    # Signs and exponents of noise are few: less than four bytes each.
    assert len(write_values(noise)) < 3600
    assert len(write_values(np.zeros(1000, np.float32))) <= 4
    assert len(write_values(np.full(1000, 0.1, np.float32))) <= 8
    # Multiples of 1/16 between -2 and 2, mostly zero.
    grid = (random.integers(-32, 32, 1000) * (random.random(1000) < 0.1) / 16).astype(np.float32)
    assert len(write_values(grid)) < 260
    # A ternary codebook, and one of 7 numbers of 8 bits.
    assert len(write_codebook(np.array([-0.25, 0.25], np.float32))) <= 4
    assert len(write_codebook(np.array([-96, -50, -21, 5, 30, 61, 100], np.float32) / np.float32(512))) <= 9
    # Floats that come from half precision end in zeros.
    half = np.unique(noise.astype(np.float16).astype(np.float32))[:255]
    assert len(write_codebook(half)) < 255
    # Shared weights of a real layer: about 20 bits each.
    shared = np.unique(noise)[:255]
    assert len(write_codebook(shared)) < 255 * 2.7


def test_equal_values_take_no_memory():
    assert not read_back(write_values(np.full(9, 0.5, np.float32)), 1 << 40).strides[0]


def test_what_is_refused():
    writer = BitWriter()
    writer.number(0, 1)
    writer.number(0, 5)
    write_ascending(writer, np.array([0x7F800000]))
    with pytest.raises(EieError, match="part: numbers must be finite, got NaN or infinity"):
        read_codebook(BitReader(writer.to_bytes(), "part"), 1, "part")
    for scale, integer in ((255, 1 << 30), (149, (1 << 24) + 1), (120, 3)):
        writer = BitWriter()
        writer.number(1, 1)
        writer.number(scale, 8)
        write_ascending(writer, np.array([integer]))
        if scale == 120:
            assert read_codebook(BitReader(writer.to_bytes(), "part"), 1, "part").tolist() == [3 * 2.0**-29]
            continue
        with pytest.raises(EieError, match="part: numbers must be float32 exactly, got"):
            read_codebook(BitReader(writer.to_bytes(), "part"), 1, "part")
    writer = BitWriter()
    for value, width in ((0, 1), (31, 5), (31, 5), (0, 8)):
        writer.number(value, width)
    write_ascending(writer, np.array([1]))
    writer.number(0, 31)
    with pytest.raises(EieError, match=r"part: integers must be below 2\*\*31 in magnitude, got 2147483648"):
        read_values(BitReader(writer.to_bytes(), "part"), 1, "part")
    with pytest.raises(EieError, match="more bits must follow"):
        read_values(BitReader(write_values(np.arange(300, dtype=np.float32))[:-1], "part"), 300, "part")


@given(st.binary(max_size=40), st.integers(1, 40))
def test_noise_is_read_or_refused(data: bytes, count: int):
    for read in (read_values, read_codebook):
        try:
            values = read(BitReader(data, "part"), count, "part")
        except EieError:
            continue
        assert values.shape == (count,)
        assert np.isfinite(values).all()
