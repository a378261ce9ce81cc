import random

import pytest

from hw.pe.pointer_memory import PointerMemory
from model.config import PRESETS
from tests.support.hw.units import simulate, write


@pytest.mark.parametrize("parity", [False, True])
@pytest.mark.parametrize("depth", [4, 6, 10, 256])
def test_two_neighbouring_pointers_one_cycle_after_the_read(depth, parity):
    config = PRESETS["tiny4"].with_(pointer_depth=depth, parity=parity)
    dut = PointerMemory(config)
    rng = random.Random(depth)

    async def testbench(ctx):
        pointers = [0] * depth
        expected = (0, 0)
        for cycle in range(500):
            enable, address = rng.random() < 0.5, rng.randrange(depth - 1)
            to = rng.randrange(depth) if rng.random() < 0.7 else None
            value = rng.getrandbits(config.pointer_bits)
            ctx.set(dut.read_enable, enable)
            ctx.set(dut.read_address, address)
            write(ctx, dut.write, to, value)
            got = ctx.get(dut.start.as_value()), ctx.get(dut.end.as_value())
            assert (cycle, got) == (cycle, expected)
            await ctx.tick()
            if enable:
                expected = pointers[address], pointers[address + 1]
            if to is not None:
                pointers[to] = value | (value.bit_count() % 2 * parity) << config.pointer_bits

    simulate(dut, testbench)


def test_a_pointer_is_row_above_slot():
    config = PRESETS["tiny4"].with_(row_bits=40)
    dut = PointerMemory(config)

    async def testbench(ctx):
        write(ctx, dut.write, 3, 200 << config.slot_bits | 4)
        await ctx.tick()
        write(ctx, dut.write)
        ctx.set(dut.read_enable, 1)
        ctx.set(dut.read_address, 2)
        await ctx.tick()
        assert (ctx.get(dut.end.pointer.row), ctx.get(dut.end.pointer.slot)) == (200, 4)

    simulate(dut, testbench)
