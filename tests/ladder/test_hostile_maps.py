"""Hostile descriptors of map layers: the named error, an end in every case, and a network that still runs after it."""

import numpy as np
import pytest

from model.layouts import ControlState
from model.reference import run_reference
from model.registers import STATUS_ERROR_SHIFT, Error
from model.stepped.array import SteppedArray
from sim.rtl.host_program import Action, Collect, Idle, Read, Reset, Send, SoftReset, Start
from tests.support.hw.stepped import Host
from tests.support.images.hostile import Hostile
from tests.support.images.hostile_maps import CONFIG, SOURCE, corpus, victim
from tests.support.images.maps import map_network
from tests.support.images.random_images import encode_input, encode_network, random_activations, unpack_lanes

RUN_CYCLES = 450  # enough for any of them
GOOD = map_network(CONFIG, [victim()], SOURCE)
ACTIVATIONS = random_activations(np.random.default_rng(1), GOOD, 1.0)


def attack(hostile: Hostile) -> list[Action]:
    """Send it with an input, try to run it, look at the cause, reset softly; then the good network."""
    sent = Send(hostile.words, last=hostile.last)
    packet = encode_input(CONFIG, ACTIVATIONS)
    tried: list[Action] = [sent, Idle(40), Send(packet), Start(), Idle(RUN_CYCLES, take=True), Read(("STATUS",))]
    return [*tried, SoftReset(), Idle(40), Send(encode_network(GOOD)), Send(packet), Start(), Collect()]


def check_attack(hostile: Hostile, shown: dict[str, int], outputs: list[int]) -> None:
    cause = Error(shown["STATUS"] >> STATUS_ERROR_SHIFT)
    assert hostile.cause is None or (hostile.name, cause) == (hostile.name, hostile.cause)
    assert not shown["STATUS"] & 0b0110  # neither running nor unloading
    wanted = run_reference(GOOD, ACTIVATIONS).outputs
    assert unpack_lanes(outputs, CONFIG.lanes).tolist() == wanted.tolist()


@pytest.mark.parametrize("hostile", corpus(), ids=lambda hostile: hostile.name)
def test_stepped_model(hostile):
    host = Host(SteppedArray(CONFIG))
    shown, outputs = host.perform(Reset(2), *attack(hostile))
    check_attack(hostile, shown, outputs)
    assert host.array.controller.state == ControlState.IDLE
