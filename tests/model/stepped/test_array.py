"""The stepped array as a whole: order of units, reset, debug fields, registers."""

import random

import numpy as np
import pytest

from model.layouts import ControlState, array_debug_fields, pe_debug_fields
from model.registers import ADDRESS, ID_VALUE, READ_LATENCY, VERSION, Control, Error, PeCounter
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs
from sim.rtl.host_program import Idle, Start
from tests.support.images.agreement import Bench
from tests.support.images.random_images import (
    encode_input,
    encode_network,
    layer_from_codes,
    network,
    random_activations,
    random_network_image,
    small_config,
)


def recorded_inputs(image, activations) -> list[Inputs]:
    """Every cycle of loading and running a network, with some pauses."""
    bench = Bench(image, stall=0.3)
    recorded: list[Inputs] = []

    def record(inputs, outputs):
        recorded.append(inputs)
        bench.tracer(inputs, outputs)

    bench.host.observe = record
    bench.load(np.random.default_rng(2), "random")
    bench.check(activations)
    return recorded


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_units_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    image = random_network_image(rng, small_config(pes=3, queue_depth=2), [9, 7, 5], 0.5)
    inputs = recorded_inputs(image, random_activations(rng, image, 0.7))
    plain, shuffled = SteppedArray(image.config), SteppedArray(image.config)
    chance = random.Random(seed)

    def arrange(calls):
        chance.shuffle(calls)
        for pe in shuffled.pes:
            chance.shuffle(pe.units)

    for cycle_inputs in inputs:
        assert plain.outputs(cycle_inputs) == shuffled.outputs(cycle_inputs)
        assert plain.debug() == shuffled.debug()
        plain.step(cycle_inputs)
        shuffled.step(cycle_inputs, arrange)


@pytest.mark.parametrize("pe_counters", [True, False])
@pytest.mark.parametrize("pes", [1, 3])
def test_debug_has_the_fields_of_the_contract(pes, pe_counters):
    rng = np.random.default_rng(0)
    config = small_config(pes=pes, pe_counters=pe_counters)
    image = random_network_image(rng, config, [6, 7], 0.6, magnitude=32767)
    array = SteppedArray(config)
    for inputs in recorded_inputs(image, random_activations(rng, image, 0.9, 32767)):
        fields, pes_fields = array.debug()
        for contract, values in [
            (array_debug_fields(config), fields),
            *((pe_debug_fields(config), values) for values in pes_fields),
        ]:
            assert [field.name for field in contract] == list(values)
            assert all(0 <= values[field.name] < 1 << field.width for field in contract)
        array.step(inputs)


@pytest.mark.parametrize("after", [1, 7, 14, 25, 60])
@pytest.mark.parametrize("reset_cycles", [1, 3])
def test_reset_in_the_middle_of_a_run(after, reset_cycles):
    """Accumulators hold partial sums when the reset comes; they must not reach the next run."""
    rng = np.random.default_rng(after)
    image = random_network_image(rng, small_config(), [16, 30, 12], 0.8)
    activations = random_activations(rng, image, 1.0)
    bench = Bench(image)
    bench.load(rng)
    bench.host.load(encode_input(image.config, activations))
    bench.host.start()
    for _ in range(after):
        bench.host.tick()
    assert bench.array.controller.state not in (ControlState.IDLE, ControlState.CLEAR)
    bench.host.reset(reset_cycles)
    fields, pes = bench.array.debug()
    assert fields == SteppedArray(image.config).debug()[0]
    assert pes == SteppedArray(image.config).debug()[1]
    bench.load(rng)
    bench.check(activations)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_reset_in_the_middle_of_loading(part):
    rng = np.random.default_rng(9)
    image = random_network_image(rng, small_config(), [16, 30], 0.8)
    words = encode_network(image)
    bench = Bench(image)
    bench.host.send(words[: int(part * len(words))])
    bench.host.reset()
    bench.load(rng)
    bench.check(random_activations(rng, image, 0.5))


def test_an_input_right_after_reset_is_kept():
    """The outputs of the accumulator clearing are still in the pipeline while the first words come in."""
    rng = np.random.default_rng(3)
    image = random_network_image(rng, small_config(), [40, 12], 0.8)
    activations = random_activations(rng, image, 1.0)
    array = Bench(image).array
    inputs = [*encode_input(image.config, activations), *encode_network(image)]
    while inputs:
        offer = Inputs(i_valid=1, i_data=inputs[0])
        if array.outputs(offer).i_ready:
            del inputs[0]
        array.step(offer)
    kept = [pe.activation_memory.words.words[: image.layers[0].in_rows] for pe in array.pes]
    assert np.array(kept).T.reshape(-1).tolist() == activations.tolist()


