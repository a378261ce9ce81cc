"""Ladder step 2 with `maps`: RTL and stepped model in lock-step on networks of all kinds of map layers."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.image import NetworkImage
from model.map_descriptor import MAP_FIELDS, MapDescriptor
from model.reference import run_reference
from model.registers import PeCounter, Status
from sim.rtl.cosim import run_job
from sim.rtl.cosim_bench import Answer
from sim.rtl.host_program import Action, Collect, Idle, Read, Reset, Send, SoftReset, Start, Wait
from sim.rtl.simulators import SimulatorName
from tests.ladder.test_hostile_maps import attack, check_attack
from tests.ladder.test_maps import configs
from tests.support.hw.rtl import Case, session, simulators
from tests.support.images import hostile_maps
from tests.support.images.map_programs import KINDS, random_map_network
from tests.support.images.map_recurrence import expected_layers
from tests.support.images.maps import map_config
from tests.support.images.random_images import encode_input, encode_network, random_activations, unpack_lanes

SIZES = {"accumulator_depth": 192, "activation_depth": 128}

MAP_CONFIGS: dict[str, ArrayConfig] = {
    "maps2": map_config(name="maps2", pes=2, **SIZES),
    "maps1": map_config(name="maps1", pes=1, queue_depth=1, code_bits=3, index_bits=3, **SIZES),
    # Nothing else a power of two; empty slices skipped, two broadcasts, parity, wide sums.
    "maps3": map_config(
        name="maps3",
        pes=3,
        queue_depth=6,
        broadcasts_per_cycle=2,
        skip_empty_slices=True,
        parity=True,
        index_bits=3,
        row_bits=27,
        accumulator_bits=37,
        stream_bits=64,
        accumulator_depth=199,
        activation_depth=256,
        sparse_matrix_depth=901,
    ),
    "maps4": map_config(
        name="maps4",
        pes=4,
        queue_depth=2,
        pe_counters=False,
        code_bits=5,
        constant_depth=400,
        activation_bits=8,
        **SIZES,
    ),
}


def random_cases(config: ArrayConfig, seed: int, kinds: list[list[str]], magnitude: int = 200) -> list[Case]:
    """Networks of these kinds of layers, two inputs each."""
    rng = np.random.default_rng(seed)
    cases = []
    for of_network in kinds:
        density = float(rng.choice([0.2, 0.6, 1.0]))
        image = random_map_network(rng, config, of_network, density, magnitude, (4, 3, 2))
        inputs = [random_activations(rng, image, activity, magnitude) for activity in (0.4, 1.0)]
        cases.append(Case(image, inputs))
    return cases


def check_maps(answer: Answer, cases: list[Case]) -> None:
    """No difference in lock-step; values as the reference, cycles and counters as the recurrence says."""
    assert answer.failure is None, answer.failure
    results = iter(answer.results)
    for case in cases:
        for activations in case.inputs:
            check_run(case.image, activations, next(results), next(results))
    assert next(results, None) is None


def check_run(image: NetworkImage, activations: NDArray[np.int16], outputs: list[int], read: tuple) -> None:
    config = image.config
    reference, expected = run_reference(image, activations), expected_layers(image, activations)
    assert unpack_lanes(outputs, config.lanes).tolist() == reference.outputs.tolist()
    registers, counters = read
    assert registers["CYCLES"] == sum(sum(layer.phases) for layer in expected)
    assert registers["BROADCASTS"] == sum(layer.broadcasts for layer in expected)
    assert registers["STALLS"] == sum(layer.stalls for layer in expected)
    assert registers["STATUS"] == 0b01001 | reference.overflow << 4
    if config.pe_counters:
        wanted = np.sum([layer.counters for layer in expected], axis=0)
        np.testing.assert_array_equal(np.array(counters).T[: PeCounter.DECODED_SYMBOLS], wanted)


@pytest.mark.parametrize("simulator", simulators("icarus"))
@pytest.mark.parametrize("name", MAP_CONFIGS)
def test_every_kind(name, simulator):
    check_every_kind(MAP_CONFIGS[name], simulator)


@pytest.mark.parametrize("simulator", simulators("verilator"))
@pytest.mark.parametrize("name", ["maps3", pytest.param("maps4", marks=pytest.mark.slow)])
def test_every_kind_on_verilator(name, simulator):
    check_every_kind(MAP_CONFIGS[name], simulator)


def check_every_kind(config: ArrayConfig, simulator: SimulatorName) -> None:
    cases = random_cases(config, 1, [[kind] for kind in KINDS])
    check_maps(run_job(config, session(cases), simulator, lockstep=True), cases)


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_networks_of_several_layers_with_stalls(simulator):
    config = MAP_CONFIGS["maps3"]
    rng = np.random.default_rng(2)
    kinds = [list(rng.choice(KINDS, 4)) for _ in range(2)]
    cases = random_cases(config, 3, kinds, magnitude=32767)
    check_maps(run_job(config, session(cases, stall=0.3), simulator, lockstep=True, seed=3), cases)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_resets_in_the_middle_leave_nothing_behind(simulator):
    """In every state, also of local layers; CLEAR then writes no activation."""
    config = MAP_CONFIGS["maps2"]
    (case,) = random_cases(config, 4, [["residual", "maximum", "connected"]])
    words, packet = encode_network(case.image), encode_input(config, case.inputs[0])
    actions: list[Action] = [Reset(2)]
    for number, cycles in enumerate((3, 40, 90, 150, 230, 400)):
        actions += [Send(words), Send(packet), Start(), Idle(cycles, take=True)]
        actions.append(Reset(1) if number % 2 else SoftReset())
    actions += [SoftReset(), Send(packet), Read(("STATUS",)), *session([case])[1:]]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    del answer.results[0]
    check_maps(answer, [case])


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_run_goes_on_where_the_one_before_was_held(simulator):
    """The second run finds the first one's activations, so that its source is what was last written there."""
    config = MAP_CONFIGS["maps2"]
    (case,) = random_cases(config, 7, [["positive", "depthwise"]])
    packet = encode_input(config, case.inputs[1])
    actions: list[Action] = [Reset(2), Send(encode_network(case.image)), Send(packet)]
    actions += [Start(hold=True), Wait(Status.DONE), Start(resume=True), Collect(), Read(("STATUS", "CYCLES"))]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    assert answer.results[1]["CYCLES"] > sum(sum(layer.phases) for layer in expected_layers(case.image, case.inputs[1]))


