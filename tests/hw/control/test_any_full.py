import random

import pytest

from hw.control.any_full import AnyFull
from model.config import PRESETS
from tests.support.hw.units import simulate


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("pes", [1, 2, 5, 64])
def test_any_full_queue_of_the_cycle_before_in_every_cycle(pes, lanes):
    dut = AnyFull(PRESETS["tiny4"].with_(pes=pes, broadcasts_per_cycle=lanes, queue_depth=8))
    rng = random.Random(pes)

    async def testbench(ctx):
        before, seen = None, set()
        for cycle in range(1000):
            # A PE that is full with some activations behind it is full with more of them.
            rooms = [rng.choice([-1, *range(2 * lanes + 1), *[9] * 2 * pes]) for _ in range(pes)]
            coming = rng.randint(0, lanes)
            ctx.set(dut.coming, coming)
            ctx.set(dut.full, [sum((s > room) << s for s in range(2 * lanes + 1)) for room in rooms])
            if before is not None:
                wanted = any(before[1] + coming > room for room in before[0])
                assert (cycle, ctx.get(dut.is_full)) == (cycle, wanted)
                seen.add((before[1], coming, wanted))
            await ctx.tick()
            before = rooms, coming
        assert len(seen) == 2 * (lanes + 1) ** 2

    simulate(dut, testbench)
