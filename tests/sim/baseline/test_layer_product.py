"""sim/baseline/layer_product.py:
the layer that the array runs too, in two forms, and a check that a wrong product fails.
"""

from dataclasses import replace

import numpy as np
import pytest

from model.errors import EieError
from sim.baseline.layer_product import LayerMatrix, layer_matrix
from sim.paper import PAPER_LAYERS
from sim.simulation.paper_layers import BenchmarkLayer

SMALL = replace(PAPER_LAYERS["Alex-7"], inputs=200, outputs=60)


@pytest.fixture
def matrix() -> LayerMatrix:
    return layer_matrix(SMALL, seed=3, batch=4)


def test_it_is_the_layer_and_the_input_that_the_array_runs() -> None:
    layer = BenchmarkLayer(SMALL, 4, seed=5)
    matrix = layer_matrix(SMALL, seed=5, batch=3)
    np.testing.assert_array_equal(matrix.positions, layer.network.layers[0].positions)
    np.testing.assert_array_equal(matrix.operand(1), layer.inputs[0])


def test_dense_and_csr_hold_the_same_weights(matrix: LayerMatrix) -> None:
    np.testing.assert_array_equal(np.flatnonzero(matrix.dense), matrix.positions)
    np.testing.assert_array_equal(matrix.dense.ravel()[matrix.positions], matrix.values)
    np.testing.assert_array_equal(matrix.csr.toarray(), matrix.dense)
    assert matrix.dense.shape == matrix.csr.shape == (60, 200)
    assert {matrix.dense.dtype, matrix.csr.dtype, matrix.operand(4).dtype} == {np.dtype(np.float32)}
    assert {matrix.csr.indices.dtype, matrix.csr.indptr.dtype} == {np.dtype(np.int32)}


def test_frames_differ_and_have_the_layers_density(matrix: LayerMatrix) -> None:
    assert matrix.operand(1).shape == (200,)
    assert matrix.operand(3).shape == (200, 3)
    np.testing.assert_array_equal(matrix.operand(4)[:, 0], matrix.operand(1))
    np.testing.assert_array_equal(np.count_nonzero(matrix.inputs, axis=0), [round(0.353 * 200)] * 4)
    assert len({frame.tobytes() for frame in matrix.inputs.T}) == 4


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_the_right_product_passes(matrix: LayerMatrix, batch: int) -> None:
    matrix.check(matrix.dense @ matrix.operand(batch), batch, "numpy dense")


def test_a_wrong_product_is_refused(matrix: LayerMatrix) -> None:
    right = matrix.dense @ matrix.operand(2)
    active = np.flatnonzero(matrix.operand(1))
    heard = np.isin(matrix.positions % SMALL.inputs, active)
    lacking = matrix.dense.copy()
    lacking.ravel()[matrix.positions[heard][0]] = 0
    wrong = {
        "a weight is missing": lacking @ matrix.operand(2),
        "frames are exchanged": right[:, ::-1],
        "half precision": (matrix.dense.astype(np.float16) @ matrix.operand(2).astype(np.float16)).astype(np.float32),
        "not a number": np.full_like(right, np.nan),
    }
    for product in wrong.values():
        with pytest.raises(EieError, match=r"^MKL CSR on Alex-7, batch 2: wanted the product within 1e-05 of its norm"):
            matrix.check(product, 2, "MKL CSR")
    with pytest.raises(EieError, match=r"^MKL CSR on Alex-7: wanted a product of 120 values, got 60$"):
        matrix.check(right[:, 0], 2, "MKL CSR")
