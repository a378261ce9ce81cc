"""sw/network/integer_operations.py: against fractions, and against the same operation on real numbers."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sw.network.integer_operations import keep_point, make_ranged, result_bits
from sw.network.operation_fields import KINDS
from sw.network.operations import Affine, Clip, Elementwise, Function, LeakyRelu, Normalise, Product, Ranged, Softmax

INTEGERS = st.integers(-(1 << 15), (1 << 15) - 1)


def saturated(number: Fraction, bits: int) -> int:
    return max(-(1 << 15), min((1 << 15) - 1, floor(number * Fraction(2) ** bits + Fraction(1, 2))))


@given(st.data())
def test_sums_and_products_are_exact_before_they_are_rounded(data: st.DataObject):
    first, second = data.draw(INTEGERS), data.draw(INTEGERS)
    bits = [data.draw(st.integers(-5, 20)), data.draw(st.integers(-5, 20))]
    operation = Elementwise(kind=data.draw(st.sampled_from(("add", "subtract", "multiply"))))
    chosen = result_bits(operation, bits, data.draw(st.integers(-10, 30)))
    numbers = [Fraction(integer) / Fraction(2) ** own for integer, own in zip((first, second), bits, strict=True)]
    exact = {"add": numbers[0] + numbers[1], "subtract": numbers[0] - numbers[1], "multiply": numbers[0] * numbers[1]}
    sources = [np.array([[integer]], np.int16) for integer in (first, second)]
    assert make_ranged(operation, sources, bits, chosen).item() == saturated(exact[operation.kind], chosen)


def test_binary_points_far_apart():
    """Of a number 100 bits finer nothing is left but its sign, in a sum that is rounded."""
    large, small = np.array([[3]], np.int16), np.array([[-20000]], np.int16)
    assert make_ranged(Elementwise(kind="add"), [large, small], [0, 100], 0).item() == 3
    assert make_ranged(Elementwise(kind="subtract"), [small, large], [100, 0], 0).item() == -3
    assert make_ranged(Elementwise(kind="multiply"), [large, small], [0, 100], 14).item() == 0


@given(INTEGERS, st.integers(-4, 18), st.floats(-1, 1, width=32))
def test_a_leaky_relu_has_a_slope_of_15_fraction_bits(integer: int, bits: int, slope: float):
    found = keep_point(LeakyRelu(slope=slope), np.array([[integer]], np.int16), bits).item()
    wanted = integer if integer > 0 else saturated(Fraction(integer) * Fraction(round(slope * 2**15), 2**15), 0)
    assert found == wanted


def test_the_bounds_of_a_clip_have_the_binary_point_of_its_source():
    x = np.array([[-300, -5, 0, 100, 385, 1000]], np.int16)
    assert keep_point(Clip(low=0.0, high=6.0), x, 6).tolist() == [[0, 0, 0, 100, 384, 384]]
    assert keep_point(Clip(low=-1.0), x, 6).tolist() == [[-64, -5, 0, 100, 385, 1000]]
    assert keep_point(Clip(high=0.0), x, 6).tolist() == [[-300, -5, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [
        (Affine(scale=0.5, offset=-1.0), lambda x: x / 2 - 1),
        (Function(name="sigmoid"), lambda x: 1 / (1 + np.exp(-x))),
        (Function(name="tanh"), np.tanh),
        (Function(name="exp"), np.exp),
        (Function(name="absolute"), np.abs),
        (Function(name="softplus"), lambda x: np.log(1 + np.exp(x))),
        (Softmax(axis=0), lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)),
        (Softmax(axis=0, log=True), lambda x: np.log(np.exp(x) / np.exp(x).sum(axis=1, keepdims=True))),
        (
            Normalise(axes=1, epsilon=0.25),
            lambda x: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 0.25),
        ),
    ],
)
def test_others_are_rounded_once(operation: Ranged, wanted):
    integers = np.random.default_rng(0).integers(-3000, 3000, (50, 7)).astype(np.int16)
    found = make_ranged(operation, [integers], [10], 11)
    exact = np.clip(wanted(integers / 2.0**10), -16, 16 - 2.0**-11)
    np.testing.assert_allclose(found / 2.0**11, exact, atol=2.0**-12 * 1.001)


def test_a_product_of_matrices():
    random = np.random.default_rng(1)
    first, second = (
        random.integers(-99, 99, (2, 3, 4)).astype(np.int16),
        random.integers(-99, 99, (2, 4, 5)).astype(np.int16),
    )
    found = make_ranged(Product(), [first, second], [4, 5], 3)
    exact = first.astype(int) @ second.astype(int)
    np.testing.assert_array_equal(found, np.floor(exact / 2.0**6 + 0.5))


def test_what_has_no_value_is_0_and_what_is_too_large_saturates():
    divide = Elementwise(kind="divide")
    zero, one = np.zeros((1, 1), np.int16), np.ones((1, 1), np.int16)
    assert make_ranged(divide, [zero, zero], [0, 0], 3).item() == 0
    assert make_ranged(divide, [one, zero], [0, 0], 3).item() == (1 << 15) - 1
    assert make_ranged(Function(name="log"), [zero], [0], 3).item() == -(1 << 15)
    assert len(KINDS) == 29
