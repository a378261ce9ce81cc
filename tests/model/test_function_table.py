"""model/function_table.py: both functions on all arguments there are, and the words of the hardware's table."""

import zlib

import numpy as np

from model.function_table import BASE_BITS, SIGMOID_TABLE, SLOPE_BITS, TABLE_WORDS, function_table, sigmoid, tanh

ALL = np.arange(-(1 << 15), 1 << 15).astype(np.int16)


def test_the_table_is_the_one_that_results_were_made_with():
    assert SIGMOID_TABLE.shape == (513,)
    assert zlib.crc32(SIGMOID_TABLE.astype("<i4").tobytes()) == 2316853071


def test_the_functions_on_every_argument():
    x = ALL / 2**11
    for function, exact, bound in ((sigmoid, 1 / (1 + np.exp(-x)), 2**-15), (tanh, np.tanh(x), 2**-14)):
        found = function(ALL)
        assert found.dtype == np.int16
        assert np.abs(found / 2**15 - exact).max() < bound
        assert (np.diff(found.astype(np.int64)) >= 0).all()


def test_values_worked_out_by_hand():
    # sigmoid(0) = 1/2; sigmoid(1) = 0.731058.. is 23955.3 units; from 12 on a unit below 1, and 0 on the other side.
    points = np.array([0, 1 << 11, -(1 << 11), 12 << 11, -(12 << 11), -(1 << 15)], np.int16)
    assert sigmoid(points).tolist() == [16384, 23955, 8813, 32767, 0, 0]
    # tanh(1) = 0.761594.. is 24955.9 units.
    assert tanh(points).tolist() == [0, 24956, -24956, 32767, -32768, -32768]


def test_the_words_of_the_hardware():
    """Sigmoid of every argument from the words alone, as section 13 of the contract says it."""
    words = function_table()
    assert len(words) == TABLE_WORDS
    assert all(0 <= base < 1 << BASE_BITS and 0 <= slope < 1 << SLOPE_BITS for base, slope in words)
    for v, expected, of_tanh in zip(ALL.tolist(), sigmoid(ALL).tolist(), tanh(ALL).tolist(), strict=True):
        for is_tanh, wanted in ((False, expected), (True, of_tanh)):
            m = min(2 * abs(v), 1 << 15) if is_tanh else abs(v)
            node = min(m >> 6, 511)
            base, slope = words[node]
            s = 64 * base + slope * (m - 64 * node)
            if is_tanh:
                y = (((1 << 22) - s if v < 0 else s - (1 << 22)) + 64) >> 7
            else:
                y = (((1 << 23) - s if v < 0 else s) + 128) >> 8
            assert min(max(y, -(1 << 15)), (1 << 15) - 1) == wanted
