"""A broadcast gets the slice between its column's two pointers, two cycles later, whatever the pointers are."""

import pytest
from amaranth.hdl import Cat, Mux, Signal

from hw.pe import pointer_memory, slice_reader
from model.config import PRESETS
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

TINY = PRESETS["tiny4"].with_(pes=1, code_bits=1, index_bits=1, sparse_matrix_depth=2, pointer_depth=6)
CASES = {
    "two slots": TINY.with_(row_bits=4),
    "three slots": TINY.with_(row_bits=6, activation_bits=8),  # and 8-bit activations
    "skip": TINY.with_(row_bits=4, skip_empty_slices=True),
    "parity": TINY.with_(row_bits=4, parity=True),
}


def slices(unit, name: str):
    config = CASES[name]
    reader = unit.SliceReader(config)
    proof = bench(reader)
    m = proof.m
    last_slot = config.entries_per_row - 1
    broadcast, write = reader.broadcast, reader.write
    proof.assume(~(write.valid & broadcast.valid))  # loading and running take turns
    proof.assume(~broadcast.valid | (broadcast.pointer <= config.pointer_depth - 2))
    proof.assume(~write.valid | (write.address < config.pointer_depth))

    # One column, any: what was last written at its address and the next.
    column = proof.fixed(range(config.pointer_depth - 1))
    start, end = (Signal(config.pointer_bits, reset_less=True, name=name) for name in ("start", "end"))
    for pointer, address in ((start, column), (end, column + 1)):
        with m.If(write.valid & (write.address == address)):
            m.d.sync += pointer.eq(write.data)
    p_start, p_end = proof.before(start), proof.before(end)
    q_start, q_end = proof.before(p_start), proof.before(p_end)
    q_activation = proof.before(proof.before(broadcast.activation))
    q_valid = proof.before(proof.before(broadcast.valid))
    ours = proof.before(proof.before(broadcast.valid & (broadcast.pointer == column)))
    slot, row = q_end[: config.slot_bits], q_end[config.slot_bits :]
    final = Cat(Mux(slot == 0, last_slot, slot - 1)[: config.slot_bits], (row - (slot == 0))[: len(row)])
    empty = q_start >= q_end

    proof.require(reader.q_valid == q_valid)
    proof.require((reader.push | reader.skipped) == q_valid)
    proof.require(~(reader.push & reader.skipped))
    proof.require(~reader.pointer_error | q_valid)
    proof.require(~reader.parity_error)
    proof.require(~ours | (reader.pointer_error == (q_start > q_end)))
    proof.require(~ours | (reader.slice.empty == empty))
    proof.require(~ours | (reader.skipped == (empty & config.skip_empty_slices)))
    proof.require(~ours | (reader.slice.activation == q_activation))
    proof.require(~ours | empty | (reader.slice.start.as_value() == q_start))
    proof.require(~ours | empty | (reader.slice.final.as_value() == final))
    # What the issue stage relies on: the final position is not in a row before the start's.
    start_row, final_row = q_start[config.slot_bits :], final[config.slot_bits :]
    slots_are_full = config.entries_per_row == 1 << config.slot_bits
    proof.require(~ours | empty | (q_start <= final if slots_are_full else start_row <= final_row))
    # Where pointers are right, so is the slice: the final position is not before the start, its slot is a slot.
    right = (q_start[: config.slot_bits] <= last_slot) & (slot <= last_slot)
    proof.require(~ours | empty | ~right | ((q_start <= final) & (final[: config.slot_bits] <= last_slot)))
    return proof


@pytest.mark.parametrize("name", CASES)
def test_slices_are_right(name: str):
    assert prove(slices(slice_reader, name)) == PROVED


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("two slots", "end.as_value() < start", "end.as_value() <= start"),
        ("two slots", "backwards | (end.as_value() == start)", "(end.as_value() == start)"),
        ("two slots", "end.as_value() - 1", "end.as_value()"),
        ("three slots", "end.row - at_row_begin", "end.row"),
        ("skip", "self.q_valid & ~empty", "self.q_valid"),
        ("parity", "q_start.as_value().xor() |", "q_start.as_value()[0] |"),
    ],
)
def test_a_wrong_slice_is_found(name: str, old: str, new: str):
    assert prove(slices(planted(slice_reader, old, new), name)) == FAILED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.read_address[1:] + is_odd", "self.read_address[1:]"),
        ("even.write.valid.eq(self.write.valid & ~", "even.write.valid.eq(self.write.valid & "),
    ],
)
def test_a_wrong_bank_is_found(old: str, new: str):
    memory = planted(pointer_memory, old, new).PointerMemory
    assert prove(slices(planted(slice_reader, PointerMemory=memory), "two slots")) == FAILED
