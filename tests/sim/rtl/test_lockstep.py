"""Ladder step 2: the RTL and the stepped model in lock-step, every architectural register in every cycle."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.verilog import verilog_text
from model.config import ArrayConfig
from model.engine import run_image
from model.layouts import Opcode, header
from model.registers import STATUS_ERROR_SHIFT, Error
from sim.rtl.cosim import run_job
from sim.rtl.host_program import Action, Collect, Idle, Read, ReadCounters, Reset, Send, SoftReset, Start, Write
from tests.ladder.test_agreement import configurations
from tests.support.hw.rtl import CONFIGS, Case, case_actions, check_answer, session, simulators
from tests.support.images.random_images import (
    column_tiles,
    encode_input,
    encode_layer,
    encode_network,
    layer_from_codes,
    network,
    random_activations,
    random_network_image,
    unpack_lanes,
)


def ordinary_cases(config: ArrayConfig, seed: int) -> list[Case]:
    """Networks with every structural corner, sized for the smallest of the configurations."""
    rng = np.random.default_rng(seed)
    pes, codes = config.pes, config.code_symbols
    most = (config.activation_depth - 1) * pes
    smallest = -1 << config.activation_bits - 1

    def inputs(image, *densities):
        return [random_activations(rng, image, density, 3000) for density in densities]

    def single(weight_codes, **values):
        book = rng.integers(-500, 500, codes).astype(np.int16)
        book[0] = 0
        rows = weight_codes.shape[0]
        biases = rng.integers(-500, 500, rows).astype(np.int16)
        layer = layer_from_codes(
            config, weight_codes, book, biases, **{"bias_scale": 4, "shift": 3, "relu": False, **values}
        )
        return network(config, [layer], weight_codes.shape[1], rows)

    def cases():
        chain = random_network_image(rng, config, [2 * pes + 1, pes + 2, 3], 0.5)
        yield Case(chain, inputs(chain, 0.7, 1.0, 0.0))  # back to back without reset, one input all zero
        few = random_network_image(rng, config, [5, max(1, pes - 1)], 1.0)  # more PEs than rows
        yield Case(few, inputs(few, 1.0))
        tall = rng.integers(1, codes, (most, 6)) * (rng.random((most, 6)) < 0.06)  # fillers
        tall[-1, 2] = 1  # a run of them up to the last row
        tall[: most - pes, 2] = 0
        yield Case(single(tall), inputs(single(tall), 1.0), "longest")
        dense = rng.integers(1, codes, (3 * pes, 7))  # density 1, queue fills
        yield Case(single(dense), inputs(single(dense), 1.0), "balanced")
        holes = rng.integers(1, codes, (2 * pes, 3 * pes + 1))
        holes[:, ::2] = 0  # empty columns
        holes[::2] = 0  # and empty rows
        yield Case(single(holes, relu=True), inputs(single(holes), 0.5, 1.0))
        nothing = np.zeros((pes + 1, 4), dtype=int)  # an all-zero layer: a one-symbol code, biases only
        yield Case(single(nothing, shift=0), inputs(single(nothing), 1.0))
        same = np.ones((pes, 9), dtype=int)  # one weight code; the same accumulator every time
        yield Case(single(same, shift=0), inputs(single(same), 1.0))
        wide = random_network_image(rng, config, [4 * pes, 2 * pes + 1], 0.4)
        (layer,) = wide.layers  # column tiles, the second of a single row
        tiles = column_tiles(layer, [2, 3][: config.layers - 1])
        yield Case(replace(wide, layers=tuple(tiles)), inputs(wide, 0.5, 1.0))
        first, second = random_network_image(rng, config, [3 * pes, 2 * pes, pes + 1], 0.4).layers
        passes = [*column_tiles(first, [1]), *column_tiles(second, [1])]  # loaded in turn, between runs
        cut = replace(network(config, passes, 3 * pes, pes + 1), pass_starts=(0, 1, 3))
        yield Case(cut, inputs(cut, 0.5, 1.0))
        loud = single(dense, bias_scale=1 << config.activation_bits - 2, shift=0)  # saturation
        yield Case(
            loud, [np.full(loud.layers[0].columns, smallest, dtype=np.int16) * (np.arange(loud.layers[0].columns) < 7)]
        )

    return [Case(c.image, [np.asarray(x, dtype=np.int16) for x in c.inputs], c.shape) for c in cases()]


@pytest.mark.parametrize(
    ("name", "simulator"),
    [
        pytest.param(name, *each.values, marks=each.marks)
        for name in CONFIGS
        for each in simulators(slow=[] if name == "tiny4" else ["verilator"])
    ],
)
def test_every_structure(name, simulator):
    config = CONFIGS[name]
    cases = ordinary_cases(config, seed=1)
    check_answer(run_job(config, session(cases), simulator, lockstep=True), cases)


@pytest.mark.parametrize("simulator", simulators())
def test_stalls_on_both_streams(simulator):
    config = CONFIGS["tiny4"]
    cases = ordinary_cases(config, seed=2)[:4]
    check_answer(run_job(config, session(cases, stall=0.5), simulator, lockstep=True, seed=3), cases)


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_overflow_is_flagged_in_the_same_cycle(simulator):
    config = CONFIGS["tiny4"]
    codes = np.ones((4, 8), dtype=int)
    book = np.zeros(16, dtype=np.int16)
    book[1] = 32767
    image = network(
        config, [layer_from_codes(config, codes, book, np.zeros(4), bias_scale=1, shift=16, relu=False)], 8, 4
    )
    loud, quiet = np.full(8, 32767, dtype=np.int16), np.full(8, 100, dtype=np.int16)
    cases = [Case(image, [loud, quiet])]
    answer = run_job(config, session(cases), simulator, lockstep=True)
    check_answer(answer, cases)
    assert [read[0]["STATUS"] >> 4 & 1 for read in answer.results[1::2]] == [1, 0]


@pytest.mark.parametrize("simulator", simulators())
def test_reset_in_the_middle_leaves_nothing_behind(simulator):
    config = CONFIGS["tiny4"]
    cases = ordinary_cases(config, seed=4)
    words = encode_network(cases[0].image)
    packet = encode_input(config, cases[0].inputs[0])
    actions: list[Action] = [Reset(2)]
    for cycles in (3, 11, 25, 38):
        actions += [Send(words), Send(packet), Start(), Idle(cycles), Reset(1)]
    actions += [Send(words[: len(words) // 2]), Reset(1), Send(words), Send(packet[:-1]), Reset(1)]
    again = cases[:2]
    for number, case in enumerate(again):
        actions += case_actions(case, seed=number)
    check_answer(run_job(config, actions, simulator, lockstep=True), again)


def interrupted_run(words: list[int], packet: list[int], rng: np.random.Generator) -> list[Action]:
    """Load and run, and a soft reset at a random moment: while loading, running or unloading."""
    moment = rng.integers(3)
    if moment == 0:
        return [Send(words[: int(rng.integers(1, len(words)))], stall=0.1), SoftReset()]
    actions: list[Action] = [Send(words), Send(packet), Start(hold=bool(rng.integers(2)))]
    return [*actions, Idle(int(rng.integers(1, 120)), take=moment == 2), SoftReset()]


@pytest.mark.parametrize("simulator", simulators("icarus"))
@pytest.mark.parametrize("name", ["tiny4", "odd3", "pairs5"])
def test_a_soft_reset_at_any_moment(name, simulator):
    config = CONFIGS[name]
    rng = np.random.default_rng(8)
    cases = ordinary_cases(config, seed=4)[:2]
    words = encode_network(cases[0].image)
    packet = encode_input(config, cases[0].inputs[0])
    actions: list[Action] = [Reset(2), Write("IRQ_ENABLE", 3), Write("PE_SELECT", 1)]
    for _ in range(16):
        actions += interrupted_run(words, packet, rng)
        if rng.integers(2):
            actions += [Idle(int(rng.integers(20))), Write("CONTROL", int(rng.integers(16)))]
    for number, case in enumerate(cases):
        actions += [SoftReset(), *case_actions(case, seed=number)]
    check_answer(run_job(config, actions, simulator, lockstep=True), cases)


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_network_runs_after_a_soft_reset_without_being_loaded_again(simulator):
    config = CONFIGS["tiny4"]
    case = ordinary_cases(config, seed=4)[0]
    load, *runs = case_actions(case)
    actions: list[Action] = [Reset(2), load]
    for cycles in (0, 7, 33, 60, 200):
        actions += [*runs[:2], Idle(cycles, take=cycles > 100), SoftReset(), *runs[:3], Read(("CYCLES", "STATUS"))]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    wanted = run_image(case.image, np.array(case.inputs[:1]))[0]
    for outputs, shown in zip(answer.results[0::2], answer.results[1::2], strict=True):
        assert unpack_lanes(outputs, config.lanes).tolist() == wanted.outputs.tolist()
        assert shown == {"CYCLES": wanted.cycles, "STATUS": 0b01001 | wanted.overflow << 4}


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_transfers_end_with_their_packets_or_are_cut(simulator):
    config = CONFIGS["tiny4"]
    case = ordinary_cases(config, seed=4)[0]
    layers = [encode_layer(config, layer) for layer in case.image.layers]
    packet = encode_input(config, case.inputs[0])
    cut: list[list[int]] = [[*layers[0][:at]] for at in (1, 2, 5, 6, 69, 86, len(layers[0]) - 1)] + [packet[:1]]
    actions: list[Action] = [Reset(2)]
    for words in cut:
        actions += [Send(words, last=True), Idle(3), Read(("STATUS",)), SoftReset(), Send([header(Opcode.LOAD)])]
    for words in ([header(Opcode.LOAD)], *layers, packet):
        actions.append(Send(words, last=True))
    actions += [Start(), Collect(), Read(("STATUS",))]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    *shown, outputs, status = answer.results
    assert [Error(read["STATUS"] >> STATUS_ERROR_SHIFT) for read in shown] == [Error.TRUNCATED] * len(cut)
    assert status["STATUS"] >> STATUS_ERROR_SHIFT == Error.NONE
    assert (
        unpack_lanes(outputs, config.lanes).tolist() == run_image(case.image, case.inputs[0][None])[0].outputs.tolist()
    )


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_interrupts(simulator):
    """Every order of enabling, happening and clearing; the output is compared in every cycle."""
    config = CONFIGS["tiny4"]
    case = ordinary_cases(config, seed=4)[0]
    load, *runs = case_actions(case)
    rng = np.random.default_rng(6)
    actions: list[Action] = [Reset(2), load]
    for enable in (0, 1, 2, 3):
        actions += [Write("IRQ_ENABLE", enable), runs[0], Start()]
        for _ in range(40):
            actions += [Idle(int(rng.integers(5)), take=True), Write("IRQ_STATUS", int(rng.integers(4)))]
        actions += [Idle(200, take=True), Write("IRQ_STATUS", 1), Send([0xFE]), Write("IRQ_STATUS", 2), Idle(3)]
        actions += [Read(("IRQ_STATUS", "IRQ_ENABLE", "ERROR_PE")), SoftReset(), Idle(3), Write("IRQ_STATUS", 3)]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    assert [shown["IRQ_ENABLE"] for shown in answer.results] == [0, 1, 2, 3]
    assert [shown["IRQ_STATUS"] for shown in answer.results] == [2, 2, 2, 2]


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_bad_packets_end_in_the_named_error(simulator):
    config = CONFIGS["tiny4"]
    good = ordinary_cases(config, seed=5)[0]
    layer = good.image.layers[0]
    packet = encode_layer(config, layer)
    impossible = list(packet)
    impossible[1] = 0  # no local rows
    no_codes = list(packet)
    no_codes[5 : 5 + config.tree_words] = [0] * config.tree_words
    bad: list[tuple[Error, list[int]]] = [
        (Error.OPCODE, [0xFE]),
        (Error.LAYERS, [header(Opcode.LOAD), *packet * (config.layers + 1)]),
        (Error.DESCRIPTOR, impossible),
        (Error.CODE, no_codes),
        (Error.STREAM, encode_layer(config, layer, drop_words=1)),
        (Error.INPUT, [header(Opcode.INPUT, config.activation_depth + 1)]),
    ]
    actions: list[Action] = [Reset(2)]
    for _, words in bad:
        actions += [Send(words), Idle(40), Send([1, 2, 3]), ReadCounters(), Reset(1)]
    actions += [Start(), Idle(1), ReadCounters(), *case_actions(good)]
    answer = run_job(config, actions, simulator, lockstep=True)
    assert answer.failure is None, answer.failure
    causes = [read[0]["STATUS"] >> 8 & 0xFF for read in answer.results[: len(bad) + 1]]
    assert causes == [*(cause for cause, _ in bad), Error.START]
    answer.results[: len(bad) + 1] = []
    check_answer(answer, [good])


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_a_divergence_names_cycle_unit_wanted_and_got(simulator):
    config = CONFIGS["tiny4"]
    other = verilog_text(config.with_(queue_depth=config.queue_depth + 1), debug=True)
    answer = run_job(config, session(ordinary_cases(config, seed=6)[3:4]), simulator, lockstep=True, texts=other)
    assert answer.failure is not None
    assert answer.failure.startswith("cycle ")
    assert ": wanted 0x" in answer.failure
    assert ", got 0x" in answer.failure


def check_random_configuration(config: ArrayConfig, sizes: list[int], density: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = random_network_image(rng, config, sizes, density, 2000)
    cases = [Case(image, [random_activations(rng, image, activity, 2000) for activity in (0.3, 1.0)])]
    check_answer(run_job(config, session(cases, stall=0.1), "icarus", lockstep=True, seed=seed), cases)


RANDOM = {
    "config": configurations((16, 8)),
    "sizes": st.lists(st.integers(1, 16), min_size=2, max_size=4),
    "density": st.sampled_from([0.1, 0.4, 1.0]),
    "seed": st.integers(0, 1 << 16),
}


@pytest.mark.parametrize("simulator", simulators("icarus"))
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(**RANDOM)
def test_random_configurations(simulator, config, sizes, density, seed):
    check_random_configuration(config, sizes, density, seed)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", simulators("icarus"))
@settings(max_examples=100, derandomize=False, suppress_health_check=[HealthCheck.too_slow])
@given(**RANDOM)
def test_many_random_configurations(simulator, config, sizes, density, seed):
    check_random_configuration(config, sizes, density, seed)
