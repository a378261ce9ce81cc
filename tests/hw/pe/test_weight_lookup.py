import random

import pytest

from hw.pe.weight_lookup import WeightLookup
from model.config import PRESETS
from tests.support.hw.units import simulate, write


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"activation_depth": 21, "index_bits": 2},
        {"code_bits": 3, "layers": 5, "constant_depth": 41 + 9, "activation_depth": 300},
    ],
)
@pytest.mark.parametrize("short", [0, 7])
def test_rows_and_constants_in_every_cycle(sizes, short):
    config = PRESETS["tiny4"].with_(**sizes)
    dut = WeightLookup(config)
    rng = random.Random(len(sizes))
    constants = [rng.getrandbits(16) for _ in range(config.constant_depth)]

    async def testbench(ctx):
        for address, constant in enumerate(constants):
            write(ctx, dut.constant_write, address, constant)
            await ctx.tick()
        write(ctx, dut.constant_write)

        out_rows = config.activation_depth - short
        ctx.set(dut.out_rows, out_rows)
        rows = 1 << max((config.activation_depth - 1).bit_length(), config.index_bits) + 1
        previous, fillers, dropped = 0, 0, 0
        history: list[list[int] | None] = [None, None]
        for cycle in range(800):
            layer = rng.randrange(config.layers)
            operand = rng.getrandbits(16)
            wrapping = cycle % 400 >= 200
            kind = rng.choice(["bubble", "entry" if wrapping else "write_back", "entry", "entry", "entry"])
            code = 0 if rng.random() < 0.3 else rng.randrange(1 << config.code_bits)
            run = rng.randrange(1 << config.index_bits)
            row, address = rng.randrange(config.activation_depth), rng.randrange(config.constant_depth)
            # Rows past the layer's last are ordinary here, and so is the return to row 0 of numbers that wrap.
            first = previous is None or rng.random() < (0.01 if wrapping else 0.2)
            values = {"first": first, "code": code, "run": run, "row": row, "address": address, "operand": operand}
            for name, value in values.items():
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.layer, layer)
            ctx.set(dut.valid, kind != "bubble")
            ctx.set(dut.write_back, kind == "write_back")

            filler = kind == "entry" and code == 0
            fillers += filler
            at_w, at_x = history[-1], history[-2]
            names = ("filler", "w_valid", "row_error", "x_valid")
            got = [ctx.get(getattr(dut, name)) for name in names]
            misplaced = [at is not None and not at[0] and at[1] >= out_rows for at in (at_w, at_x)]
            expected = [filler, at_w is not None, misplaced[0], at_x is not None and not misplaced[1]]
            dropped += misplaced[0]
            if at_x is not None and not misplaced[1]:
                got += [ctx.get(s) for s in (dut.x_write_back, dut.x_row, dut.x_operand, dut.x_constant)]
                expected += at_x
            assert (cycle, got) == (cycle, expected)

            operation = None
            if kind == "entry":
                previous = run if previous is None or first else (previous + 1 + run) % rows
                if not filler:
                    operation = [0, previous, operand, constants[layer << config.code_bits | code]]
            elif kind == "write_back":
                operation = [1, row, operand, constants[address]]
                previous = None
            history.append(operation)
            await ctx.tick()
        assert (fillers > 50, dropped > 20) == (True, True)

    simulate(dut, testbench)
