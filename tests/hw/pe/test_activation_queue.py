import random
from collections import deque

import pytest

from hw.pe.activation_queue import ActivationQueue
from model.config import PRESETS
from tests.support.hw.units import simulate


@pytest.mark.parametrize(("depth", "lanes"), [*((depth, 1) for depth in (1, 2, 3, 5, 8, 11)), (4, 2), (6, 2), (16, 2)])
def test_order_and_fill_in_every_cycle(depth, lanes):
    dut = ActivationQueue(PRESETS["tiny4"].with_(queue_depth=depth, broadcasts_per_cycle=lanes))
    rng = random.Random(depth)
    width = len(dut.head.as_value())

    async def testbench(ctx):
        queue, counts, pushed = deque(), set(), set()
        for cycle in range(900):
            filling = cycle // 50 % 2
            push = [rng.random() < (0.8 if filling else 0.3) for _ in range(lanes)]
            if len(queue) + sum(push) > depth:
                push = [False] * lanes
            pop = len(queue) > 0 and rng.random() < (0.3 if filling else 0.9)
            values = [rng.getrandbits(width) for _ in range(lanes)]
            ctx.set(dut.push, sum(bit << lane for lane, bit in enumerate(push)))
            ctx.set(dut.pop, pop)
            for lane, value in enumerate(values):
                ctx.set(dut.tails[lane].as_value(), value)
            assert (cycle, ctx.get(dut.available)) == (cycle, len(queue) > 0)
            if queue:
                assert (cycle, ctx.get(dut.head.as_value())) == (cycle, queue[0])
            counts.add(len(queue))
            pushed.add(tuple(push))
            await ctx.tick()
            if pop:
                queue.popleft()
            queue.extend(value for value, enters in zip(values, push, strict=True) if enters)
        assert counts == set(range(depth + 1))
        assert len(pushed) == 1 << lanes

    simulate(dut, testbench)
