"""The host of the stepped array: what it does when the array does not answer."""

import numpy as np
import pytest

from model.stepped.array import SteppedArray
from model.stepped.host import STATUS_DONE, Host, HostError
from tests.support_images import encode_network, random_network_image, small_config


def test_timeouts_say_what_was_wanted():
    config = small_config()
    host = Host(SteppedArray(config), max_cycles=40)
    with pytest.raises(HostError, match="a last word wanted in 40 cycles, got 0 others"):
        host.receive()
    with pytest.raises(HostError, match="status bits 0x8 wanted in 40 cycles, got 0x1"):
        host.wait(STATUS_DONE)
    words = encode_network(random_network_image(np.random.default_rng(0), config, [4, 4], 0.5))
    with pytest.raises(HostError, match=rf"{len(words)} words wanted in 40 cycles, 39 were accepted"):
        host.send(words)


def test_observe_sees_every_cycle():
    seen = []
    host = Host(SteppedArray(small_config()), observe=lambda inputs, outputs: seen.append((inputs, outputs)))
    host.reset(2)
    host.read(0)
    assert host.cycle == len(seen) == 5
    assert [inputs.reset for inputs, _ in seen] == [1, 1, 0, 0, 0]


def test_stalled_words_are_not_offered():
    offered = []
    host = Host(
        SteppedArray(small_config()),
        i_stall=iter([True, False, True, True, False]).__next__,
        observe=lambda inputs, _: offered.append(inputs.i_valid),
    )
    for _ in range(16):
        host.tick()
    host.send([1, 1])
    assert offered[16:] == [0, 1, 0, 0, 1]
