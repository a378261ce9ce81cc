import random

from hw.pe_counters import PeCounters
from model.registers import PeCounter
from tests.support_hw import simulate


def test_every_counter_in_every_cycle():
    dut = PeCounters()
    rng = random.Random(0)

    async def testbench(ctx):
        counts = [0] * len(PeCounter)
        for cycle in range(500):
            events, start, load = rng.getrandbits(len(PeCounter)), rng.random() < 0.02, rng.random() < 0.02
            select = rng.randrange(16)
            ctx.set(dut.events, events)
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
                    counts[counter] += events >> counter & 1

    simulate(dut, testbench)
