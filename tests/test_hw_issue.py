import random
from collections import deque

import pytest

from hw.issue import Issue
from model.config import PRESETS
from tests.support_hw import simulate


def issue_slices(config, slices, gaps, begin_layer_at=()):
    """Feed slices (start, end as entry offsets) with `gaps` idle cycles before each; compare every cycle.

    Returns (entries issued, rows read, cycles).
    """
    dut = Issue(config)
    per_row = config.entries_per_row
    totals = {"entries": 0, "reads": 0, "cycles": 0}

    def pack(offset):
        row, slot = divmod(offset, per_row)
        return {"row": row, "slot": slot}

    async def testbench(ctx):
        waiting = deque()
        for number, ((start, end), gap) in enumerate(zip(slices, gaps, strict=True)):
            waiting.extend([None] * gap)
            waiting.append((start, end, number + 1))
        started, position, held = False, 0, None
        while waiting:
            cycle = totals["cycles"]
            head = waiting[0]
            begin_layer = head is None and cycle in begin_layer_at
            ctx.set(dut.count, head is not None)
            ctx.set(dut.begin_layer, begin_layer)
            got = [ctx.get(dut.started)]
            if started:
                got += [ctx.get(dut.row), ctx.get(dut.slot)]
            expected = [int(started), *divmod(position, per_row)] if started else [0]
            if head is None:
                ctx.set(dut.head, {"activation": 9, "start": pack(0), "end": pack(3)})
                got += [ctx.get(s) for s in (dut.valid, dut.entry, dut.empty_slice, dut.pop, dut.row_enable)]
                expected += [0, 0, 0, 0, 0]
                waiting.popleft()
                if begin_layer:
                    held = None
            else:
                start, end, activation = head
                ctx.set(dut.head, {"activation": activation, "start": pack(start), "end": pack(end)})
                got += [ctx.get(s) for s in (dut.valid, dut.entry, dut.empty_slice, dut.pop, dut.row_enable)]
                if start == end:
                    expected += [0, 0, 1, 1, 0]
                    waiting.popleft()
                else:
                    at = position if started else start
                    row, slot = divmod(at, per_row)
                    expected += [1, 1, 0, at + 1 == end, row != held]
                    operation = ctx.get(dut.operation)
                    got += [operation.write_back, operation.first, operation.slot, operation.operand]
                    expected += [0, not started, slot, activation]
                    if row != held:
                        got.append(ctx.get(dut.row_address))
                        expected.append(row)
                        totals["reads"] += 1
                    totals["entries"] += 1
                    held, started, position = row, at + 1 != end, at + 1
                    if not started:
                        waiting.popleft()
            assert (cycle, got) == (cycle, expected)
            await ctx.tick()
            totals["cycles"] += 1

    simulate(dut, testbench)
    return totals["entries"], totals["reads"], totals["cycles"]


@pytest.mark.parametrize("row_bits", [16, 24, 32, 40, 71])
def test_random_slices(row_bits):
    config = PRESETS["tiny4"].with_(row_bits=row_bits)
    rng = random.Random(row_bits)
    slices, offset = [], 0
    for _ in range(80):
        length = rng.choice([0, 0, 1, 2, 3, rng.randrange(20)])
        if offset + length > 256 * config.entries_per_row:
            offset = 0
        slices.append((offset, offset + length))
        offset += length
    rng.shuffle(slices)
    gaps = [rng.choice([0, 0, 0, 1, 3]) for _ in slices]
    entries, _, cycles = issue_slices(config, slices, gaps, begin_layer_at=range(0, 2000, 3))
    assert entries == sum(end - start for start, end in slices)
    assert cycles == sum(gaps) + sum(max(end - start, 1) for start, end in slices)


def test_a_row_shared_by_slices_is_read_once():
    slices = [(0, 2), (2, 3), (3, 3), (3, 5), (5, 8)]
    assert issue_slices(PRESETS["tiny4"], slices, [0, 0, 2, 0, 1]) == (8, 2, 12)


def test_the_held_row_is_forgotten_when_a_layer_begins():
    assert issue_slices(PRESETS["tiny4"], [(0, 2), (2, 3)], [0, 2], begin_layer_at=(3,)) == (3, 2, 5)


def test_a_slice_that_ends_with_the_last_row():
    config = PRESETS["tiny4"].with_(sparse_matrix_depth=4)
    assert issue_slices(config, [(13, 16), (0, 1)], [0, 0]) == (4, 2, 4)


def test_write_back_passes_with_the_bias_scale():
    config = PRESETS["tiny4"]
    dut = Issue(config)

    async def testbench(ctx):
        ctx.set(dut.layer, {"layer": 1, "bank": 0, "bias_scale": 1 << 14, "shift": 3, "relu": 1})
        for row in (0, 5, 31):
            ctx.set(dut.write_back, {"valid": 1, "row": row, "address": 64 + row})
            operation = ctx.get(dut.operation)
            flags = [ctx.get(s) for s in (dut.valid, dut.entry, dut.empty_slice, dut.pop, dut.row_enable)]
            assert flags == [1, 0, 0, 0, 0]
            assert (operation.write_back, operation.row, operation.address) == (1, row, 64 + row)
            assert operation.operand == 1 << 14
            await ctx.tick()
        ctx.set(dut.write_back.valid, 0)
        assert (ctx.get(dut.valid), ctx.get(dut.started)) == (0, 0)

    simulate(dut, testbench)
