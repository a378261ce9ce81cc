"""The stepped model gives up queues that have lost count, in the cycle that architecture.md, section 6, says."""

import numpy as np
import pytest

from model.layouts import ControlState, patience_bits
from model.registers import Error, Status
from model.stepped.processing_element import ProcessingElement
from sim.rtl.host_program import Read, SoftReset, Start
from tests.support.images.agreement import Bench
from tests.support.images.random_images import random_activations, random_network_image, small_config


@pytest.mark.parametrize(
    ("name", "stuck", "state"),
    [
        ("queue_empty", property(lambda _: False), ControlState.DRAIN),
        ("is_full", lambda _self, _broadcast: True, ControlState.BROADCAST),
    ],
)
def test_queues_that_do_not_move_are_given_up(name, stuck, state, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(1)
    image = random_network_image(rng, small_config(pes=2, sparse_matrix_depth=16, activation_depth=4), [6, 6], 0.5)
    activations = random_activations(rng, image, 1.0)
    bench = Bench(image)
    bench.load()
    bench.check(activations)
    waited = 1 << patience_bits(image.config)
    with monkeypatch.context() as upset:
        upset.setattr(ProcessingElement, name, stuck)
        bench.host.perform(Start())
        cycles = 0
        while bench.array.loader.error == Error.NONE:
            cycles += bench.array.controller.state == state
            assert cycles <= waited + 4  # in BROADCAST, the rows before the one that waits
            bench.host.tick()
    assert bench.array.controller.state == ControlState.IDLE
    assert bench.array.loader.error == Error.FAULT
    assert not bench.array.controller.done
    assert cycles >= waited
    (status,) = bench.host.perform(Read(["STATUS"]))
    assert status["STATUS"] & (1 << Status.RUNNING | 1 << Status.DONE) == 0
    bench.host.perform(SoftReset())
    bench.load()
    bench.check(activations)
