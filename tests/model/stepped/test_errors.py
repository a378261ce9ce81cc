"""The stepped array with errors in a run, soft reset and interrupts (sections 7 and 9)."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from model.layouts import ControlState, LoaderState
from model.reference import run_reference
from model.registers import ADDRESS, ID_VALUE, Control, Error, Interrupt, PeError, Status
from model.stepped.array import SteppedArray
from model.stepped.signals import Inputs
from sim.rtl.host_program import HostTimeout, Idle, Read, Send, SoftReset, Start, Wait
from tests.support.hw.stepped import Host
from tests.support.images.random_images import (
    encode_input,
    encode_network,
    layer_from_codes,
    network,
    random_activations,
    random_network_image,
    small_config,
    unpack_lanes,
)

CODEBOOK = np.arange(16, dtype=np.int16)
ERROR_REGISTERS = Read(("STATUS", "ERROR_PE"))


def loaded(image) -> Host:
    host = Host(SteppedArray(image.config))
    host.load(encode_network(image))
    return host


def outputs_of(host: Host, activations) -> list[int]:
    """Run one input."""
    host.load(encode_input(host.array.config, activations))
    host.start()
    return unpack_lanes(host.receive(), host.array.config.lanes).tolist()


def cause(host: Host) -> tuple[Error, int]:
    """The error shown, and the PE."""
    ((registers),) = host.perform(ERROR_REGISTERS)
    return Error(registers["STATUS"] >> 8 & 0xFF), registers["ERROR_PE"]


def dense_image(config, rows, columns):
    rng = np.random.default_rng(rows)
    codes = rng.integers(1, config.code_symbols, (rows, columns))
    return network(config, [layer_from_codes(config, codes, CODEBOOK, np.arange(rows))], columns, rows)


def test_an_entry_past_the_last_row_is_dropped_and_named():
    config = small_config(pes=2)
    image = dense_image(config, 4, 3)
    layer = image.layers[0]
    short = replace(image, layers=(replace(layer, out_rows=1, biases=layer.biases[:1]),), out_features=2)
    activations = random_activations(np.random.default_rng(0), image, 1.0)
    host = loaded(short)
    outputs = outputs_of(host, activations)
    assert outputs == run_reference(image, activations).outputs[:2].tolist()
    assert cause(host) == (Error.ROW, 0)
    assert [pe["error"] for pe in host.array.debug()[1]] == [PeError.ROW] * 2
    assert host.array.debug()[1][0]["accumulator_reads"] == 3 + 1


def test_an_error_of_a_run_stops_the_loader_but_not_the_run():
    config = small_config(pes=1)
    image = dense_image(config, 3, 3)
    layer = image.layers[0]
    host = loaded(replace(image, layers=(replace(layer, out_rows=1, biases=layer.biases[:1]),)))
    host.load(encode_input(config, np.ones(3, dtype=np.int16)))
    host.start()
    while not host.array.debug()[1][0]["error"]:
        assert host.array.debug()[0]["loader_error"] == Error.NONE
        host.tick()
    host.tick()
    assert host.array.debug()[0]["loader_state"] == LoaderState.ERROR
    assert host.array.debug()[0]["loader_error"] == Error.ROW
    assert len(host.receive()) == 1
    host.start()
    assert cause(host) == (Error.ROW, 0)
    assert host.array.controller.state == ControlState.IDLE


def flip(memory, address, *bits) -> None:
    memory.words[address] ^= sum(1 << bit for bit in bits)


@pytest.mark.parametrize("skip_empty_slices", [False, True])
@pytest.mark.parametrize("lane", [0, 1])
def test_a_changed_pointer_is_noticed(skip_empty_slices, lane):
    """Columns 2 and 3 are broadcast together, each through its own copy; a slice that cannot be trusted is empty."""
    config = small_config(
        pes=2, parity=True, broadcasts_per_cycle=2, pointer_depth=16, skip_empty_slices=skip_empty_slices
    )
    image = dense_image(config, 4, 4)
    activations = np.array([0, 0, 3, 5], dtype=np.int16)
    host = loaded(image)
    for copy in host.array.pes[1].pointer_memory.copies[lane : lane + 1]:
        flip(copy[1], (2 + lane) // 2, 0)  # the odd pointer of column 2 (its end) or 3 (its start)
    trusted = activations.copy()
    trusted[2 + lane] = 0
    complete = run_reference(image, activations).outputs.tolist()
    without = run_reference(image, trusted).outputs.tolist()
    assert outputs_of(host, activations) == [complete[0], without[1], complete[2], without[3]]
    assert cause(host) == (Error.PARITY, 1)
    assert host.array.debug()[1][1]["empty_slices"] == 1


@pytest.mark.parametrize("parity", [False, True])
def test_a_slice_that_ends_before_it_begins(parity):
    config = small_config(pes=2, parity=parity)
    image = dense_image(config, 4, 2)
    host = loaded(image)
    banks = host.array.pes[0].pointer_memory.banks
    flip(banks[0], 0, 0, 1)  # p[0]: from position 0 to 3, p[1] is 2
    activations = np.array([3, 0], dtype=np.int16)
    complete = run_reference(image, activations).outputs.tolist()
    biases = run_reference(image, 0 * activations).outputs.tolist()
    assert outputs_of(host, activations) == [biases[0], complete[1], biases[2], complete[3]]
    assert cause(host) == (Error.POINTER, 0)


def test_a_changed_row_is_noticed_when_it_is_read():
    config = small_config(pes=1, parity=True)
    image = dense_image(config, 8, 3)
    activations = np.array([1, 0, 1], dtype=np.int16)
    for row, error in ((0, Error.PARITY), (3, Error.NONE), (5, Error.PARITY)):  # 2, 3 belong to column 1
        host = loaded(image)
        flip(host.array.pes[0].sparse_matrix_memory.rows, row, config.row_bits)
        outputs_of(host, activations)
        assert cause(host) == (error, 0)


def test_the_first_error_of_a_pe_stays():
    config = small_config(pes=1, parity=True)
    image = dense_image(config, 8, 3)
    host = loaded(image)
    flip(host.array.pes[0].sparse_matrix_memory.rows, 0, 0)
    flip(host.array.pes[0].pointer_memory.banks[1], 1, 0, 1, 2, 3)  # the third column ends before it begins
    outputs_of(host, np.ones(3, dtype=np.int16))
    assert cause(host) == (Error.PARITY, 0)


@pytest.mark.parametrize("seed", range(12))
def test_no_contents_of_the_memories_keep_a_run_from_finishing(seed):
    rng = np.random.default_rng(seed)
    config = small_config(
        pes=2,
        row_bits=40,
        parity=seed % 2 == 1,
        broadcasts_per_cycle=1 + seed // 2 % 2,
        skip_empty_slices=seed // 4 % 2 == 1,
        sparse_matrix_depth=8,
        pointer_depth=16,
    )
    host = loaded(dense_image(config, 4, 8))
    for pe in host.array.pes:
        pe.sparse_matrix_memory.rows.words = [int(word) for word in rng.integers(0, 1 << 40, 8)]
        for copy in pe.pointer_memory.copies:
            for bank in copy:
                bank.words = [int(word) for word in rng.integers(0, 1 << config.pointer_bits, 8)]
    most = 8 * (1 << config.pointer_bits)
    host.load(encode_input(config, np.ones(8, dtype=np.int16)))
    host.perform(Start(), Wait(Status.DONE, most))
    host.receive()
    assert host.array.controller.cycles < most


@pytest.mark.parametrize("seed", range(8))
def test_a_soft_reset_in_any_state_leaves_a_machine_as_new(seed):
    """Loading, running or unloading: after it, everything but what the host chose is as after a reset."""
    rng = np.random.default_rng(seed)
    config = small_config(pes=3, broadcasts_per_cycle=1 + seed % 2, parity=seed % 3 == 0)
    image = random_network_image(rng, config, [16, 30, 12], 0.8)
    activations = random_activations(rng, image, 1.0)
    words = encode_network(image, rng) + encode_input(config, activations)
    host = Host(SteppedArray(config))
    sent = int(rng.integers(len(words))) if seed % 2 else len(words)
    host.perform(Send(words[:sent]))
    if sent == len(words):
        host.perform(Start(), Idle(int(rng.integers(150))))
    host.write(ADDRESS["PE_SELECT"], 2)
    host.write(ADDRESS["IRQ_ENABLE"], 1)
    host.write(ADDRESS["CONTROL"], 1 << Control.RESET)
    before = host.array.debug()[0]
    host.tick()
    fields, pes = host.array.debug()
    fresh, fresh_pes = SteppedArray(config).debug()
    assert fields == fresh | {"loaded_layers": before["loaded_layers"], "sealed": 1}
    assert pes == fresh_pes
    ((registers),) = host.perform(Read(("PE_SELECT", "IRQ_ENABLE")))
    assert registers == {"PE_SELECT": 2, "IRQ_ENABLE": 1}
    host.load(encode_network(image, rng))
    assert outputs_of(host, activations) == run_reference(image, activations).outputs.tolist()
    assert cause(host) == (Error.NONE, 0)


def test_a_soft_reset_in_every_cycle_of_a_run():
    """From the start to the last output word; another run is right after each."""
    rng = np.random.default_rng(4)
    config = small_config(pes=2, activation_depth=5, queue_depth=2)
    image = random_network_image(rng, config, [5, 4, 6], 0.8)
    activations = random_activations(rng, image, 1.0)
    wanted = run_reference(image, activations).outputs.tolist()
    host = loaded(image)
    host.load(encode_input(config, activations))
    host.start()
    fresh, fresh_pes = SteppedArray(config).debug()
    states: set[int] = set()
    while (host.array.controller.state, host.array.controller.done) != (ControlState.IDLE, True):
        states.add(host.array.controller.state)
        hit = deepcopy(host)
        hit.perform(SoftReset())
        assert hit.array.debug() == (fresh | {"loaded_layers": 2, "sealed": 1}, fresh_pes)
        assert outputs_of(hit, activations) == wanted
        host.tick(Inputs(o_ready=1))
    assert states == set(ControlState) - {ControlState.CLEAR}


def test_what_the_host_does_in_the_cycle_of_a_soft_reset():
    """Reads and writes go on; a bit of IRQ_STATUS is cleared, none becomes 1."""
    host = loaded(dense_image(small_config(pes=3), 2, 2))
    reset = Inputs(reg_address=ADDRESS["CONTROL"], reg_write=1, reg_write_data=1 << Control.RESET)
    registers = host.array.registers
    host.tick(reset)
    host.tick(Inputs(reg_address=ADDRESS["ID"]))
    assert [host.tick().reg_read_data for _ in range(2)] == [0, ID_VALUE]
    for name, value in (("PE_SELECT", 2), ("IRQ_ENABLE", 3)):
        host.tick(reset)
        host.write(ADDRESS[name], value)
        assert host.read(ADDRESS[name]) == value
    host.perform(Idle(16))
    assert host.tick(Inputs(i_valid=1)).i_ready  # opcode 0, which does not exist
    host.tick(reset)
    assert (host.array.loader.error, registers.irq_status) == (Error.OPCODE, 1 << Interrupt.ERROR)
    host.write(ADDRESS["IRQ_STATUS"], 1 << Interrupt.ERROR)
    assert (host.array.loader.error, registers.irq_status, registers.interrupt) == (Error.NONE, 0, False)
    host.perform(Idle(16))
    assert host.tick(replace(reset, i_valid=1)).i_ready  # now it is new in the cycle in which the reset takes effect
    assert host.array.loader.error == Error.OPCODE
    host.tick()
    assert (host.array.loader.error, registers.irq_status) == (Error.NONE, 0)
    host.tick(reset)
    host.start()
    assert host.error() == Error.START


def test_a_soft_reset_wins_over_a_start_in_the_same_write():
    image = dense_image(small_config(pes=1), 2, 2)
    host = loaded(image)
    host.write(ADDRESS["CONTROL"], 1 << Control.START | 1 << Control.RESET)
    host.tick()
    assert host.array.controller.state == ControlState.CLEAR
    assert cause(host) == (Error.NONE, 0)


def interrupts(host: Host) -> tuple[int, int]:
    """IRQ_STATUS and the interrupt output."""
    return host.read(ADDRESS["IRQ_STATUS"]), host.tick().interrupt


@pytest.mark.parametrize("kind", Interrupt)
def test_interrupts(kind):
    config = small_config(pes=1)
    host = loaded(dense_image(config, 2, 2))
    host.load(encode_input(config, np.ones(2, dtype=np.int16)))
    host.write(ADDRESS["IRQ_ENABLE"], 1 << kind)
    host.perform(Start(), Idle(60))
    done = 1 << Interrupt.DONE
    assert interrupts(host) == (done, int(kind == Interrupt.DONE))
    host.receive()
    host.write(ADDRESS["IRQ_STATUS"], 1 << Interrupt.ERROR)
    assert interrupts(host) == (done, int(kind == Interrupt.DONE))
    host.write(ADDRESS["IRQ_STATUS"], done)
    assert interrupts(host) == (0, 0)
    host.perform(Send([0]), Idle(3))
    assert interrupts(host) == (1 << Interrupt.ERROR, int(kind == Interrupt.ERROR))
    host.perform(SoftReset(), Idle(3))
    assert interrupts(host) == (1 << Interrupt.ERROR, int(kind == Interrupt.ERROR))


def test_the_cycles_of_an_interrupt():
    """STATUS.error, a cycle later the bit of IRQ_STATUS, a cycle later the output."""
    host = loaded(dense_image(small_config(pes=1), 2, 2))
    host.write(ADDRESS["IRQ_ENABLE"], 1 << Interrupt.ERROR)
    host.perform(Send([0]))
    seen = []
    for _ in range(4):
        registers = host.array.registers
        seen.append((int(host.array.loader.error), registers.irq_status, host.tick().interrupt))
    error, bit = Error.OPCODE, 1 << Interrupt.ERROR
    assert seen == [(error, 0, 0), (error, bit, 0), (error, bit, 1), (error, bit, 1)]


def test_a_bit_that_becomes_1_is_not_cleared_in_that_cycle():
    host = loaded(dense_image(small_config(pes=1), 2, 2))
    host.perform(Send([0]))
    host.write(ADDRESS["IRQ_STATUS"], 3)
    assert host.array.registers.irq_status == 1 << Interrupt.ERROR


def test_waiting_for_a_run_that_never_began():
    host = Host(SteppedArray(small_config()))
    with pytest.raises(HostTimeout, match="the machine was not DONE after 50 cycles"):
        host.perform(Start(), Wait(Status.DONE, 50))
