"""sw/image/words.py: pieces and integers, the lowest bits first, there and back."""

import numpy as np
import pytest

from model.config import PRESETS
from sw.image.words import integers_as_words, words_as_integers


def test_the_first_piece_is_the_low_bits():
    words = np.array([[0x1, 0x80000002], [0xFFFFFFFF, 0]], np.uint32)
    integers = [0x80000002_00000001, 0xFFFFFFFF]
    assert words_as_integers(words) == integers
    assert integers_as_words(PRESETS["tiny4"].with_(stream_bits=64), integers).tolist() == words.tolist()


@pytest.mark.parametrize("bits", [32, 64, 128])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_there_and_back(bits: int, count: int):
    config = PRESETS["tiny4"].with_(stream_bits=bits)
    words = np.random.default_rng(bits).integers(0, 1 << 32, (count, bits // 32), np.uint32)
    again = integers_as_words(config, words_as_integers(words))
    assert again.dtype == np.uint32
    assert again.shape == words.shape
    np.testing.assert_array_equal(again, words)
