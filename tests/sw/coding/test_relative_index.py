import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sw.coding.relative_index import encode_slices


def encode_one(positions: list[int], index_bits: int) -> list[tuple[int, bool]]:
    """Entries of one slice as (run, is_filler), one zero at a time."""
    entries: list[tuple[int, bool]] = []
    run = at = 0
    for position in positions:
        while at < position:
            at += 1
            run += 1
            if run == 1 << index_bits:
                entries.append((run - 1, True))
                run = 0
        entries.append((run, False))
        run, at = 0, position + 1
    return entries


slices = st.lists(st.lists(st.integers(0, 600), unique=True, max_size=20).map(sorted), max_size=6)


@given(slices, st.integers(1, 8))
def test_equals_one_zero_at_a_time(slices: list[list[int]], index_bits: int):
    positions = np.array([position for one in slices for position in one], np.int64)
    offsets = np.cumsum([0, *map(len, slices)])
    runs, is_filler, entry_offsets = encode_slices(positions, offsets, index_bits)
    expected = [encode_one(one, index_bits) for one in slices]
    assert list(zip(runs.tolist(), is_filler.tolist(), strict=True)) == [entry for one in expected for entry in one]
    assert entry_offsets.tolist() == np.cumsum([0, *map(len, expected)]).tolist()


def test_boundaries_of_a_filler():
    runs, is_filler, _ = encode_slices(np.array([15, 32, 48]), np.array([0, 3]), 4)
    assert runs.tolist() == [15, 15, 0, 15]
    assert is_filler.tolist() == [False, True, False, False]
