import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.file.bits import BitReader, BitWriter
from sw.file.integers import LIMIT, read_ascending, write_ascending

SIZES = st.sampled_from([3, 100, 1 << 16, LIMIT - 1])


@given(SIZES.flatmap(lambda size: st.sets(st.integers(-size, size), min_size=1, max_size=256)))
def test_round_trip(integers: set[int]):
    ascending = sorted(integers)
    writer = BitWriter()
    write_ascending(writer, np.array(ascending))
    reader = BitReader(writer.to_bytes(), "test")
    assert read_ascending(reader, len(ascending), "test").tolist() == ascending
    assert reader.position == writer.bits


def bits_of(integers: list[int]) -> int:
    writer = BitWriter()
    write_ascending(writer, np.array(integers))
    return writer.bits


def test_sizes():
    # Width 1, -1 folds to 1; gap 1 in Rice form with parameter 0: form, parameter, 10.
    assert bits_of([-1, 1]) == 6 + 1 + 1 + 5 + 2
    assert bits_of([0]) == 6
    assert bits_of(list(range(-8, 8))) == 6 + 4 + 1 + 5 + 15
    # Gaps of two very different sizes are cheaper by classes than with any Rice parameter.
    steps = [1, 1 << 20] * 100
    ascending = np.cumsum([0, *steps]).tolist()
    assert bits_of(ascending) < 6 + 1 + 5 + 100 * (21 + 1)


@pytest.mark.parametrize(
    ("bits", "count"), [("100000" + "1" * 32, 1), ("111111" + "1" * 63, 1), ("000000" + "0" + "11111" + "11100", 2)]
)
def test_integers_beyond_the_limit_are_refused(bits: str, count: int):
    data = np.packbits(np.array([int(bit) for bit in bits.ljust(80, "0")])).tobytes()
    with pytest.raises(EieError, match=r"test: integers must be below 2\*\*31 in magnitude"):
        read_ascending(BitReader(data, "test"), count, "test")
