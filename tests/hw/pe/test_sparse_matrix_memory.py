import random

import pytest

from hw.pe.sparse_matrix_memory import SparseMatrixMemory
from model.config import PRESETS
from tests.support.hw.faults import faulty_memory
from tests.support.hw.units import simulate, write


@pytest.mark.parametrize(
    "sizes",
    [
        {"row_bits": 32, "sparse_matrix_depth": 16},
        {"row_bits": 27, "sparse_matrix_depth": 5},
        {"row_bits": 70, "code_bits": 5, "index_bits": 2, "sparse_matrix_depth": 3, "constant_depth": 256},
        {"row_bits": 4, "code_bits": 1, "index_bits": 1, "sparse_matrix_depth": 2},
    ],
)
def test_code_and_run_three_cycles_after_issue(sizes):
    config = PRESETS["tiny4"].with_(**sizes)
    dut = SparseMatrixMemory(config)
    rng = random.Random(1)
    rows = [rng.getrandbits(config.row_bits) for _ in range(config.sparse_matrix_depth)]

    async def testbench(ctx):
        for address, row in enumerate(rows):
            write(ctx, dut.write, address, row)
            await ctx.tick()
        write(ctx, dut.write)

        held, history = None, []
        for cycle in range(400):
            row, slot = rng.randrange(len(rows)), rng.randrange(config.entries_per_row)
            enable = held is None or rng.random() < 0.4
            if enable:
                held = row
            history.append((held, slot))
            ctx.set(dut.row_enable, enable)
            ctx.set(dut.row_address, row)
            ctx.set(dut.slot, history[-2][1] if cycle >= 1 else 0)
            if cycle >= 3:
                row, slot = history[-4]
                entry = rows[row] >> slot * config.entry_bits
                expected = entry % (1 << config.code_bits), (entry >> config.code_bits) % (1 << config.index_bits)
                assert (cycle, ctx.get(dut.code), ctx.get(dut.run)) == (cycle, *expected)
            await ctx.tick()

    simulate(dut, testbench)


def test_a_row_is_kept_while_the_memory_is_written():
    config = PRESETS["tiny4"]
    dut = SparseMatrixMemory(config)

    async def testbench(ctx):
        write(ctx, dut.write, 7, 0x5A)
        await ctx.tick()
        write(ctx, dut.write)
        ctx.set(dut.row_address, 7)
        ctx.set(dut.row_enable, 1)
        await ctx.tick()
        ctx.set(dut.row_enable, 0)
        write(ctx, dut.write, 7, 0xFF)
        for _ in range(2):
            await ctx.tick()
            write(ctx, dut.write)
        for _ in range(3):
            assert (ctx.get(dut.code), ctx.get(dut.run)) == (0xA, 5)
            await ctx.tick()

    simulate(dut, testbench)


def test_a_changed_row_is_told_once_when_it_comes_into_the_row_register(monkeypatch):
    config = PRESETS["tiny4"].with_(parity=True)
    monkeypatch.setattr("hw.pe.sparse_matrix_memory.BlockMemory", faulty_memory({3: 1, 6: 1 << config.row_bits, 9: 3}))
    dut = SparseMatrixMemory(config)
    rng = random.Random(2)

    async def testbench(ctx):
        for address in range(12):
            write(ctx, dut.write, address, rng.getrandbits(config.row_bits))
            await ctx.tick()
        write(ctx, dut.write)
        history = []
        for cycle in range(300):
            row, enable = rng.randrange(14), rng.random() < 0.5
            history.append(enable and row in (3, 6))
            ctx.set(dut.row_enable, enable)
            ctx.set(dut.row_address, row)
            expected = cycle >= 2 and history[-3]
            assert (cycle, ctx.get(dut.parity_error)) == (cycle, expected)
            await ctx.tick()
        assert sum(history) > 10

    simulate(dut, testbench)
