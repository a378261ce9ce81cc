"""The leading-nonzero tree against a search in Python, for complete, partial and single-node trees."""

import random

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from hw.leading_nonzero import LeadingNonzero
from hw.verilog import module_names


def wanted(pending: int, current: list[int]) -> tuple[int, int, int, int] | None:
    """valid, more, index, activation; None if nothing is pending."""
    ones = [pe for pe in range(len(current)) if pending >> pe & 1]
    return (1, int(len(ones) > 1), ones[0], current[ones[0]]) if ones else None


def check(pes: int, patterns: list[int], seed: int = 1) -> None:
    dut = LeadingNonzero(pes)
    rng = random.Random(seed)

    async def bench(ctx):
        for pattern in patterns:
            current = [rng.randrange(1 << 16) for _ in range(pes)]
            ctx.set(dut.pending, pattern)
            ctx.set(dut.current, current)
            await ctx.delay(1e-9)
            o = ctx.get(dut.o)
            expected = wanted(pattern, current)
            if expected is None:
                assert (o.valid, o.more) == (0, 0)
            else:
                assert (o.valid, o.more, o.index, o.activation) == expected, f"{pes} PEs, pending {pattern:b}"

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("pes", [1, 2, 3, 4, 5, 6])
def test_every_pattern(pes: int):
    check(pes, list(range(1 << pes)))


@pytest.mark.parametrize("pes", [16, 17, 61, 64, 65, 256])
def test_random_patterns(pes: int):
    rng = random.Random(pes)
    ends = [0, 1, 1 << (pes - 1), (1 << pes) - 1, 1 | 1 << (pes - 1)]
    pairs = [1 << rng.randrange(pes) | 1 << rng.randrange(pes) for _ in range(20)]
    check(pes, ends + pairs + [rng.getrandbits(pes) for _ in range(20)])


def test_64_pes_need_21_nodes_as_in_the_paper():
    names = module_names(verilog.convert(LeadingNonzero(64), name="tree"))
    assert len([name for name in names if "node" in name]) == 21
