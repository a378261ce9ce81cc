import random
from collections import deque

import pytest

from hw.activation_queue import ActivationQueue
from model.config import PRESETS
from tests.support_hw import simulate


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 8, 11])
def test_order_and_count_in_every_cycle(depth):
    dut = ActivationQueue(PRESETS["tiny4"].with_(queue_depth=depth))
    rng = random.Random(depth)
    width = len(dut.tail.as_value())

    async def testbench(ctx):
        queue, counts = deque(), set()
        for cycle in range(600):
            filling = cycle // 50 % 2
            push = len(queue) < depth and rng.random() < (0.8 if filling else 0.3)
            pop = len(queue) > 0 and rng.random() < (0.3 if filling else 0.8)
            value = rng.getrandbits(width)
            ctx.set(dut.push, push)
            ctx.set(dut.pop, pop)
            ctx.set(dut.tail.as_value(), value)
            assert (cycle, ctx.get(dut.count)) == (cycle, len(queue))
            if queue:
                assert (cycle, ctx.get(dut.head.as_value())) == (cycle, queue[0])
            counts.add(len(queue))
            await ctx.tick()
            if pop:
                queue.popleft()
            if push:
                queue.append(value)
        assert counts == set(range(depth + 1))

    simulate(dut, testbench)