def test_a_layer_by_hand_cycle_by_cycle():
    """One PE, one weight of 3 times 5, every stage of the pipeline in its cycle (sections 6 and 7)."""
    config = small_config(pes=1)
    codebook = np.array([0, 3] + [0] * 14, dtype=np.int16)
    image = network(config, [layer_from_codes(config, np.array([[1]]), codebook, [4], bias_scale=2)], 1, 1)
    bench = Bench(image)
    bench.load()
    bench.host.load(encode_input(config, np.array([5], dtype=np.int16)))
    bench.host.start()
    bench.host.tick()
    seen = []
    while bench.array.controller.state != ControlState.UNLOAD_0:
        fields, (pe,) = bench.array.debug()
        seen.append((ControlState(fields["control_state"]).name, fields, pe))
        bench.host.tick()
    assert [state for state, _, _ in seen] == [
        *("PREFETCH_0", "PREFETCH_1", "PREFETCH_2", "PREFETCH_3", "BROADCAST"),
        *["DRAIN"] * 7,
        "WRITE_BACK",
        *["FLUSH"] * 9,
    ]

    def cycles(name):
        return [cycle for cycle, (_, fields, pe) in enumerate(seen) if (fields | pe)[name]]

    assert cycles("read") == [2, 3, 4]
    assert cycles("shift") == [3, 4]
    assert cycles("pending") == [4]
    assert cycles("select_valid_0") == [5]
    assert cycles("current")[0] == 5
    assert cycles("broadcast_valid_0") == [6]
    assert cycles("p_valid_0") == [7]
    assert cycles("q_valid_0") == [8]
    assert cycles("queue_count") == [9, 10]
    assert cycles("issue_valid") == [10]
    for delay, stage in enumerate("msdwxrck"):
        assert cycles(f"{stage}_valid") == [11 + delay, 13 + delay]
    assert cycles("o_valid") == [21]
    assert [seen[cycle][2]["k_sum"] for cycle in (18, 20)] == [15, 15 + 4 * 2]
    assert seen[21][2]["o_value"] == 23
    assert cycles("entries")[0] == 11
    assert cycles("pointer_reads")[0] == 7
    assert cycles("accumulator_reads")[0] == 16
    assert cycles("accumulator_writes")[0] == 19


def test_two_broadcasts_in_a_cycle():
    """Five active columns of two local rows, three PEs: pairs from the lowest, an odd one alone."""
    config = small_config(pes=3, broadcasts_per_cycle=2, queue_depth=8)
    codes = np.ones((3, 6), dtype=int)
    image = network(config, [layer_from_codes(config, codes, np.arange(16, dtype=np.int16), [0] * 3)], 6, 3)
    bench = Bench(image)
    bench.load()
    bench.host.load(encode_input(config, np.array([7, 8, 9, 0, 5, 6], dtype=np.int16)))
    bench.host.start()
    bench.host.tick()
    selected, sent = [], []
    while bench.array.controller.state != ControlState.WRITE_BACK:
        fields = bench.array.debug()[0]
        lanes = [lane for lane in (0, 1) if fields[f"select_valid_{lane}"]]
        selected.append((fields["select_base"], [fields[f"select_pe_{lane}"] for lane in lanes]) if lanes else None)
        sent.append(
            [
                (fields[f"broadcast_activation_{lane}"], fields[f"broadcast_pointer_{lane}"])
                for lane in (0, 1)
                if fields[f"broadcast_valid_{lane}"]
            ]
        )
        bench.host.tick()
    assert selected[:9] == [None] * 5 + [(0, [0, 1]), (0, [2]), (3, [1, 2]), None]
    assert sent[:10] == [[]] * 6 + [[(7, 0), (8, 1)], [(9, 2)], [(5, 4), (6, 5)], []]
    assert not any(selected[9:])
    assert not any(sent[10:])
    assert fields["broadcasts"] == 5


@pytest.mark.parametrize("pes", [2, 5])
def test_unloading_by_hand(pes):
    """Three cycles, then the words of a row, and a cycle in which the next row moves up; after the last none."""
    config = small_config(pes=pes, stream_bits=32, activation_depth=5)
    rng = np.random.default_rng(pes)
    image = random_network_image(rng, config, [pes, 4 * pes], 1.0)
    bench = Bench(image)
    bench.load()
    bench.host.load(encode_input(config, random_activations(rng, image, 1.0)))
    bench.host.start()
    while bench.array.controller.state != ControlState.UNLOAD_0:
        bench.host.tick()
    given = []
    while bench.array.controller.state != ControlState.IDLE:
        outputs = bench.host.tick(Inputs(o_ready=1))
        given.append((outputs.o_valid, outputs.o_valid and outputs.o_last))
    rows, words = image.layers[0].out_rows, config.groups
    assert rows == 4
    wanted = [(0, 0)] * 3 + ([(1, 0)] * words + [(0, 0)]) * rows
    assert given == [*wanted[:-2], (1, 1)]


