"""The Huffman decoder stays within its memories and always ends, whatever trees and streams are; and decodes."""

import pytest
from amaranth.hdl import Signal

from hw.pe import huffman_decoder
from model.config import PRESETS
from tests.support.hw.formal import FAILED, PROVED, AnyMemory, bench, planted, prove

TINY = PRESETS["tiny4"].with_(pes=1, code_bits=1, index_bits=1, pointer_depth=6, activation_depth=2)
MAPS = {"maps": True, "pointer_depth": 8, "accumulator_depth": 2}  # bits are acted on a cycle later
CONFIGS = {
    (4, 2): TINY.with_(row_bits=4, sparse_matrix_depth=2),
    (6, 3): TINY.with_(row_bits=6, sparse_matrix_depth=3),
    "maps": TINY.with_(row_bits=4, sparse_matrix_depth=2, **MAPS),
}
WORD = 32  # bits


def any_trees(unit, size, old: str = "", new: str = ""):
    """Trees that may say anything at any read, as the loader drives a decoder."""
    config = CONFIGS[size]
    last_slot = config.entries_per_row - 1
    decoder = planted(unit, old, new, BlockMemory=AnyMemory).HuffmanDecoder(config)
    proof = bench(decoder)
    m = proof.m
    error = decoder.code_error | decoder.memory_error | decoder.stream_error

    # The loader: layers that fit the pointer memory, and none after an error; the stream ends when no word is left.
    base = Signal(range(config.pointer_depth + 1))  # pointer of the next layer
    loaded = Signal(range(config.pointer_depth + 1))  # after this one
    failed = Signal()
    begun = proof.before(decoder.begin_codes)
    with m.If(error):
        m.d.sync += failed.eq(1)
    proof.assume(~(decoder.begin_codes | decoder.load) | (~decoder.busy & ~failed & ~begun))
    proof.assume(~(decoder.begin_codes & decoder.load))
    proof.assume(decoder.columns >= 1)
    with m.If(decoder.begin_codes):
        proof.assume(base + decoder.columns + 1 <= config.pointer_depth)
        m.d.sync += [base.eq(base + decoder.columns + 1), loaded.eq(base + decoder.columns + 1)]
    with m.If(decoder.load):
        m.d.sync += base.eq(0)
    proof.assume(~decoder.stream_ended | (decoder.busy & ~decoder.word.valid))
    proof.assume(~proof.before(decoder.stream_ended & decoder.busy & ~error) | decoder.stream_ended | ~decoder.busy)
    proof.assume(~(decoder.begin_codes & decoder.word.valid))

    # Writes: inside the memories, each place once and in order; none for a cycle with an error or after it.
    rows, pointers = decoder.row_write, decoder.pointer_write
    next_row = Signal(range(config.sparse_matrix_depth + 1))
    next_pointer = Signal(range(config.pointer_depth + 1))
    last = Signal(config.pointer_bits)
    with m.If(rows.valid):
        m.d.sync += next_row.eq(next_row + 1)
    with m.If(pointers.valid):
        m.d.sync += [next_pointer.eq(next_pointer + 1), last.eq(pointers.data)]
    with m.If(decoder.load):
        m.d.sync += [next_row.eq(0), next_pointer.eq(0), last.eq(0)]
    slot, row = pointers.data[: config.slot_bits], pointers.data[config.slot_bits :]
    proof.assume(~decoder.load | ~(rows.valid | pointers.valid))  # the loader's WAIT lies between
    proof.require(~rows.valid | (rows.address == next_row) & (next_row < config.sparse_matrix_depth))
    proof.require(~pointers.valid | (pointers.address == next_pointer) & (next_pointer < loaded))
    proof.require(~pointers.valid | (pointers.data >= last))
    proof.require(~pointers.valid | ((slot <= last_slot) & (row <= config.sparse_matrix_depth)))
    proof.require(~failed | ~(rows.valid | pointers.valid | decoder.decoded | decoder.busy))
    proof.require(~(rows.valid & proof.before(rows.valid)))
    proof.require(~error | ~decoder.decoded)
    proof.require(decoder.busy | failed | begun | (decoder.pointer == base) & (decoder.slot == 0))

    # Progress: a word is taken when the one before it is used up, and the end of the stream ends the layer.
    proof.require(decoder.busy | decoder.word.ready)
    proof.at_most(WORD, ~decoder.word.ready)
    proof.at_most(WORD + 2 + config.maps, decoder.stream_ended & decoder.busy)
    return proof


@pytest.mark.parametrize("size", CONFIGS)
def test_any_trees_and_streams_are_survived(size):
    assert prove(any_trees(huffman_decoder, size)) == PROVED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.row == config.sparse_matrix_depth)", "self.row == config.sparse_matrix_depth + 1)"),
        ("(branch.kind == TreeKind.SYMBOL) & last_slot,", "0,"),
        ("(branch.kind == TreeKind.END) & partial_row", "0"),
        ("stop.eq(last_end | self.code_error", "stop.eq(self.code_error"),
        ("last_end | self.code_error | self.memory_error", "last_end | self.memory_error"),
        ("self.stream_ended & self.busy & ~step & ~under_way", "0"),
        ("step.eq(self.bits_left != 1)", "step.eq(1)"),
        ("self.walked.eq(step & ~stop)", "self.walked.eq(step)"),
        ("self.slot.eq(0), self.row.eq(self.row + 1)", "self.row.eq(self.row + 1)"),
    ],
)
def test_a_fault_is_found(old: str, new: str):
    assert prove(any_trees(huffman_decoder, (4, 2), old, new)) == FAILED


def test_a_fault_of_what_is_under_way_is_found():
    """With `maps` what was read before the end must not be acted on behind it."""
    assert prove(any_trees(huffman_decoder, "maps", "acts.eq(self.walked & ~stop)", "acts.eq(self.walked)")) == FAILED
