"""Ladder step 2 with `functions`: RTL and stepped model in lock-step: blocks, both functions, products, loops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.function_descriptor import FUNCTION_DESCRIPTOR_WORDS, Block, FunctionDescriptor
from model.image import NetworkImage
from model.registers import Error
from sim.rtl.cosim import run_job
from sim.rtl.host_program import Action, Idle, Read, Reset, Send, SoftReset, Start
from sim.rtl.simulators import SimulatorName
from tests.ladder.test_maps import configs
from tests.sim.rtl.test_lockstep_maps import MAP_CONFIGS, check_maps, check_spoiled, hostile, random_cases
from tests.support.hw.rtl import Case, session, simulators
from tests.support.images.function_programs import with_functions
from tests.support.images.map_programs import KINDS
from tests.support.images.random_images import encode_input, encode_network

CONFIGS = {
    f"functions{name[4:]}": config.with_(name=f"functions{name[4:]}", functions=True, activation_bits=16)
    for name, config in MAP_CONFIGS.items()
}


def function_cases(config: ArrayConfig, seed: int, kinds: list[list[str]], magnitude: int = 200) -> list[Case]:
    """Networks of these kinds of layers, most of their layers with blocks, some in loops; two inputs each."""
    rng = np.random.default_rng(seed)
    cases = random_cases(config, seed, kinds, magnitude)
    return [replace(case, image=with_functions(rng, case.image)) for case in cases]


def check(cases: list[Case], simulator: SimulatorName, stall: float = 0.0, seed: int = 0) -> None:
    """Every input fills the whole memory: what a second operand or an offset names is then the same in every run."""
    config = cases[0].image.config
    filled = [replace(case, inputs=[filling(config, activations) for activations in case.inputs]) for case in cases]
    check_maps(run_job(config, session(filled, stall), simulator, lockstep=True, seed=seed), cases)


def filling(config: ArrayConfig, activations: NDArray[np.int16]) -> NDArray[np.int16]:
    """The activations, and zeros behind them."""
    everything = np.zeros(config.activation_depth * config.pes, np.int16)
    everything[: activations.size] = activations
    return everything


@pytest.mark.parametrize("simulator", simulators("icarus"))
@pytest.mark.parametrize(
    "name", ["functions3", *(pytest.param(name, marks=pytest.mark.slow) for name in CONFIGS if name != "functions3")]
)
def test_every_array(name, simulator):
    """Sums as large as an activation, so that the functions see all of their arguments."""
    kinds = [["connected", "connected", "residual"], ["depthwise"]]
    check(function_cases(CONFIGS[name], 1, kinds, magnitude=32767), simulator, stall=0.1)


@pytest.mark.parametrize("simulator", simulators("verilator"))
def test_on_verilator(simulator):
    check(function_cases(CONFIGS["functions3"], 2, [[kind] for kind in KINDS], magnitude=5000), simulator)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_resets_in_the_middle_leave_nothing_behind(simulator):
    """In every state, also while second operands are read and between iterations; then the loop begins again."""
    config = CONFIGS["functions2"].with_(accumulator_depth=48)
    (case,) = random_cases(config, 4, [["residual", "connected"]])
    block = Block(function=True, product=True, product_shift=15, second=1, second_moves=1)
    ends = FunctionDescriptor(loop_count=3, loop_back=0, moves=True, blocked=True, source_step=1, blocks=(block,) * 4)
    image = replace(case.image, layers=tuple(replace(layer, functions=ends) for layer in case.image.layers))
    case = replace(case, image=image)
    words, packet = encode_network(image), encode_input(config, case.inputs[0])
    actions: list[Action] = [Reset(2)]
    for number, cycles in enumerate((75, 130, 180)):
        actions += [Send(words), Send(packet), Start(), Idle(cycles, take=True)]
        actions.append(Reset(1) if number % 2 else SoftReset())
    filled = replace(case, inputs=[filling(config, activations) for activations in case.inputs])
    actions += [SoftReset(), Send(packet), Read(("STATUS",)), *session([filled])[1:]]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    del answer.results[0]
    check_maps(answer, [case])


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_loop_may_not_begin_before_the_end_of_another(simulator):
    """The third layer may go back one layer if the second ends a loop, two if it does not; not before layer 0."""
    config = CONFIGS["functions2"]
    (case,) = random_cases(config, 9, [["residual", "residual", "residual"]])
    first, *others = case.image.layers
    middle, last = others[-2:]
    actions: list[Action] = [Reset(2)]
    wanted = []
    for inner, back, fits in ((2, 0, True), (2, 1, False), (1, 2, True), (0, 2, True), (1, 3, False)):
        ends = {1: FunctionDescriptor(loop_count=inner), 2: FunctionDescriptor(loop_count=2, loop_back=back)}
        layers = (first, replace(middle, functions=ends[1]), replace(last, functions=ends[2]))
        image = replace(case.image, layers=layers)
        # A loop count of 1 is no loop, wherever it goes back to.
        actions += [Send(encode_network(image)), Read(("STATUS",)), SoftReset()]
        wanted.append(Error.NONE if fits else Error.DESCRIPTOR)
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    assert [read["STATUS"] >> 8 & 0xF for read in answer.results] == wanted


def any_functions(rng: np.random.Generator) -> FunctionDescriptor:
    """Any bits, but few iterations: a loop of 65535 ends, too, only later."""
    anything = FunctionDescriptor.unpack(rng.integers(0, 1 << 32, FUNCTION_DESCRIPTOR_WORDS).tolist())
    return replace(anything, loop_count=int(rng.integers(0, 5)), loop_back=int(rng.integers(0, 3)))


@pytest.mark.parametrize("simulator", simulators("icarus"))
@pytest.mark.parametrize("name", ["functions2", pytest.param("functions3", marks=pytest.mark.slow)])
def test_any_descriptor_ends_and_does_in_rtl_what_it_does_in_the_model(name, simulator):
    config = CONFIGS[name].with_(accumulator_depth=64)
    rng = np.random.default_rng(5)
    runs: list[tuple[NetworkImage, NDArray[np.int16]]] = []
    for case in random_cases(config, 6, [[str(kind)] for kind in rng.choice(KINDS, 4)]):
        layers = [
            replace(layer, map=hostile(rng, layer.map), functions=any_functions(rng))
            for layer in case.image.layers
            if layer.map is not None
        ]
        runs.append((replace(case.image, layers=tuple(layers)), case.inputs[1]))
    assert check_spoiled(config, runs, simulator, 1000) > 1


RANDOM = {
    "config": configs(),
    "kinds": st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    "seed": st.integers(0, 1 << 16),
}


def check_random(config: ArrayConfig, kinds: list[str], seed: int) -> None:
    config = config.with_(functions=True)
    check(function_cases(config, seed, [kinds], 2000), "icarus", stall=0.1, seed=seed)


@pytest.mark.parametrize("simulator", simulators("icarus"))
@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(**RANDOM)
def test_random_networks(simulator, config, kinds, seed):
    check_random(config, kinds, seed)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("icarus"))
@settings(max_examples=100, derandomize=False, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(**RANDOM)
def test_many_random_networks(simulator, config, kinds, seed):
    check_random(config, kinds, seed)