@pytest.mark.parametrize("hold", [False, True])
def test_rows_are_read_ahead_within_the_activation_memory(hold):
    """Two rows more than a layer has, 0 after the last of the memory; none after a run that is held."""
    config = small_config(pes=2, activation_depth=4)
    rng = np.random.default_rng(1)
    image = random_network_image(rng, config, [8, 8], 1.0)
    bench = Bench(image)
    bench.load()
    bench.host.load(encode_input(config, random_activations(rng, image, 1.0)))
    bench.host.perform(Start(hold=hold))
    rows = []
    while (bench.array.controller.state, bench.array.controller.done) != (ControlState.IDLE, True):
        rows += [bench.array.controller.next_row] * bench.array.controller.read
        bench.host.tick(Inputs(o_ready=1))
    assert not bench.array.controller.read
    assert rows == [0, 1, 2, 3, 0, 1] * (1 if hold else 2)


def test_no_word_passes_in_the_cycle_of_a_soft_reset():
    """Neither into an activation memory, which no reset clears, nor out of the array."""
    config = small_config(pes=2)
    rng = np.random.default_rng(2)
    image = random_network_image(rng, config, [8, 8], 1.0)
    activations = random_activations(rng, image, 1.0)
    bench = Bench(image)
    bench.load()
    words = encode_input(config, activations)
    bench.host.load(words)
    bench.host.send(words[:1])
    bench.host.write(ADDRESS["CONTROL"], 1 << Control.RESET)
    assert not bench.host.tick(Inputs(i_valid=1, i_data=words[1] ^ 1)).i_ready
    kept = [pe.activation_memory.words.words[:4] for pe in bench.array.pes]
    assert np.array(kept).T.reshape(-1).tolist() == activations.tolist()
    bench.host.perform(Idle(config.activation_depth))
    bench.host.start()
    while not bench.host.tick().o_valid:
        pass
    bench.host.write(ADDRESS["CONTROL"], 1 << Control.RESET)
    assert not bench.host.tick(Inputs(o_ready=1)).o_valid


def test_registers():
    config = small_config(pes=3, index_bits=5)
    bench = Bench(random_network_image(np.random.default_rng(0), config, [2, 2], 1.0))
    host = bench.host
    assert host.read(ADDRESS["ID"]) == ID_VALUE
    assert host.read(ADDRESS["CONFIG"]) == 3 | 4 << 16 | 5 << 20
    assert host.read(ADDRESS["CONTROL"]) == host.read(63) == 0
    host.write(ADDRESS["PE_SELECT"], 2)
    assert host.read(ADDRESS["PE_SELECT"]) == 2
    host.write(ADDRESS["CONTROL"], 1 << Control.HOLD | 1 << Control.RESUME)
    assert host.error() == Error.NONE
    assert host.read(ADDRESS["VERSION"]) == VERSION
    assert host.read(ADDRESS["CONFIG_HASH"]) == config.fingerprint
    host.write(ADDRESS["IRQ_ENABLE"], 0xFFFFFFFF)
    assert host.read(ADDRESS["IRQ_ENABLE"]) == 3


def test_a_host_can_tell_that_activations_have_8_bits():
    config = small_config(pes=3, activation_bits=8)
    host = Bench(random_network_image(np.random.default_rng(0), config, [2, 2], 1.0)).host
    assert host.read(ADDRESS["CONFIG"]) == 3 | 4 << 16 | 4 << 20 | 1 << 24
    assert host.read(ADDRESS["CONFIG_HASH"]) == config.fingerprint != config.with_(activation_bits=16).fingerprint


@pytest.mark.parametrize("pe_counters", [True, False])
def test_counters_read_zero_where_there_are_none(pe_counters):
    rng = np.random.default_rng(0)
    bench = Bench(random_network_image(rng, small_config(pes=3, pe_counters=pe_counters), [6, 6], 1.0))
    bench.load()
    bench.check(random_activations(rng, bench.image, 1.0))
    for pe, present in ((2, pe_counters), (3, False)):
        bench.host.write(ADDRESS["PE_SELECT"], pe)
        read = [bench.host.read(ADDRESS[f"PE_{counter.name}"]) for counter in PeCounter]
        assert all(read[PeCounter.ACCUMULATOR_READS :]) if present else not any(read)


def test_register_reads_are_pipelined():
    host = Bench(random_network_image(np.random.default_rng(0), small_config(), [2, 2], 1.0)).host
    addresses = [ADDRESS["ID"], ADDRESS["CONFIG"], ADDRESS["ID"], 63]
    read = [host.tick(Inputs(reg_address=at)).reg_read_data for at in [*addresses, *[63] * READ_LATENCY]]
    assert read[READ_LATENCY:] == [ID_VALUE, 4 | 4 << 16 | 4 << 20, ID_VALUE, 0]
