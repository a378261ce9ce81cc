"""The leading-nonzero tree against a search in Python, for complete, partial and single-node trees."""

import random

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from hw.control.leading_nonzero import LeadingNonzero
from hw.verilog import module_names


def check(pes: int, broadcasts: int, patterns: list[int]) -> None:
    dut = LeadingNonzero(pes, broadcasts)

    async def bench(ctx):
        for pattern in patterns:
            ctx.set(dut.pending, pattern)
            await ctx.delay(1e-9)
            o = ctx.get(dut.o)
            ones = [pe for pe in range(pes) if pattern >> pe & 1]
            got = [lane.index for lane in o.lanes if lane.valid]
            where = f"{pes} PEs, pending {pattern:b}"
            assert [lane.valid for lane in o.lanes] == [number < len(ones) for number in range(broadcasts)], where
            assert (got, o.more) == (ones[:broadcasts], len(ones) > broadcasts), where
            assert ctx.get(dut.chosen) == sum(1 << pe for pe in ones[:broadcasts]), where

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("broadcasts", [1, 2])
@pytest.mark.parametrize("pes", [1, 2, 3, 4, 5, 6, 9])
def test_every_pattern(pes: int, broadcasts: int):
    check(pes, broadcasts, list(range(1 << pes)))


@pytest.mark.parametrize("broadcasts", [1, 2])
@pytest.mark.parametrize("pes", [16, 17, 61, 64, 65, 256])
def test_random_patterns(pes: int, broadcasts: int):
    rng = random.Random(pes)
    ends = [0, 1, 1 << (pes - 1), (1 << pes) - 1, 1 | 1 << (pes - 1)]
    few = [sum({1 << rng.randrange(pes) for _ in range(count)}) for count in (2, 3) for _ in range(15)]
    check(pes, broadcasts, ends + few + [rng.getrandbits(pes) for _ in range(15)])


def test_64_pes_need_21_nodes_as_in_the_paper():
    names = module_names(verilog.convert(LeadingNonzero(64), name="tree"))
    assert len([name for name in names if "node" in name]) == 21
