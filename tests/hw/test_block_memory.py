import random

import pytest

from hw.block_memory import BlockMemory
from tests.support.hw.units import simulate, write


@pytest.mark.parametrize(("depth", "width"), [(2, 1), (5, 7), (8, 16), (13, 32)])
def test_every_cycle_of_random_reads_and_writes(depth, width):
    dut = BlockMemory(depth=depth, width=width)
    rng = random.Random(depth)

    async def testbench(ctx):
        words, data, same_address = [0] * depth, 0, 0
        for cycle in range(400):
            enable, address = rng.random() < 0.6, rng.randrange(depth)
            to = rng.randrange(depth) if rng.random() < 0.6 else None
            value = rng.getrandbits(width)
            ctx.set(dut.read_enable, enable)
            ctx.set(dut.read_address, address)
            write(ctx, dut.write, to, value)
            assert (cycle, ctx.get(dut.read_data)) == (cycle, data)
            await ctx.tick()
            if enable:
                data = words[address]
                same_address += address == to
            if to is not None:
                words[to] = value
        assert same_address > 5

    simulate(dut, testbench)
