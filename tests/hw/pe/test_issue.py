import random
from collections import deque
from typing import Any

import pytest

from hw.pe.issue import Issue
from model.config import PRESETS
from tests.support.hw.units import simulate

TINY = PRESETS["tiny4"]


class Reference:
    """The issue register of section 7 of the contract."""

    def __init__(self, config):
        self.config = config
        self.slice: tuple[Any, ...] | None = None
        self.held: int | None = None
        self.position, self.first = (0, 0), False

    def next_position(self):
        row, slot = self.position
        rows = 1 << self.config.row_address_bits
        return ((row + 1) % rows, 0) if slot >= self.config.entries_per_row - 1 else (row, slot + 1)

    def is_done(self):
        assert self.slice is not None
        _, final, empty, _ = self.slice
        at_last_slot = self.position[1] >= self.config.entries_per_row - 1
        return empty or self.position == final or (self.position[0] == final[0] and at_last_slot)


def issue_slices(config, slices, gaps, begin_layer_at=()):
    """Feed slices (start, final, empty, activation), each after `gaps` idle cycles; every output of every cycle is
    compared. Returns (entries issued, rows read, cycles in which the issue register held a slice)."""
    dut = Issue(config)
    reference = Reference(config)
    totals = {"entries": 0, "reads": 0, "cycles": 0}

    def place(pointer):
        return {"row": pointer[0], "slot": pointer[1]}

    async def testbench(ctx):
        waiting, gap = deque(zip(slices, gaps, strict=True)), None
        cycle = 0
        while waiting or reference.slice is not None:
            gap = waiting[0][1] if gap is None and waiting else gap
            available = bool(waiting) and gap == 0
            begin_layer = reference.slice is None and cycle in begin_layer_at
            start, final, empty, activation = waiting[0][0] if available else ((1, 1), (9, 1), 0, 77)
            head = {"activation": activation, "start": place(start), "final": place(final), "empty": empty}
            ctx.set(dut.head, head)
            ctx.set(dut.available, available)
            ctx.set(dut.begin_layer, begin_layer)

            held = reference.slice
            is_entry = held is not None and not held[2]
            done = held is not None and reference.is_done()
            read = is_entry and reference.position[0] != reference.held
            pop = available and (held is None or done)
            names = ("slice_valid", "valid", "entry", "empty_slice", "done", "pop", "row_enable")
            got = [ctx.get(getattr(dut, name)) for name in names]
            expected = [held is not None, is_entry, is_entry, held is not None and held[2], done, pop, read]
            if held is not None:
                got += [ctx.get(dut.slice_empty), (ctx.get(dut.row), ctx.get(dut.slot))]
                expected += [held[2], reference.position]
            if held is not None and not held[2]:
                operation = ctx.get(dut.operation)
                got += [operation.write_back, operation.first, operation.slot, operation.operand]
                expected += [0, reference.first, reference.position[1], held[3]]
            if read:
                got.append(ctx.get(dut.row_address))
                expected.append(reference.position[0] % (1 << (config.sparse_matrix_depth - 1).bit_length()))
            assert (cycle, got) == (cycle, expected)
            await ctx.tick()

            totals["entries"] += is_entry
            totals["reads"] += read
            totals["cycles"] += held is not None
            if is_entry:
                reference.held = reference.position[0]
            if begin_layer:
                reference.held = None
            if held is None or done:
                reference.slice = None
                if pop:
                    reference.slice, _ = waiting.popleft()
                    reference.position, reference.first, gap = start, True, None
            else:
                reference.position, reference.first = reference.next_position(), False
            if gap:
                gap -= 1
            cycle += 1
            assert cycle < 100000

    simulate(dut, testbench)
    return totals["entries"], totals["reads"], totals["cycles"]


def entries_from_to(config, start, end, activation=5):
    """The slice of the entries numbered start .. end-1."""
    per_row = config.entries_per_row
    final = divmod(end - 1, per_row) if end > start else (0, 0)
    return divmod(start, per_row), final, end == start, activation


