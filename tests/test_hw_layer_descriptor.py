"""The layer descriptor: fields of the words, what fits, and where the layers go."""

import random

import pytest

from hw.layer_descriptor import LayerDescriptor
from model.config import PRESETS
from model.layouts import Descriptor
from tests.support_hw import simulate

CONFIG = PRESETS["tiny4"].with_(activation_depth=13, pointer_depth=60, constant_depth=90)
GOOD = {"in_rows": 3, "out_rows": 4, "columns": 12, "stream_words": 2, "shift": 37, "relu": True, "bias_scale": 4096}
PLACED = ("in_rows", "out_rows", "shift", "relu", "bias_scale")


async def take(ctx, dut, descriptor: Descriptor) -> None:
    ctx.set(dut.accept, 1)
    for word in descriptor.pack():
        ctx.set(dut.word, word)
        await ctx.tick()
    ctx.set(dut.accept, 0)
    ctx.set(dut.word, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"in_rows": 13, "out_rows": 13, "columns": 59, "stream_words": (1 << 32) - 1}, True),
        *(({name: 0}, False) for name in ("in_rows", "out_rows", "columns", "stream_words")),
        *(({name: 14}, False) for name in ("in_rows", "out_rows")),
        *(({"columns": columns}, False) for columns in (60, (1 << 32) - 1)),
    ],
)
def test_what_fits(change, fits):
    dut = LayerDescriptor(CONFIG)

    async def testbench(ctx):
        descriptor = Descriptor(**(GOOD | change))
        await take(ctx, dut, descriptor)
        got = ctx.get(dut.descriptor)
        assert all(got[name] == value for name, value in vars(descriptor).items())
        assert ctx.get(dut.fits) == fits

    simulate(dut, testbench)


def test_layers_go_behind_each_other_until_clear():
    dut = LayerDescriptor(CONFIG)
    rng = random.Random(0)

    async def testbench(ctx):
        fitting = []
        for _ in range(8):
            pointer_base, bias_base = 0, CONFIG.bias_base
            for _ in range(20):
                descriptor = Descriptor(
                    **(
                        GOOD
                        | {"out_rows": rng.randint(1, 8), "columns": rng.randint(1, 30), "relu": rng.random() < 0.5}
                    )
                )
                await take(ctx, dut, descriptor)
                entry = ctx.get(dut.entry)
                assert [entry[name] for name in PLACED] == [getattr(descriptor, name) for name in PLACED]
                ends = pointer_base + descriptor.columns + 1, bias_base + descriptor.out_rows
                fits = ends[0] <= CONFIG.pointer_depth and ends[1] <= CONFIG.constant_depth
                assert ctx.get(dut.fits) == fits
                fitting.append(fits)
                if not fits:
                    break
                assert (entry.pointer_base, entry.bias_base) == (pointer_base, bias_base)
                pointer_base, bias_base = ends
                ctx.set(dut.loaded, 1)
                await ctx.tick()
                ctx.set(dut.loaded, 0)
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
        assert fitting.count(False) == 8 < fitting.count(True)

    simulate(dut, testbench)
