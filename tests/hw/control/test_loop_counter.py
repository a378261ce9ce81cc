"""Loops over layers against section 13 of the contract."""

import random

from hw.control.loop_counter import LoopCounter
from model.config import PRESETS
from tests.support.hw.units import simulate

CONFIG = PRESETS["tiny4"].with_(maps=True, functions=True, accumulator_depth=24, activation_depth=64, pointer_depth=128)
DEPTH = CONFIG.activation_depth


def test_iterations_and_offsets():
    dut = LoopCounter(CONFIG)
    rng = random.Random(2)

    async def testbench(ctx):
        async def runs(count: int, steps: tuple[int, int]) -> bool:
            """A layer of so many iterations is run; whether it says that the loop goes on."""
            layer = {"loop_count": count, "source_step": steps[0], "result_step": steps[1]}
            ctx.set(dut.functions, layer)
            await ctx.tick().repeat(rng.randint(1, 3))
            ctx.set(dut.ends, 1)
            again = ctx.get(dut.again)
            await ctx.tick()
            ctx.set(dut.ends, 0)
            return bool(again)

        for _ in range(40):
            count, steps = rng.choice([0, 1, 2, 3, 7]), (rng.randrange(DEPTH), rng.randrange(DEPTH))
            stopped = rng.randrange(10)
            for iteration in range(max(count, 1)):
                offsets = [iteration * step % DEPTH for step in steps]
                assert ctx.get(dut.iteration) == iteration
                assert [ctx.get(dut.source_offset), ctx.get(dut.result_offset)] == offsets
                first, moves = rng.randrange(DEPTH), rng.randrange(2)
                ctx.set(dut.first, first)
                ctx.set(dut.moves, moves)
                assert ctx.get(dut.first_row) == (first + moves * offsets[0]) % DEPTH
                if iteration == stopped:
                    ctx.set(dut.clear, 1)  # a start: a run before it was given up
                    await ctx.tick()
                    ctx.set(dut.clear, 0)
                    break
                for _ in range(rng.randrange(3)):  # layers inside of the loop
                    assert not await runs(rng.randrange(2), (1, 1))
                    assert ctx.get(dut.iteration) == iteration
                    assert [ctx.get(dut.source_offset), ctx.get(dut.result_offset)] == offsets
                assert await runs(count, steps) == (iteration + 1 < count)

    simulate(dut, testbench)


def test_the_longest_loop_ends():
    """From an iteration that only an upset register has, too."""
    dut = LoopCounter(CONFIG)
    most = (1 << 16) - 1

    async def testbench(ctx):
        ctx.set(dut.functions, {"loop_count": most, "source_step": 1, "result_step": 0})
        for iteration, again in ((most - 2, 1), (most - 1, 0), (most, 0)):
            ctx.set(dut.iteration, iteration)
            await ctx.tick()
            assert ctx.get(dut.again) == again

    simulate(dut, testbench)
