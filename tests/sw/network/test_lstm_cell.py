"""sw/network/lstm_cell.py: the cells against fractions and against float."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.function_table import sigmoid, tanh
from sw.network.lstm_cell import fixed_cell, fixed_gru_cell, float_cell, float_gru_cell, rescaled
from tests.support.networks.lstm import plain_cell, rounded


@given(st.integers(0, 1 << 16), st.integers(-6, 11), st.integers(-15, 15), st.integers(-40, 15), st.integers(0, 15))
@settings(max_examples=60)
def test_a_step_equals_that_in_fractions(seed: int, gate_bits: int, cell_bits: int, output_bits: int, size: int):
    random = np.random.default_rng(seed)
    gates = (random.integers(-(1 << 15), 1 << 15, (2, 12)) >> random.integers(0, 12)).astype(np.int16)
    cell = (random.integers(-(1 << 15), 1 << 15, (2, 3)) >> size).astype(np.int16)
    h, after = fixed_cell(gates, gate_bits, cell, cell_bits, output_bits)
    assert h.dtype == after.dtype == np.int16
    for number in range(2):
        assert (h[number].tolist(), after[number].tolist()) == plain_cell(
            gates[number], gate_bits, cell[number], cell_bits, output_bits
        )


def test_extremes_stay_in_range():
    ends = [-(1 << 15), -1, 0, (1 << 15) - 1]
    gates = np.array(list(product(ends, repeat=4)), np.int16)
    for cell, bits in product(ends, (-15, 0, 15)):
        state = np.full((len(gates), 1), cell, np.int16)
        h, after = fixed_cell(gates, 11, state, bits, 15)
        for number in range(0, len(gates), 7):
            expected = plain_cell(gates[number], 11, state[number], bits, 15)
            assert (h[number].tolist(), after[number].tolist()) == expected


def test_a_step_is_close_to_float():
    """Errors of gates (2**-12 in sigmoid and tanh), functions and roundings; the bound is their sum."""
    random = np.random.default_rng(0)
    gates, cell = random.normal(size=(500, 80)) * 3, random.uniform(-3, 3, size=(500, 20))
    wanted_h, wanted_cell = float_cell(gates, cell)
    fixed = np.rint(gates * 2**11).astype(np.int16), np.rint(cell * 2**13).astype(np.int16)
    h, after = fixed_cell(fixed[0], 11, fixed[1], 13, 15)
    of_sigmoid, of_tanh = 2**-12 / 4 + 2**-15, 2**-12 + 2**-14
    of_cell = 3 * of_sigmoid + 2**-14 + of_sigmoid + of_tanh + 2**-14
    assert np.abs(after / 2**13 - wanted_cell).max() < of_cell
    assert np.abs(h / 2**15 - wanted_h).max() < of_sigmoid + of_cell + of_tanh + 2**-16


@pytest.mark.parametrize(
    ("value", "bits", "wanted", "expected"),
    [
        (5, 3, 3, 5),
        (5, 3, 2, 3),  # 2.5 units, half up
        (-5, 3, 2, -2),
        (5, 3, 5, 20),
        (20_000, 3, 5, 32767),
        (-20_000, 3, 5, -32768),
        (-1, -200, 11, -32768),
        (0, -200, 11, 0),
        (32767, 200, 11, 0),
        (-32768, 27, 11, 0),  # minus a half
        (32767, 15, 0, 1),
    ],
)
def test_rescaled(value: int, bits: int, wanted: int, expected: int):
    assert rescaled(np.array([value], np.int16), bits, wanted).tolist() == [expected]


def test_float_cell_keeps_its_dtype_and_does_not_overflow():
    gates = np.array([[-1e30, 1e30, -1e30, 1e30]], np.float32)
    h, cell = float_cell(gates, np.ones((1, 1), np.float32))
    assert h.dtype == cell.dtype == np.float32
    assert (h.item(), cell.item()) == (pytest.approx(np.tanh(1)), 1.0)


@given(st.integers(0, 1 << 16), st.integers(9, 11), st.integers(-3, 15))
@settings(max_examples=50)
def test_a_gru_cell_in_fractions(seed: int, gate_bits: int, bits: int):
    """Every step exact and rounded half up once: the argument of n, and h."""
    random = np.random.default_rng(seed)
    gates = random.integers(-(1 << 15), 1 << 15, (5, 12)).astype(np.int16)
    h = random.integers(-(1 << 15), 1 << 15, (5, 3)).astype(np.int16)
    found, state = fixed_gru_cell(gates, gate_bits, h, bits)
    np.testing.assert_array_equal(found, state)
    aligned = rescaled(gates, gate_bits, 11)
    for row, column in np.ndindex(found.shape):
        r, z, inner, outer = (aligned[row, gate * 3 + column] for gate in range(4))
        reset = rounded(Fraction(int(sigmoid(r)), 2**15) * Fraction(int(outer), 2**11), 11)
        argument = rounded(Fraction(int(inner) + reset, 2**11), 11)
        update = Fraction(int(sigmoid(z)), 2**15)
        new = Fraction(int(tanh(np.array(argument, np.int16))), 2**15)
        less = Fraction(rounded(update * new, 15), 2**15)
        before = int(h[row, column]) / Fraction(2) ** bits
        kept = rounded(update * before, bits) / Fraction(2) ** bits
        assert found[row, column] == rounded(new - less + kept, bits)


def test_a_gru_cell_in_float_is_that_of_torch():
    torch = pytest.importorskip("torch")
    cell = torch.nn.GRUCell(3, 4).requires_grad_(False)
    x, h = torch.randn(5, 3), torch.randn(5, 4)
    inner, outer = (part.numpy() for part in (x @ cell.weight_ih.T + cell.bias_ih, h @ cell.weight_hh.T + cell.bias_hh))
    gates = np.concatenate([inner[:, :8] + outer[:, :8], inner[:, 8:], outer[:, 8:]], axis=1)
    found, _ = float_gru_cell(gates, h.numpy())
    np.testing.assert_allclose(found, cell(x, h).numpy(), rtol=1e-5, atol=1e-6)
