"""A reset and a soft reset in every cycle of loading, running and unloading: the run behind it is right."""

from typing import Any

import numpy as np
import pytest

from model.config import ArrayConfig
from model.registers import PeCounter, Status
from sim.rtl.cosim import run_job
from sim.rtl.host_program import Action, Collect, Cut, ReadCounters, Reset, Send, SoftReset, Start, Wait
from sim.rtl.simulators import SimulatorName
from tests.sim.rtl.test_lockstep_maps import check_maps
from tests.support.hw.rtl import Case, check_answer, simulators
from tests.support.images import hostile
from tests.support.images.map_programs import random_map_network
from tests.support.images.maps import map_config
from tests.support.images.random_images import (
    encode_input,
    encode_network,
    random_activations,
    random_network_image,
)

MOST_OF_CLEAR = 3  # operations of CLEAR behind which a packet of three words and a start may come
STALL = 0.2  # so that words also wait in the machine and before it
MAPS = map_config(
    name="resets_maps",
    pes=2,
    queue_depth=2,
    activation_depth=32,
    accumulator_depth=40,
    pointer_depth=64,
    sparse_matrix_depth=32,
    constant_depth=70,
    code_bits=1,
    index_bits=1,
    layers=3,
)


def plain_case() -> Case:
    config = hostile.CONFIGS["plain"].with_(name="resets_plain", code_bits=1, index_bits=1)
    rng = np.random.default_rng(2)
    image = random_network_image(rng, config, [3, 4, 3], 0.7)
    return Case(image, [random_activations(rng, image, 0.8)])


def maps_case() -> Case:
    rng = np.random.default_rng(7)
    image = random_map_network(rng, MAPS, ["residual"], 0.6, 200, (2, 2, 1))
    return Case(image, [random_activations(rng, image, 0.8, 200)])


CASES = {"plain": plain_case, "maps": maps_case}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("simulator", simulators("verilator"))
def test_in_every_cycle(name: str, simulator: SimulatorName):
    """Behind a soft reset of a run the network is still loaded and runs; one cut while it is loaded is loaded again."""
    case = CASES[name]()
    config = case.image.config
    load = Send(encode_network(case.image), STALL)
    run: list[Action] = [Send(encode_input(config, case.inputs[0]), STALL), Start(), Collect(STALL), ReadCounters()]
    start: list[Action] = [Reset(2), load, *run]
    undisturbed = run_job(config, start, simulator)
    (check_maps if config.maps else check_answer)(undisturbed, [case])
    loading = run_job(config, [*start[:2], Wait(Status.WAITING)], simulator).cycles  # unpacked to the end
    cycles = undisturbed.cycles
    assert any(undisturbed.results[0])
    assert 50 < loading < cycles - 30
    actions: list[Action] = [Reset(2)]
    for cycle in range(cycles):
        again: list[Action] = [] if cycle > loading else [load]
        actions += [Cut((load, *run), cycle), Reset(1), load, *run]
        actions += [Cut((load, *run), cycle), SoftReset(), *again, *run]
    answer = run_job(config, actions, simulator)
    assert answer.failure is None, answer.failure
    assert len(answer.results) == 4 * cycles
    wanted = undisturbed.results
    for cycle in range(cycles):
        behind_reset, behind_soft_reset = (answer.results[4 * cycle + at :][:2] for at in (0, 2))
        assert behind_reset == wanted, f"reset in cycle {cycle}"
        if cycle > loading:
            assert all(of_pe[PeCounter.DECODED_SYMBOLS] == 0 for of_pe in behind_soft_reset[1][1])
            behind_soft_reset = of_a_start_at_once(behind_soft_reset, config, wanted)
            assert behind_soft_reset == without_decoded(wanted), f"soft reset in cycle {cycle}"
        else:
            assert behind_soft_reset == wanted, f"soft reset in cycle {cycle}"


def of_a_start_at_once(results: list[Any], config: ArrayConfig, wanted: list[Any]) -> list[Any]:
    """The same without the accumulator writes of CLEAR that are still counted (architecture.md, section 6, CLEAR)."""
    outputs, (registers, counters) = results
    most = 0 if config.maps else MOST_OF_CLEAR
    exact: list[list[int]] = []
    for of_pe, of_wanted in zip(counters, wanted[1][1], strict=True):
        writes = of_wanted[PeCounter.ACCUMULATOR_WRITES]
        assert 0 <= of_pe[PeCounter.ACCUMULATOR_WRITES] - writes <= most
        exact.append([*of_pe[: PeCounter.ACCUMULATOR_WRITES], writes])
    return [outputs, (registers, exact)]


def without_decoded(results: list[Any]) -> list[Any]:
    """What a run shows of a network whose loading another reset has cleared from the counters."""
    outputs, (registers, counters) = results
    return [outputs, (registers, [of_pe[: PeCounter.DECODED_SYMBOLS] for of_pe in counters])]
