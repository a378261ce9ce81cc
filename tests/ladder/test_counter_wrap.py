"""Counters a few events before 2^32: stepped model and RTL go on from 0, the engine counts on, and users are told."""

import dataclasses
import re

import numpy as np
import pytest

from hw.verilog import verilog_text
from model.engine import run_image
from model.layouts import COUNTER_BITS
from model.registers import PeCounter
from model.stepped.array import SteppedArray
from sim.rtl.cosim import RtlResult, run_job
from sim.rtl.host_program import Collect, ReadCounters, Reset, Send, Start
from sim.rtl.verification import all_equal, compare_runs
from sim.simulation.ranges import Ranges, exact_cycles
from tests.support.hw.rtl import simulators
from tests.support.hw.stepped import Host
from tests.support.images.random_images import (
    encode_input,
    encode_passes,
    random_activations,
    random_network_image,
    small_config,
)

LIMIT = 1 << COUNTER_BITS
BEFORE = 5  # events
CONFIG = small_config(pes=2, stream_bits=32)
OF_THE_ARRAY = ("cycles", "broadcasts", "stalls")
OF_A_PE = [counter for counter in PeCounter if counter is not PeCounter.DECODED_SYMBOLS]  # which LOAD clears
OF_CLEAR = (PeCounter.ACCUMULATOR_READS, PeCounter.ACCUMULATOR_WRITES)  # the state after reset counts a row each


def network():
    """An image, an input in physical order, and the engine's run."""
    rng = np.random.default_rng(3)
    image = random_network_image(rng, CONFIG, [14, 12, 10], 0.6)
    activations = random_activations(rng, image, density=1.0)
    (run,) = run_image(image, activations[np.newaxis])
    return image, activations, run


def actions():
    """A start with resume clears no counter."""
    image, activations, _ = network()
    (words,) = encode_passes(image, np.random.default_rng(0), "random")
    packet = encode_input(CONFIG, activations)
    return [Send(words, 0.0), Send(packet, 0.0), Start(resume=True), Collect(0.0), ReadCounters()]


def preset(verilog: str, name: str) -> str:
    """The Verilog with a register that reset brings to 2^32 - BEFORE instead of 0."""
    (following,) = re.findall(rf"^    {name} <= (\\\$\d+) ;$", verilog, re.MULTILINE)
    old = f"if (rst) begin\n      {following}  = {COUNTER_BITS}'d0;"
    assert verilog.count(old) == 1
    return verilog.replace(old, old.replace("'d0", f"'d{LIMIT - BEFORE}"))


def check(registers: dict[str, int], counters: list[list[int]]) -> None:
    _, _, run = network()
    for name in OF_THE_ARRAY:
        assert registers[name.upper()] == (getattr(run, name) - BEFORE) % LIMIT, name
    assert registers["CYCLES"] < LIMIT // 2, "it has wrapped"
    for pe, got in enumerate(counters):
        for counter in OF_A_PE:
            cleared = CONFIG.activation_depth if counter in OF_CLEAR else 0
            assert got[counter] == (int(run.counters[counter, pe]) + cleared - BEFORE) % LIMIT, counter.name


def test_the_stepped_model_wraps() -> None:
    array = SteppedArray(CONFIG)
    host = Host(array)
    host.reset()
    array.controller.cycles = array.controller.stalls = array.controller.broadcast_count = LIMIT - BEFORE
    for pe in array.pes:
        for counter in OF_A_PE:
            pe.counters[counter] = LIMIT - BEFORE
    *_, (registers, counters) = host.perform(*actions())
    check(registers, counters)


@pytest.mark.parametrize("simulator", simulators("icarus"))
def test_the_rtl_wraps(simulator) -> None:
    texts = verilog_text(CONFIG)
    for name in OF_THE_ARRAY:
        texts["eie_array.v"] = preset(texts["eie_array.v"], name)
    for counter in OF_A_PE:
        texts["eie_pe.v"] = preset(texts["eie_pe.v"], counter.name.lower())
    answer = run_job(CONFIG, [Reset(2), *actions()], simulator, texts=texts)
    assert answer.failure is None, answer.failure
    check(*answer.results[-1])


def test_the_engine_counts_on_and_is_compared_as_registers_show_it() -> None:
    image, _, run = network()
    long = dataclasses.replace(run, layers=(dataclasses.replace(run.layers[0], drain_cycles=LIMIT), *run.layers[1:]))
    assert long.cycles > LIMIT
    outputs = np.array([run.outputs[image.output_order]], np.int16)
    rtl = RtlResult(
        outputs=outputs,
        cycles=[long.cycles - LIMIT],
        broadcasts=[run.broadcasts],
        stalls=[run.stalls],
        overflow=[run.overflow],
        counters=[run.counters],
        seconds=1.0,
        simulated_cycles=1,
    )
    assert all_equal(compare_runs(image, outputs, [long], rtl))
    other = dataclasses.replace(rtl, cycles=[long.cycles - LIMIT + 1])
    assert not all_equal(compare_runs(image, outputs, [long], other))


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_run_that_wraps_is_told(lanes: int) -> None:
    array = CONFIG.with_(broadcasts_per_cycle=lanes)
    none = np.zeros(2, bool)
    least = exact_cycles(array)
    assert least == LIMIT // lanes
    assert Ranges.of(none, none, array, np.array([least - 1, 7])).remarks == []
    told = Ranges.of(none, none, array, np.array([least, 7]))
    (remark,) = told.remarks
    assert remark.startswith("1 of 2 inputs run for longer than the array's counters of 32 bits count")
    assert told.payload["wrapped_inputs"] == 1
