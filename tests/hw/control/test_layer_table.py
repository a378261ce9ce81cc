"""The layer table: reads take a cycle and hold."""

import pytest
from amaranth.sim import Simulator

from hw.control.layer_table import LayerTable
from model.config import PRESETS


@pytest.mark.parametrize("layers", [1, 3])
def test_entries_come_a_cycle_after_their_address_and_stay(layers: int):
    dut = LayerTable(PRESETS["tiny4"].with_(layers=layers))

    async def bench(ctx):
        for layer in range(layers):
            ctx.set(
                dut.write, {"valid": 1, "address": layer, "entry": {"in_rows": 7 + layer, "bias_scale": 1 << layer}}
            )
            await ctx.tick()
        ctx.set(dut.write.valid, 0)
        for layer in range(layers):
            ctx.set(dut.address, layer)
            ctx.set(dut.read, 1)
            await ctx.tick()
            ctx.set(dut.read, 0)
            ctx.set(dut.address, 0)
            for _ in range(2):
                entry = ctx.get(dut.entry)
                assert (entry.in_rows, entry.out_rows, entry.bias_scale) == (7 + layer, 0, 1 << layer)
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
