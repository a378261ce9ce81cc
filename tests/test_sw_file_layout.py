from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_networks import make_layer

from sw.compressed import CompressedLayer
from sw.file_layer import encode_layer
from sw.file_layout import Layout, choose_index_bits, choose_layout, transpose


def section_bytes(layer: CompressedLayer, column_major: bool, index_bits: int) -> int:
    return len(encode_layer(replace(layer, column_major=column_major, index_bits=index_bits))[1])


@pytest.mark.parametrize("density", [0.0, 0.004, 0.02, 0.1, 0.5, 0.95, 1.0])
def test_the_chosen_layout_makes_the_smallest_section(density: float):
    layer = make_layer(3, (60, 70), density)
    layer = replace(layer, codebook=np.arange(16, dtype=np.float32))
    sizes = {(major, bits): section_bytes(layer, major, bits) for major in (False, True) for bits in range(9)}
    column_major, index_bits = min(sizes, key=lambda key: sizes[key])
    chosen = choose_layout(layer.positions, layer.codes, layer.shape)
    assert chosen == Layout(column_major=column_major, index_bits=index_bits)
    by_row = [sizes[False, bits] for bits in range(9)]
    assert choose_index_bits(layer.positions, layer.codes) == by_row.index(min(by_row))
    for bits in range(9):
        wanted = Layout(column_major=sizes[True, bits] < sizes[False, bits], index_bits=bits)
        assert choose_layout(layer.positions, layer.codes, layer.shape, bits) == wanted


def test_a_dense_layer_has_no_runs_and_a_sparse_column_is_read_down():
    dense = make_layer(1, (50, 50), 0.99)
    assert choose_layout(dense.positions, dense.codes, dense.shape).index_bits == 0
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
