"""Issue walks every slice from its start to its final entry, in order, and ends also where pointers are wrong."""

import pytest
from amaranth.hdl import Cat, Mux, Signal

from hw.pe import issue
from model.config import PRESETS
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

# Rows of two slots, which fill the slot number, and of three, which do not; these with 8-bit activations.
CONFIGS = {
    row_bits: PRESETS["tiny4"].with_(
        pes=1,
        code_bits=1,
        index_bits=1,
        row_bits=row_bits,
        sparse_matrix_depth=3,
        activation_depth=2,
        layers=1,
        activation_bits=activation_bits,
    )
    for row_bits, activation_bits in ((4, 16), (6, 8))
}


def walk(unit, row_bits: int, trusted: bool):
    """What leaves stage A, against the slice that was taken; with `trusted` pointers name entries that there are.

    What is assumed of other pointers is what the slice reader sees to (test_proof_slice_reader).
    """
    config = CONFIGS[row_bits]
    last_slot, depth = config.entries_per_row - 1, config.sparse_matrix_depth
    stage = unit.Issue(config)
    proof = bench(stage)
    m = proof.m
    head = stage.head
    proof.assume(~stage.write_back.valid | ~stage.slice_valid)  # the queue is empty then
    ascending = head.start.as_value() <= head.final.as_value()
    slots_are_full = config.entries_per_row == 1 << config.slot_bits
    proof.assume(head.empty | (ascending if slots_are_full else head.start.row <= head.final.row))
    if trusted:
        in_range = (head.start.slot <= last_slot) & (head.final.slot <= last_slot) & (head.final.row < depth)
        proof.assume(head.empty | (in_range & ascending))

    held = Signal()  # a slice was taken and is not done with
    place = Signal.like(head)  # where its next entry is
    first = Signal()
    at_end = Signal()
    row, slot = place.start.row, place.start.slot
    past = slot >= last_slot
    m.d.comb += at_end.eq((row == place.final.row) & ((slot == place.final.slot) | past))
    ends = held & (place.empty | at_end)
    with m.If(stage.pop):
        m.d.sync += [held.eq(1), place.eq(head), first.eq(1)]
    with m.Elif(ends):
        m.d.sync += held.eq(0)
    with m.Else():
        m.d.sync += [row.eq(row + past), slot.eq(Mux(past, 0, slot + 1)), first.eq(0)]

    entry = held & ~place.empty
    operation = stage.operation
    proof.require(~stage.pop | stage.available)
    proof.require(stage.pop == (stage.available & (~held | ends)))
    proof.require((stage.slice_valid == held) & (stage.done == ends))
    proof.require((stage.entry == entry) & (stage.empty_slice == (held & place.empty)))
    proof.require(stage.valid == (entry | stage.write_back.valid))
    proof.require(~entry | (Cat(stage.slot, stage.row) == place.start.as_value()))
    proof.require(~entry | (operation.slot == slot) & (operation.first == first) & ~operation.write_back)
    proof.require(~entry | (operation.operand == place.activation))
    if trusted:
        proof.require(~entry | ((row < depth) & (slot <= last_slot) & (stage.row_address == row)))
        proof.require(~entry | (place.start.as_value() <= place.final.as_value()))
    # Every row and every slot number at most once.
    proof.at_most((1 << config.row_address_bits) * config.entries_per_row - 1, held & ~stage.done)

    # The row that is held: what was read last in this layer.
    read, read_row = Signal(), Signal.like(row)
    with m.If(entry):
        m.d.sync += [read.eq(1), read_row.eq(row)]
    with m.If(stage.begin_layer):
        m.d.sync += read.eq(0)
    proof.require(stage.row_enable == (entry & ~(read & (read_row == row))))
    return proof


@pytest.mark.parametrize("row_bits", CONFIGS)
@pytest.mark.parametrize("trusted", [True, False])
def test_slices_are_walked(row_bits: int, trusted: bool):
    assert prove(walk(issue, row_bits, trusted)) == PROVED


@pytest.mark.parametrize(
    ("row_bits", "old", "new"),
    [
        (4, "self.slice_empty | at_final)", "at_final)"),
        (4, "self.pop.eq(free & self.available)", "self.pop.eq(free)"),
        (6, "(self.slot == final.slot) | at_last_slot)", "(self.slot == final.slot))"),
        (6, "self.slot >= last_slot", "self.slot == last_slot"),
        (6, "next_row.eq(self.row + at_last_slot)", "next_row.eq(self.row)"),
        (4, "held_row.eq(self.row), held_valid", "held_row.eq(next_row), held_valid"),
        (4, "first.eq(free)", "first.eq(self.pop | first)"),
    ],
)
def test_a_fault_is_found(row_bits: int, old: str, new: str):
    assert prove(walk(planted(issue, old, new), row_bits, trusted=False)) == FAILED
