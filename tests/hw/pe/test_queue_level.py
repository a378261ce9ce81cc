"""How full a queue is, every output in every cycle."""

import random

import pytest

from hw.pe.queue_level import QueueLevel
from model.config import PRESETS
from tests.support.hw.units import simulate


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(("depth", "lanes"), [(1, 1), (2, 1), (3, 1), (8, 1), (32, 1), (4, 2), (6, 2), (32, 2)])
def test_level_in_every_cycle(depth, lanes, skip):
    config = PRESETS["tiny4"].with_(queue_depth=depth, broadcasts_per_cycle=lanes, skip_empty_slices=skip)
    dut = QueueLevel(config)
    rng = random.Random(depth)

    async def testbench(ctx):
        coming = in_b = in_p = in_q = count = 0
        seen = set()
        for cycle in range(1500):
            busy = cycle // 100 % 2
            skipped = sum(skip and rng.random() < 0.3 for _ in range(in_q))
            done = count > 0 and rng.random() < (0.1 if busy else 0.9)
            for name, value in {
                "coming": coming,
                "pushed": in_q - skipped,
                "skipped": skipped,
                "done": done,
            }.items():
                ctx.set(getattr(dut, name), value)
            level = count + in_q + in_p + in_b
            full = sum((level + behind + lanes > depth) << behind for behind in range(2 * lanes + 1))
            got = [ctx.get(signal) for signal in (dut.count, dut.full, dut.empty)]
            assert (cycle, got) == (cycle, [count, full, level == 0])
            seen.add((count == depth, full, level == 0))
            await ctx.tick()
            count += in_q - skipped - done
            room = depth - level - coming
            in_q, in_p, in_b = in_p, in_b, coming
            coming = min(0 if rng.random() < 0.1 else rng.randint(1, lanes), room)
        everything = (1 << 2 * lanes + 1) - 1
        assert {(True, everything, False)} <= seen
        assert any(empty and not full & 1 for _, full, empty in seen)

    simulate(dut, testbench)


@pytest.mark.parametrize("depth", [1, 2, 3, 16, 33])
def test_level_in_local_mode(depth: int):
    """Some of the pushes are not this PE's: they count until they leave the broadcast register."""
    dut = QueueLevel(PRESETS["tiny4"].with_(queue_depth=depth, maps=True, accumulator_depth=24))
    rng = random.Random(depth)

    async def testbench(ctx):
        coming = in_b = in_p = in_q = count = 0
        seen = set()
        for cycle in range(1500):
            missed = in_b and rng.random() < 0.5
            done = count > 0 and rng.random() < (0.1 if cycle // 100 % 2 else 0.9)
            skipped = in_q and rng.random() < (0 if cycle // 100 % 2 else 0.3)
            inputs = {"coming": coming, "skipped": skipped, "done": done, "missed": missed}
            for name, value in inputs.items():
                ctx.set(getattr(dut, name), value)
            level = count + in_q + in_p + in_b
            full = sum((level + behind + 1 > depth) << behind for behind in range(3))
            got = [ctx.get(signal) for signal in (dut.full, dut.empty)]
            assert (cycle, got) == (cycle, [full, level == 0])
            seen.add((count == depth, level == 0, bool(missed)))
            await ctx.tick()
            count += in_q - skipped - done
            room = depth - level - coming
            in_q, in_p, in_b = in_p, in_b and not missed, coming
            coming = min(rng.random() < 0.9, room)
        assert {full for full, _, _ in seen} == {missed for _, _, missed in seen} == {False, True}

    simulate(dut, testbench)