def hostile(rng: np.random.Generator, geometry: MapDescriptor) -> MapDescriptor:
    """Some fields with any bits; those that CHECK looks at, and sizes that decide how long it takes, mostly stay."""
    fields = [name for name in MAP_FIELDS if name != "columns" and (name != "out_channels" or rng.random() < 0.1)]
    chosen = rng.choice(fields, int(rng.integers(1, 6)), replace=False)
    changes = {str(name): int(rng.integers(0, 1 << MAP_FIELDS[name].width)) for name in chosen}
    return replace(geometry, **{name: bool(v) if MAP_FIELDS[name].width == 1 else v for name, v in changes.items()})


def check_spoiled(config, runs: Iterable[tuple[NetworkImage, NDArray[np.int16]]], simulator, cycles: int) -> int:
    """Images that CHECK may refuse, each with an input: RTL does what the model does, and has ended after `cycles`.

    How many of them could be written.
    """
    actions: list[Action] = [Reset(2)]
    for image, activations in runs:
        try:
            words = encode_network(image)
        except ValueError:
            continue  # fewer bias rows than the descriptor says
        actions += [Send(words), Send(encode_input(config, activations)), Start(), Idle(cycles, take=True)]
        actions += [Read(("STATUS",)), Reset(1)]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    assert all(not read["STATUS"] & 0b0110 for read in answer.results)
    return len(answer.results)


@pytest.mark.parametrize("simulator", simulators("icarus"))
@pytest.mark.parametrize("name", ["maps2", "maps3"])
def test_any_descriptor_ends_and_does_in_rtl_what_it_does_in_the_model(name, simulator):
    config = MAP_CONFIGS[name]
    rng = np.random.default_rng(5)
    runs: list[tuple[NetworkImage, NDArray[np.int16]]] = []
    for case in random_cases(config, 6, [[str(kind)] for kind in rng.choice(KINDS, 8)]):
        layers = [
            replace(layer, map=hostile(rng, layer.map), first_row=int(rng.integers(0, 1 << 16)))
            for layer in case.image.layers
            if layer.map is not None
        ]
        runs.append((replace(case.image, layers=tuple(layers)), case.inputs[1]))
    assert check_spoiled(config, runs, simulator, 1500) > 3


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_hostile_descriptors(simulator):
    """The same error in the same cycle, and a network that runs after a soft reset."""
    actions: list[Action] = [Reset(2)]
    for each in hostile_maps.corpus():
        actions += attack(each)
    answer = run_job(hostile_maps.CONFIG, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    for each, shown, outputs in zip(hostile_maps.corpus(), answer.results[::2], answer.results[1::2], strict=True):
        check_attack(each, shown, outputs)


RANDOM = {
    "config": configs((16, 8)),
    "kinds": st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    "seed": st.integers(0, 1 << 16),
}


def check_random(config: ArrayConfig, kinds: list[str], seed: int) -> None:
    cases = random_cases(config, seed, [kinds], 2000)
    check_maps(run_job(config, session(cases, stall=0.1), "icarus", lockstep=True, seed=seed), cases)


@pytest.mark.parametrize("simulator", simulators("icarus"))
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(**RANDOM)
def test_random_networks(simulator, config, kinds, seed):
    check_random(config, kinds, seed)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("icarus"))
@settings(max_examples=100, derandomize=False, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(**RANDOM)
def test_many_random_networks(simulator, config, kinds, seed):
    check_random(config, kinds, seed)
