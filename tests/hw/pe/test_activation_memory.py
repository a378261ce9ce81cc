"""The activation memory, its outputs in every cycle."""

import random

import pytest

from hw.pe.activation_memory import ActivationMemory
from model.config import PRESETS
from tests.support.hw.units import simulate, write


@pytest.mark.parametrize(("depth", "activation_bits"), [(2, 16), (5, 16), (32, 16), (5, 8)])
def test_banks_take_and_clear_in_every_cycle(depth, activation_bits):
    dut = ActivationMemory(PRESETS["tiny4"].with_(activation_depth=depth, activation_bits=activation_bits))
    smallest = 1 << activation_bits - 1
    rng = random.Random(depth)

    async def testbench(ctx):
        banks = [[0] * depth, [0] * depth]
        data, ahead, pending, current, together = 0, 0, False, 0, 0
        for cycle in range(600):
            bank, row, source = rng.randrange(2), rng.randrange(depth), rng.choice(["input", "output", "both", None])
            to = rng.randrange(depth)
            value = rng.choice([0, 1, smallest, rng.getrandbits(activation_bits)])
            read, shift, take, clear = (rng.random() < 0.5 for _ in range(4))
            ctx.set(dut.bank, bank)
            ctx.set(dut.read, read)
            ctx.set(dut.read_row, row)
            ctx.set(dut.shift, shift)
            ctx.set(dut.take, take)
            ctx.set(dut.clear, clear)
            write(ctx, dut.input_write, to if source in ("input", "both") else None, value)
            write(ctx, dut.output_write, to if source in ("output", "both") else None, value ^ 1)
            ctx.set(dut.output_nonzero, value != 1)
            assert (cycle, ctx.get(dut.pending), ctx.get(dut.current)) == (cycle, pending, current)
            await ctx.tick()
            if take:
                pending = (data if shift else ahead) != 0
                together += clear and pending
            elif clear:
                pending = False
            if shift:
                current, ahead = ahead, data
            if read:
                data = banks[bank][row]
            if source is not None:
                banks[1 - bank if source == "output" else 0][to] = value ^ (source == "output")
        assert together > 5

    simulate(dut, testbench)


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("maximum", [0, 1])
@pytest.mark.parametrize("activation_bits", [8, 16])
def test_one_space_with_maps(positive: int, maximum: int, activation_bits: int):
    config = PRESETS["tiny4"].with_(activation_depth=8, maps=True, accumulator_depth=24)
    dut = ActivationMemory(config.with_(activation_bits=activation_bits))
    rng = random.Random(positive * 2 + maximum)
    smallest = 1 << activation_bits - 1

    def counts(value: int) -> bool:
        return bool(maximum or (0 < value < smallest if positive else value))

    async def testbench(ctx):
        memory = [0] * 8
        data, ahead, pending, current = 0, 0, False, 0
        late = None  # what is written in this cycle
        seen = set()
        ctx.set(dut.positive, positive)
        ctx.set(dut.maximum, maximum)
        for cycle in range(600):
            source, to, row = rng.choice(["input", "output", None]), rng.randrange(8), rng.randrange(8)
            value = rng.choice([0, 1, smallest, rng.getrandbits(activation_bits)])
            read, shift, take, clear = (rng.random() < 0.5 for _ in range(4))
            for port, bit in ((dut.read, read), (dut.shift, shift), (dut.take, take), (dut.clear, clear)):
                ctx.set(port, bit)
            ctx.set(dut.read_row, row)
            write(ctx, dut.input_write, to if source == "input" else None, value | bool(value) << activation_bits)
            ctx.set(dut.input_write.address, to)
            ctx.set(dut.output_write.valid, source == "output")
            ctx.set(dut.output_write.data, value)
            ctx.set(dut.output_nonzero, value != 0)
            assert (cycle, ctx.get(dut.pending), ctx.get(dut.current)) == (cycle, pending, current)
            await ctx.tick()
            if take:
                pending = counts(data if shift else ahead)
                seen.add(pending)
            elif clear:
                pending = False
            if shift:
                current, ahead = ahead, data
            if read:
                data = memory[row]
            if late is not None:
                memory[late[0]] = late[1]
            late = None if source is None else (to, value)
        assert seen == ({True} if maximum else {False, True})

    simulate(dut, testbench)