@pytest.mark.parametrize("row_bits", [16, 24, 32, 40, 71])
def test_random_slices(row_bits):
    config = TINY.with_(row_bits=row_bits)
    rng = random.Random(row_bits)
    slices, offset, total = [], 0, 0
    for number in range(80):
        length = rng.choice([0, 0, 1, 2, 3, rng.randrange(20)])
        if offset + length > 256 * config.entries_per_row:
            offset = 0
        slices.append(entries_from_to(config, offset, offset + length, number + 1))
        offset += length
        total += length
    rng.shuffle(slices)
    gaps = [rng.choice([0, 0, 0, 1, 3]) for _ in slices]
    entries, _, cycles = issue_slices(config, slices, gaps, begin_layer_at=range(0, 2000, 3))
    assert entries == total
    assert cycles == total + sum(empty for _, _, empty, _ in slices)


def test_a_row_shared_by_slices_is_read_once():
    slices = [entries_from_to(TINY, *ends) for ends in ((0, 2), (2, 3), (3, 3), (3, 5), (5, 8))]
    assert issue_slices(TINY, slices, [0, 0, 2, 0, 1]) == (8, 2, 9)


def test_the_held_row_is_forgotten_when_a_layer_begins():
    slices = [entries_from_to(TINY, *ends) for ends in ((0, 2), (2, 3))]
    assert issue_slices(TINY, slices, [0, 2], begin_layer_at=(4,)) == (3, 1, 3)
    assert issue_slices(TINY, slices, [0, 2], begin_layer_at=(3,)) == (3, 2, 3)


def test_a_slice_that_ends_with_the_last_row():
    config = TINY.with_(sparse_matrix_depth=4)
    slices = [entries_from_to(config, *ends) for ends in ((13, 16), (0, 1))]
    assert issue_slices(config, slices, [0, 0]) == (4, 2, 4)


@pytest.mark.parametrize("row_bits", [24, 40, 56, 72])
def test_pointers_that_are_not_to_be_trusted(row_bits):
    # Any start, and a final that a pointer above the start gives: with slots that no row has, and rows past the last.
    config = TINY.with_(row_bits=row_bits, sparse_matrix_depth=7)
    assert config.entries_per_row < 1 << config.slot_bits
    rng = random.Random(row_bits)
    rows, slots = 1 << config.row_address_bits, 1 << config.slot_bits
    slices, bound = [], 0
    for number in range(300):
        start, end = sorted(rng.sample(range(rows * slots), 2))
        if rng.random() < 0.5:
            end = min(start + rng.randrange(1, 2 * slots), rows * slots - 1)
        row, slot = divmod(end, slots)
        final = (row, slot - 1) if slot else (row - 1, config.entries_per_row - 1)
        slices.append((divmod(start, slots), final, False, number))
        bound += end - start if end > start else 1
    if row_bits == 24:
        slices += [((2, 3), (2, 3), False, 1), ((2, 3), (2, 2), False, 2), ((6, 0), (6, 3), False, 3)]
    entries, _, cycles = issue_slices(config, slices, [0] * len(slices))
    assert entries == cycles <= bound + 10


def test_write_back_passes_with_the_bias_scale():
    dut = Issue(TINY)

    async def testbench(ctx):
        ctx.set(dut.layer, {"layer": 1, "bank": 0, "out_rows": 32, "bias_scale": 1 << 14, "shift": 3, "relu": 1})
        for row in (0, 5, 31):
            ctx.set(dut.write_back, {"valid": 1, "row": row, "address": 64 + row})
            operation = ctx.get(dut.operation)
            flags = [ctx.get(s) for s in (dut.valid, dut.entry, dut.empty_slice, dut.done, dut.pop, dut.row_enable)]
            assert flags == [1, 0, 0, 0, 0, 0]
            assert (operation.write_back, operation.row, operation.address) == (1, row, 64 + row)
            assert operation.operand == 1 << 14
            await ctx.tick()
        ctx.set(dut.write_back.valid, 0)
        assert (ctx.get(dut.valid), ctx.get(dut.slice_valid)) == (0, 0)

    simulate(dut, testbench)
