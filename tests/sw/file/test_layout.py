from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sw.file.layer import encode_layer
from sw.file.layout import LEAD_BITS, Layout, choose_layout, gap_counts, transpose
from tests.support.networks.random_networks import make_layer


@pytest.mark.parametrize("density", [0.0, 0.004, 0.02, 0.1, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("shape", [(60, 70), (3, 5)])
def test_the_chosen_layout_makes_the_smallest_section(density: float, shape: tuple[int, int]):
    layer = make_layer(3, shape, density)
    layer = replace(layer, codebook=np.arange(16, dtype=np.float32))
    layouts = [Layout(column_major=order, lead_bits=bits) for order in (False, True) for bits in LEAD_BITS]
    sizes = [len(encode_layer(layer, layout)[1]) for layout in layouts]
    best = layouts[sizes.index(min(sizes))]
    assert choose_layout(layer.positions, layer.codes, layer.shape) == best
    assert len(encode_layer(layer)[1]) == min(sizes)


def test_a_dense_layer_has_no_runs_and_a_sparse_column_is_read_down():
    dense = make_layer(1, (50, 50), 0.99)
    assert choose_layout(dense.positions, dense.codes, dense.shape).lead_bits == 0
    columns = np.flatnonzero(
        np.isin(np.arange(100 * 200) % 200, [7, 50]) & (np.random.default_rng(1).random(20000) < 0.5)
    )
    codes = np.ones(columns.size, np.uint8)
    assert choose_layout(columns, codes, (100, 200)).column_major
    assert not choose_layout(transpose(columns, 100, 200)[0], codes, (200, 100)).column_major


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 1 << 16), st.sampled_from([0.0, 0.1, 1.0]))
def test_transpose(rows: int, columns: int, seed: int, density: float):
    matrix = np.random.default_rng(seed).random((rows, columns)) < density
    transposed, order = transpose(np.flatnonzero(matrix), rows, columns)
    assert transposed.tolist() == np.flatnonzero(matrix.T).tolist()
    back, _ = transpose(transposed, columns, rows)
    assert back.tolist() == np.flatnonzero(matrix).tolist()
    assert np.flatnonzero(matrix)[order].tolist() == [at % rows * columns + at // rows for at in transposed.tolist()]


def test_gap_counts():
    ordered = np.array([0, 1, 5, 100_000, 100_001, 200_001, 200_005])
    gaps, counts = gap_counts(ordered)
    assert gaps.tolist() == [0, 3, 99_994, 99_999]
    assert counts.tolist() == [3, 2, 1, 1]
