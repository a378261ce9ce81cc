"""Skid buffer and output frames: every word once, in order, registers on both sides; a soft reset ends a frame."""

import random
from collections import deque

import pytest

from hw.bus.axi_stream import OutputFrames, SkidBuffer
from model.config import PRESETS
from tests.support.hw.units import simulate

TINY = PRESETS["tiny4"]


@pytest.mark.parametrize(("give", "take"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (0.6, 0.6), (0.9, 0.1)])
def test_words_pass_in_order_and_stay_until_taken(give: float, take: float):
    dut = SkidBuffer(16)
    rng = random.Random(3)

    async def testbench(ctx):
        inside: deque[int] = deque()
        assert (ctx.get(dut.i.ready), ctx.get(dut.o.valid)) == (0, 0)
        await ctx.tick()
        taken, offered = 0, False
        for cycle in range(2000):
            offered = offered or rng.random() < give
            word = rng.getrandbits(16)
            ctx.set(dut.i.valid, offered)
            ctx.set(dut.i.payload, word)
            before = ctx.get(dut.i.ready), ctx.get(dut.o.valid)
            ready = rng.random() < take
            ctx.set(dut.o.ready, ready)
            assert (ctx.get(dut.i.ready), ctx.get(dut.o.valid)) == before, "a combinational path"
            assert before == (len(inside) < 2, len(inside) > 0), f"cycle {cycle}"
            if inside:
                assert ctx.get(dut.o.payload) == inside[0]
            if before[1] and ready:
                inside.popleft()
                taken += 1
            if offered and before[0]:
                inside.append(word)
                offered = False
            await ctx.tick()
        if give == take == 1.0:
            assert taken == 1999
        assert taken > 100

    simulate(dut, testbench)


@pytest.mark.parametrize("seed", range(6))
def test_a_soft_reset_ends_the_frame_that_has_begun(seed: int):
    """The source stops dead, as the array does; the frames that come out are whole, the cut one's end is a 0."""
    dut = OutputFrames(TINY)
    rng = random.Random(seed)
    take = rng.choice([0.2, 0.8, 1.0])

    async def testbench(ctx):
        sent: list[tuple[int, int]] = []
        got: list[tuple[int, int]] = []
        wanted: list[tuple[int, int]] = []
        frame: list[tuple[int, int]] = []
        cuts = 0
        for cycle in range(4000):
            word = frame[0] if frame else None
            ctx.set(dut.i.valid, word is not None)
            if word:
                ctx.set(dut.i.payload, {"data": word[0], "last": word[1]})
            ctx.set(dut.o.ready, rng.random() < take)
            cut = rng.random() < 0.02
            ctx.set(dut.soft_reset, cut)
            if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                payload = ctx.get(dut.o.payload)
                got.append((payload.data, payload.last))
            if word and ctx.get(dut.i.ready):
                frame.pop(0)
                sent.append(word)
                wanted.append(word)
            if cut:
                frame = []
                if wanted and not wanted[-1][1]:
                    wanted.append((0, 1))
                    cuts += 1
            elif not frame and rng.random() < 0.3 and cycle < 3900:
                length = rng.randint(1, 6)
                frame = [(rng.getrandbits(32), int(at == length - 1)) for at in range(length)]
            await ctx.tick()
        assert got == wanted[: len(got)]
        assert len(wanted) - len(got) <= 2
        assert cuts > 5
        assert len(sent) > 500

    simulate(dut, testbench)
