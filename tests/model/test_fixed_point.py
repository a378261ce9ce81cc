"""The arithmetic of the datapath against Python integers and fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.fixed_point import (
    INT16_MAX,
    INT16_MIN,
    check_bits,
    from_fixed,
    larger,
    layer_reference,
    leaves,
    to_fixed,
    wrap,
    write_back,
    write_back_array,
)

QUICK = settings(max_examples=200)


def exact_write_back(accumulator: int, shift: int, relu: bool) -> int:
    """Round half up of the real quotient, saturated, in rational arithmetic."""
    rounded = (Fraction(accumulator, 1 << shift) + Fraction(1, 2)).__floor__()
    saturated = min(max(rounded, -32768), 32767)
    return 0 if relu and saturated < 0 else saturated


@QUICK
@given(st.integers(-(1 << 47), (1 << 47) - 1), st.integers(0, 47), st.booleans())
def test_write_back(accumulator, shift, relu):
    wanted = exact_write_back(accumulator, shift, relu)
    assert write_back(accumulator, shift, relu) == wanted
    assert write_back_array(np.array([accumulator]), shift, relu).tolist() == [wanted]


@pytest.mark.parametrize(
    ("accumulator", "shift", "wanted"),
    [
        (32767, 0, 32767),
        (32768, 0, 32767),
        (-32768, 0, -32768),
        (-32769, 0, -32768),
        (65534, 1, 32767),
        (65535, 1, 32767),
        (-65537, 1, -32768),
        (-65538, 1, -32768),
        (1, 1, 1),
        (-1, 1, 0),
        (3, 1, 2),
        (-3, 1, -1),
        ((1 << 47) - 1, 47, 1),
        (-(1 << 47), 47, -1),
    ],
)
def test_rounding_and_saturation_edges(accumulator, shift, wanted):
    assert write_back(accumulator, shift, relu=False) == wanted
    assert write_back(accumulator, shift, relu=True) == max(wanted, 0)


@QUICK
@given(st.integers(-(1 << 60), 1 << 60), st.integers(1, 48))
def test_wrap(value, bits):
    wrapped = wrap(value, bits)
    assert -(1 << bits - 1) <= wrapped < 1 << bits - 1
    assert (wrapped - value) % (1 << bits) == 0


def test_largest_products():
    weights = np.array([[-32768], [32767], [-32768]], dtype=np.int16)
    outputs, overflow = layer_reference(
        weights, np.zeros(3, dtype=np.int16), 1, np.array([-32768], dtype=np.int16), 16, False, 32
    )
    assert outputs.tolist() == [(1 << 30) + (1 << 15) >> 16, -32767 * 32768 + (1 << 15) >> 16, 1 << 14]
    assert not overflow


@pytest.mark.parametrize("bits", [32, 40, 48])
@pytest.mark.parametrize("sign", [1, -1])
def test_overflow_begins_one_past_the_range(bits, sign):
    """Enough products of 2^30 reach the edge; the bias decides by one."""
    limit = 1 << bits - 1
    products = limit >> 30
    weights = np.full((1, products), -32768 * sign, dtype=np.int32).clip(-32768, 32767).astype(np.int16)
    activations = np.full(products, -32768, dtype=np.int16)
    total = int(weights[0, 0]) * -32768 * products
    for bias in range(-2, 3):
        outputs, overflow = layer_reference(
            weights, np.array([bias], dtype=np.int16), 1, activations, bits - 16, False, bits
        )
        sums = [int(weights[0, 0]) * -32768 * count for count in range(1, products + 1)] + [total + bias]
        assert overflow == any(not -limit <= value < limit for value in sums)
        assert outputs.tolist() == [exact_write_back(wrap(total + bias, bits), bits - 16, False)]


def test_an_overflow_that_comes_back_is_still_an_overflow():
    weights = np.array([[-32768, -32768, 32767]], dtype=np.int16)
    activations = np.full(3, -32768, dtype=np.int16)
    outputs, overflow = layer_reference(weights, np.zeros(1, dtype=np.int16), 1, activations, 16, False, 32)
    assert overflow
    assert outputs.tolist() == [exact_write_back(2 * (1 << 30) - 32767 * 32768, 16, False)]


@QUICK
@given(st.floats(-1e6, 1e6), st.integers(-8, 24))
def test_to_fixed_rounds_to_nearest_even_and_saturates(value, fraction_bits):
    exact = Fraction(value) * Fraction(2) ** fraction_bits
    wanted = min(max(round(exact), INT16_MIN), INT16_MAX)
    assert to_fixed(np.array([value]), fraction_bits).tolist() == [wanted]


def test_from_fixed_is_exact():
    values = np.array([-32768, -1, 0, 1, 32767], dtype=np.int16)
    for fraction_bits in (-3, 0, 8, 20):
        real = from_fixed(values, fraction_bits)
        assert [Fraction(value) for value in real] == [
            Fraction(int(value)) / Fraction(2) ** fraction_bits for value in values
        ]
        assert to_fixed(real, fraction_bits).tolist() == values.tolist()


@QUICK
@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 31), st.booleans(), st.integers(0, INT16_MAX))
def test_a_limit_comes_after_relu_and_zero_is_none(accumulator, shift, relu, limit):
    without = write_back(accumulator, shift, relu)
    wanted = min(without, limit) if limit else without
    assert write_back(accumulator, shift, relu, limit) == wanted
    assert write_back_array(np.array([accumulator]), shift, relu, limit).tolist() == [wanted]


@QUICK
@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 31), st.booleans(), st.integers(0, INT16_MAX))
def test_eight_bits_saturate_before_relu_and_limit(accumulator, shift, relu, limit):
    rounded = (Fraction(accumulator, 1 << shift) + Fraction(1, 2)).__floor__()
    wanted = min(max(rounded, 0 if relu else -128), 127, limit or 127)
    assert write_back(accumulator, shift, relu, limit, 8) == wanted
    assert write_back_array(np.array([accumulator]), shift, relu, limit, 8).tolist() == [wanted]


def test_numbers_beyond_eight_bits():
    values = np.array([[-129, 0], [-128.4, 127.4], [127.5, 1]])
    assert to_fixed(values, 0, 8).tolist() == [[-128, 0], [-128, 127], [127, 1]]
    assert leaves(values, 0, 8).tolist() == [True, False, True]
    check_bits(np.array([-128, 127], np.int16), 8)
    with pytest.raises(ValueError, match=r"activations of 8 bits wanted, got from -3 to 128"):
        check_bits(np.array([-3, 128], np.int16), 8)


@QUICK
@given(st.integers(INT16_MIN, INT16_MAX), st.integers(INT16_MIN, INT16_MAX))
def test_larger_orders_activations_and_starts_below_all(first, second):
    start = larger(0, first)
    assert start - (1 << 15) == first
    assert larger(start, second) - (1 << 15) == max(first, second)


def test_larger_looks_at_sixteen_bits_and_leaves_those_above():
    assert larger(-1, 0) == -1
    assert larger(0x1_0003, (1 << 16) - (1 << 15)) == 0x1_0003
    assert larger(0x1_0003, 4 - (1 << 15)) == 0x1_0004
