import random

import pytest

from hw.weight_lookup import WeightLookup
from model.config import PRESETS
from tests.support_hw import simulate, write


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"activation_depth": 21, "index_bits": 2},
        {"code_bits": 3, "layers": 5, "constant_depth": 41 + 9, "activation_depth": 300},
    ],
)
def test_rows_and_constants_in_every_cycle(sizes):
    config = PRESETS["tiny4"].with_(**sizes)
    dut = WeightLookup(config)
    rng = random.Random(len(sizes))
    constants = [rng.getrandbits(16) for _ in range(config.constant_depth)]

    async def testbench(ctx):
        for address, constant in enumerate(constants):
            write(ctx, dut.constant_write, address, constant)
            await ctx.tick()
        write(ctx, dut.constant_write)

        previous, fillers = None, 0
        history: list[list[int] | None] = [None, None]
        for cycle in range(800):
            layer = rng.randrange(config.layers)
            operand = rng.getrandbits(16)
            kind = rng.choice(["bubble", "write_back", "entry", "entry", "entry"])
            code = 0 if rng.random() < 0.3 else rng.randrange(1 << config.code_bits)
            run = rng.randrange(1 << config.index_bits)
            row, address = rng.randrange(config.activation_depth), rng.randrange(config.constant_depth)
            next_row = None if previous is None else previous + 1 + run
            first = next_row is None or next_row >= config.activation_depth or rng.random() < 0.2
            values = {"first": first, "code": code, "run": run, "row": row, "address": address, "operand": operand}
            for name, value in values.items():
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.layer, layer)
            ctx.set(dut.valid, kind != "bubble")
            ctx.set(dut.write_back, kind == "write_back")

            filler = kind == "entry" and code == 0
            fillers += filler
            at_w, at_x = history[-1], history[-2]
            got = [ctx.get(dut.filler), ctx.get(dut.w_valid), ctx.get(dut.x_valid)]
            expected = [filler, at_w is not None, at_x is not None]
            if at_x is not None:
                got += [ctx.get(s) for s in (dut.x_write_back, dut.x_row, dut.x_operand, dut.x_constant)]
                expected += at_x
            assert (cycle, got) == (cycle, expected)

            operation = None
            if kind == "entry":
                previous = run if first else next_row
                if not filler:
                    operation = [0, previous, operand, constants[layer << config.code_bits | code]]
            elif kind == "write_back":
                operation = [1, row, operand, constants[address]]
                previous = None
            history.append(operation)
            await ctx.tick()
        assert fillers > 50

    simulate(dut, testbench)
