"""Hostile streams in lock-step: model and RTL show the same error in the same cycle, and a soft reset mends it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.config import ArrayConfig
from model.engine import run_image
from model.image import NetworkImage
from model.registers import STATUS_ERROR_SHIFT, Error, Status
from sim.rtl.cosim import run_job
from sim.rtl.host_program import Action, Collect, Idle, Read, Reset, Send, SoftReset, Start
from tests.support.hw.rtl import simulators
from tests.support.images.hostile import CONFIGS, Hostile, corpus
from tests.support.images.random_images import (
    encode_input,
    encode_network,
    random_activations,
    random_network_image,
    unpack_lanes,
)

RUN_CYCLES = 150  # enough for either network
SHOWN = ("STATUS", "ERROR_PE", "CYCLES", "LAYERS", "IRQ_STATUS")


class Good(NamedTuple):
    """The network that must still run, with an input."""

    image: NetworkImage
    activations: np.ndarray

    @classmethod
    def of(cls, config: ArrayConfig) -> "Good":
        rng = np.random.default_rng(2)
        image = random_network_image(rng, config, [2 * config.pes, 2 * config.pes - 1], 0.6)
        return cls(image, random_activations(rng, image, 0.8))

    def run(self) -> list[Action]:
        """One run of the loaded network."""
        return [Send(encode_input(self.image.config, self.activations)), Start(), Collect(), Read(SHOWN)]


def attack(hostile: Hostile) -> list[Action]:
    """Send it, try to run it, look at what is shown, and reset softly."""
    sent = Send(hostile.words, last=hostile.last)
    return [sent, Idle(40), Start(), Idle(RUN_CYCLES, take=True), Read(SHOWN), SoftReset()]


def check_run(good: Good, collected: list[int], shown: dict[str, int]) -> None:
    """Values and cycles as the engine says."""
    (wanted,) = run_image(good.image, good.activations[None])
    assert unpack_lanes(collected, good.image.config.lanes).tolist() == wanted.outputs.tolist()
    assert shown["CYCLES"] == wanted.cycles
    assert shown["STATUS"] == 1 << Status.WAITING | 1 << Status.DONE
    assert shown["LAYERS"] == 1


def check_corpus(config: ArrayConfig, simulator) -> None:
    good = Good.of(config)
    hostiles = corpus(config)
    load = Send(encode_network(good.image))
    actions: list[Action] = [Reset(2)]
    for hostile in hostiles:
        actions += [load, *attack(hostile), *(good.run() if hostile.spares_the_network else [])]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    results = iter(answer.results)
    for hostile in hostiles:
        shown = next(results)
        cause = Error(shown["STATUS"] >> STATUS_ERROR_SHIFT)
        assert hostile.cause is None or (hostile.name, cause) == (hostile.name, hostile.cause)
        if hostile.spares_the_network:
            check_run(good, next(results), next(results))


@pytest.mark.parametrize("simulator", simulators("icarus"))
@pytest.mark.parametrize("name", ["plain", pytest.param("pairs", marks=pytest.mark.slow)])
def test_corpus(name, simulator):
    """Each after a good network, which still runs after the soft reset and without being loaded again."""
    check_corpus(CONFIGS[name], simulator)


class Change(NamedTuple):
    """One fault in a stream, at a part of its length."""

    kind: str
    where: float
    value: int


CHANGES = st.builds(
    Change,
    kind=st.sampled_from(["bit", "bit", "bit", "word", "drop", "repeat", "cut"]),
    where=st.floats(0, 1, exclude_max=True),
    value=st.integers(0, (1 << 32) - 1),
)
ATTACKS = st.lists(st.tuples(st.lists(CHANGES, min_size=1, max_size=3), st.booleans()), min_size=12, max_size=12)


def changed(words: Sequence[int], changes: Sequence[Change]) -> list[int]:
    """The stream with these faults; a word of it stays."""
    spoiled = list(words)
    for kind, where, value in changes:
        at = int(where * len(spoiled))
        if kind == "bit":
            spoiled[at] ^= 1 << value % 32
        elif kind == "word":
            spoiled[at] = value
        elif kind == "drop" and len(spoiled) > 1:
            del spoiled[at]
        elif kind == "repeat":
            spoiled.insert(at, spoiled[at])
        elif kind == "cut":
            del spoiled[at + 1 :]
    return spoiled


def check_changed(config: ArrayConfig, attacks, simulator) -> None:
    """After each attack and a soft reset, a good network is loaded and runs."""
    good = Good.of(config)
    words = [*encode_network(good.image), *encode_input(config, good.activations)]
    load = Send(encode_network(good.image))
    actions: list[Action] = [Reset(2)]
    for changes, last in attacks:
        actions += [*attack(Hostile("", changed(words, changes), None, last)), load, *good.run()]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    for _, collected, shown in zip(*[iter(answer.results)] * 3, strict=True):
        check_run(good, collected, shown)


@pytest.mark.parametrize("simulator", simulators("icarus"))
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(CONFIGS)), attacks=ATTACKS)
def test_spoiled_streams(simulator, name, attacks):
    check_changed(CONFIGS[name], attacks, simulator)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("icarus"))
@settings(max_examples=250, derandomize=False, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(CONFIGS)), attacks=ATTACKS)
def test_thousands_of_spoiled_streams(simulator, name, attacks):
    check_changed(CONFIGS[name], attacks, simulator)
