"""A network laid out for an array, and what its layers say of themselves."""

import numpy as np
import pytest

from tests.support.images.random_images import layer_from_codes, small_config

CODEBOOK = np.array([0, 10, -20, 30] + [7] * 12, dtype=np.int16)


@pytest.mark.parametrize("pes", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("index_bits", [1, 2, 4])
def test_dense_weights_give_back_the_matrix(pes, index_bits):
    rng = np.random.default_rng(pes)
    codes = rng.integers(0, 4, (13, 6)) * (rng.random((13, 6)) < 0.3)
    config = small_config(pes=pes, index_bits=index_bits)
    layer = layer_from_codes(config, codes, CODEBOOK, np.zeros(13))
    dense = layer.dense_weights()
    assert dense.shape == (layer.out_rows * pes, layer.columns)
    assert dense.dtype == np.int16
    assert dense[:13, :6].tolist() == CODEBOOK[codes].tolist()
    assert not dense[13:].any()
    assert not dense[:, 6:].any()


def test_counts():
    codes = np.zeros((9, 2), dtype=int)
    codes[8, 0] = codes[0, 1] = 1
    layer = layer_from_codes(small_config(pes=1, index_bits=2, row_bits=12), codes, CODEBOOK, np.zeros(9))
    assert layer.pes == 1
    assert layer.columns == 2
    assert layer.entries == 4
    assert layer.fillers == 2
    assert layer.runs.tolist() == [3, 3, 0, 0]
    assert layer.decoded_symbols().tolist() == [2 * 4 + 2]


def test_layer_without_entries():
    layer = layer_from_codes(small_config(), np.zeros((4, 4), dtype=int), CODEBOOK, np.zeros(4))
    assert layer.entries == layer.fillers == 0
    assert not layer.dense_weights().any()
    assert layer.decoded_symbols().tolist() == [4] * 4
