"""Output words: order, last mark, and words that wait for ready."""

import random

import pytest
from amaranth.sim import Simulator

from hw.control.unloader import Unloader
from model.config import PRESETS


@pytest.mark.parametrize(
    ("pes", "stream_bits", "activation_bits"),
    [(1, 32, 16), (5, 64, 16), (6, 64, 16), (8, 64, 16), (12, 128, 16), (1, 32, 8), (6, 64, 8), (12, 128, 8)],
)
def test_rows_leave_group_by_group(pes: int, stream_bits: int, activation_bits: int):
    config = PRESETS["tiny4"].with_(pes=pes, stream_bits=stream_bits, activation_bits=activation_bits)
    dut = Unloader(config)
    rng = random.Random(pes)
    most = 1 << activation_bits - 1
    rows = [[rng.randrange(-most, most) for _ in range(pes)] for _ in range(3)]
    got = []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        assert ctx.get(dut.o.valid) == 0
        await ctx.tick()
        for number, row in enumerate(rows):
            ctx.set(dut.active, 1)
            ctx.set(dut.current, [value & 2 * most - 1 for value in row])
            ctx.set(dut.last_row, number == len(rows) - 1)
            done = 0
            while not done:
                ctx.set(dut.o.ready, rng.choice([0, 1]))
                assert ctx.get(dut.o.valid) == 1
                done = ctx.get(dut.row_done)
                if ctx.get(dut.o.ready):
                    payload = ctx.get(dut.o.payload)
                    got.append((payload.data, payload.last))
                else:
                    assert not done
                await ctx.tick()
            ctx.set(dut.active, 0)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    values = [value & 0xFFFF for row in rows for value in row]
    words = [
        sum(value << 16 * lane for lane, value in enumerate(values[first : first + config.lanes]))
        for first in range(0, len(values), config.lanes)
    ]
    assert got == [(word, number == len(words) - 1) for number, word in enumerate(words)]
