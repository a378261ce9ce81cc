"""sw/image/sequence.py: the order in which a host loads, starts and goes on."""

import numpy as np
import pytest

from sw.image.sequence import input_steps
from sw.image.words import Words

PACKET = np.full((1, 1), 9, np.uint32)


def words(number: int) -> Words:
    return np.full((2, 1), number, np.uint32)


@pytest.mark.parametrize("passes", [1, 2, 4])
def test_the_input_comes_with_the_first_pass_and_outputs_with_the_last(passes: int) -> None:
    steps = list(input_steps([words(number) for number in range(passes)], PACKET))
    sent = [step.words.ravel().tolist() for step in steps]
    assert sent == ([[9]] if passes == 1 else [[0, 0, 9], *([number, number] for number in range(1, passes))])
    assert [step.resume for step in steps] == [number > 0 for number in range(passes)]
    assert [step.hold for step in steps] == [number < passes - 1 for number in range(passes)]
