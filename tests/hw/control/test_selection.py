import random

import pytest

from hw.control.selection import Selection
from model.config import PRESETS
from tests.support.hw.units import simulate


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize(("pes", "activation_bits"), [(1, 16), (3, 16), (4, 8), (64, 16)])
def test_activations_of_the_selected_in_every_cycle(pes, activation_bits, lanes):
    config = PRESETS["tiny4"].with_(pes=pes, broadcasts_per_cycle=lanes, pointer_depth=100)
    config = config.with_(activation_bits=activation_bits)
    dut = Selection(config)
    rng = random.Random(pes)

    async def testbench(ctx):
        selected, broadcast = None, None
        for _ in range(300):
            chosen = [(rng.randrange(2), rng.randrange(pes)) for _ in range(lanes)]
            base = rng.randrange(128)
            current = [rng.getrandbits(activation_bits) for _ in range(pes)]
            ctx.set(dut.chosen, {"lanes": [{"valid": valid, "pe": pe} for valid, pe in chosen], "base": base})
            ctx.set(dut.current, current)
            if selected is not None:
                registers = ctx.get(dut.selected)
                assert ([(lane.valid, lane.pe) for lane in registers.lanes], registers.base) == selected
            if broadcast is not None:
                assert [(lane.valid, lane.activation, lane.pointer) for lane in ctx.get(dut.broadcast)] == broadcast
            await ctx.tick()
            if selected is not None:
                lanes_before, base_before = selected
                broadcast = [(valid, current[pe], (base_before + pe) % 128) for valid, pe in lanes_before]
            selected = chosen, base

    simulate(dut, testbench)
