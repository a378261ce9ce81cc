import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.file.bits import BitReader
from sw.file.layout import gap_counts, run_lengths
from sw.file.runs import read_runs, run_alphabet, run_symbols, write_runs

PLACES = st.sampled_from([1, 2, 3, 4, 5, 17, 300, 1 << 16, 1 << 31])


def bits(text: str) -> bytes:
    return np.packbits(np.array([int(bit) for bit in text.replace(" ", "")])).tobytes()


@given(
    PLACES.flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1, max_size=60))),
    st.integers(1, 4),
)
def test_round_trip(case: tuple[int, set[int]], lead_bits: int):
    places, positions = case
    ordered = np.array(sorted(positions))
    lengths, size = run_lengths(*gap_counts(ordered), places, lead_bits)
    assert lengths.size == run_alphabet(places, lead_bits) <= 256
    data = write_runs(ordered, lead_bits, lengths, size)
    assert len(data) == -(-size // 8)
    reader = BitReader(data, "test")
    assert read_runs(reader, ordered.size, places, lead_bits, lengths, "test").tolist() == ordered.tolist()
    assert reader.position == size


@pytest.mark.parametrize("lead_bits", [1, 2, 3, 4])
def test_symbols_and_tail_tell_the_run(lead_bits: int):
    runs = np.arange(3000)
    symbols, tail = run_symbols(runs, lead_bits)
    # Every symbol up to the largest is there, and each means as many runs as its tail has values, in ascending order.
    used, counts = np.unique(symbols, return_counts=True)
    assert used.tolist() == list(range(run_alphabet(3000, lead_bits)))
    assert (np.diff(symbols) >= 0).all()
    complete = used[:-1]
    assert (counts[complete] == 1 << tail[np.searchsorted(symbols, complete)]).all()
    # A run's leading bits and its tail are as many as it has, or fewer leading ones for short runs.
    assert all(max(int(run).bit_length() - lead_bits, 0) == more for run, more in zip(runs, tail, strict=True))


def test_an_example():
    # Runs 0, 1, 5 and 12 with two leading bits: symbols 0, 1, 10 and 1 more bit (tail 1), 11 and 2 more (tail 2).
    symbols, tail = run_symbols(np.array([0, 1, 5, 12]), 2)
    assert symbols.tolist() == [0, 1, 4, 7]
    assert tail.tolist() == [0, 0, 1, 2]
    lengths = np.zeros(8, np.uint8)
    lengths[[0, 1, 4, 7]] = 2
    ordered = np.cumsum(np.array([0, 1, 5, 12]) + 1) - 1
    data = write_runs(ordered, 2, lengths, 11)
    assert data == bits("00 01 10 1 11 00")
    assert read_runs(BitReader(data, "test"), 4, 22, 2, lengths, "test").tolist() == [0, 2, 8, 21]


@pytest.mark.parametrize(
    ("data", "count", "places"),
    [
        (bits("00 01 10 1 11 00"), 4, 21),  # the last place is 21
        (bits("00 01 10 1"), 5, 22),  # the fifth run is a code without its tail
        (bits("0001 1111"), 4, 1000),
        (b"", 1, 22),
    ],
)
def test_what_is_refused(data: bytes, count: int, places: int):
    lengths = np.zeros(8, np.uint8)
    lengths[[0, 1, 4, 7]] = 2
    with pytest.raises(EieError, match=r"runs must follow bit 0 and end inside|more bits must follow"):
        read_runs(BitReader(data, "test"), count, places, 2, lengths, "test")


def test_one_symbol_has_one_bit():
    lengths = np.array([1, 0], np.uint8)
    assert read_runs(BitReader(b"\0", "test"), 5, 9, 1, lengths, "test").tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(EieError, match="test: 5 runs must follow bit 0 and end inside 9 places, they do not"):
        read_runs(BitReader(b"\x10", "test"), 5, 9, 1, lengths, "test")
