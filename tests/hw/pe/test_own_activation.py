"""Local mode against section 12 of the contract, every output in every cycle."""

import random

import pytest

from hw.pe.own_activation import OwnActivation
from model.config import PRESETS
from tests.support.hw.units import simulate


@pytest.mark.parametrize("activation_bits", [8, 16])
def test_every_cycle(activation_bits):
    dut = OwnActivation(PRESETS["tiny4"].with_(maps=True, accumulator_depth=24, activation_bits=activation_bits))
    rng = random.Random(3)
    acted = missed = 0

    async def testbench(ctx):
        nonlocal acted, missed
        for local in (0, 1, 0, 1):
            ctx.set(dut.local, local)
            # (this PE is selected, some PE is, `current` of the cycle after) of two and of one cycle ago
            before: list[tuple[bool, bool, int]] = [(False, False, 0)] * 2
            ctx.set(dut.coming, 0)
            ctx.set(dut.selected, 0)
            await ctx.tick().repeat(3)
            for cycle in range(200):
                anyone = cycle < 196 and rng.random() < 0.6
                mine = anyone and rng.random() < 0.5
                current = rng.getrandbits(activation_bits)
                shared, pointer, even = rng.getrandbits(activation_bits), rng.randrange(256), rng.randrange(128)
                ctx.set(dut.selected, mine)
                ctx.set(dut.current, current)
                ctx.set(dut.coming, before[-1][1])
                broadcast = {"valid": before[-2][1], "activation": shared, "pointer": pointer, "even": even}
                ctx.set(dut.broadcast, broadcast)
                acts = before[-2][0] if local else before[-2][1]
                got = [ctx.get(dut.lane.valid), ctx.get(dut.missed), ctx.get(dut.own_valid)]
                assert (cycle, got) == (cycle, [acts, before[-2][1] and not acts, bool(local and acts)])
                if acts:
                    value = before[-1][2] if local else shared
                    lane = [ctx.get(dut.lane[name]) for name in ("activation", "pointer", "even")]
                    assert lane == [value, pointer, even]
                    if local:
                        assert ctx.get(dut.own_activation) == value
                acted, missed = acted + acts, missed + (before[-2][1] and not acts)
                before.append((mine, anyone, current))
                await ctx.tick()
        assert (acted > 100, missed > 100) == (True, True)

    simulate(dut, testbench)
