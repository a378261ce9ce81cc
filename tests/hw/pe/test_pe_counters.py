import random

import pytest

from hw.pe.pe_counters import PeCounters
from model.registers import PeCounter
from tests.support.hw.units import simulate


@pytest.mark.parametrize("most", [1, 2])
def test_every_counter_in_every_cycle(most):
    dut = PeCounters(most)
    rng = random.Random(0)

    async def testbench(ctx):
        counts = [0] * len(PeCounter)
        for cycle in range(500):
            events = [rng.randint(0, most) for _ in PeCounter]
            start, load = rng.random() < 0.02, rng.random() < 0.02
            select = rng.randrange(16)
            for counter in PeCounter:
                ctx.set(dut.events[counter], events[counter])
            ctx.set(dut.start, start)
            ctx.set(dut.load, load)
            ctx.set(dut.select, select)
            got = [ctx.get(getattr(dut, counter.name.lower())) for counter in PeCounter]
            value = counts[select] if select < len(PeCounter) else 0
            assert (cycle, got, ctx.get(dut.value)) == (cycle, counts, value)
            await ctx.tick()
            for counter in PeCounter:
                if load if counter is PeCounter.DECODED_SYMBOLS else start:
                    counts[counter] = 0
                else:
                    counts[counter] += events[counter]

    simulate(dut, testbench)
