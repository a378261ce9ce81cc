"""The layer descriptor: fields of the words, what fits, and where the layers go."""

import random

import pytest

from hw.control.layer_descriptor import LATENCY, LayerDescriptor
from model.config import PRESETS, ArrayConfig
from model.layouts import Descriptor
from tests.support.hw import simulate

CONFIG = PRESETS["tiny4"].with_(activation_depth=13, pointer_depth=60, constant_depth=90, accumulator_bits=37)
ODD = CONFIG.with_(pes=5)
GOOD = {
    "in_rows": 3,
    "out_rows": 4,
    "first_row": 2,
    "stream_words": 2,
    "shift": 36,
    "relu": True,
    "keep": False,
    "bias_scale": 4096,
}
PLACED = ("in_rows", "out_rows", "first_row", "shift", "relu", "keep", "bias_scale")


async def take(ctx, dut, descriptor: Descriptor) -> None:
    """The words, one per cycle, and the cycles until the outputs are valid."""
    ctx.set(dut.accept, 1)
    for word in descriptor.pack():
        ctx.set(dut.word, word)
        await ctx.tick()
    ctx.set(dut.accept, 0)
    ctx.set(dut.word, 0xFFFFFFFF)
    await ctx.tick().repeat(LATENCY - 1)


@pytest.mark.parametrize(
    ("config", "change", "fits"),
    [
        (CONFIG, {}, True),
        (CONFIG, {"in_rows": 13, "first_row": 0, "out_rows": 13, "stream_words": (1 << 32) - 1}, True),
        (CONFIG, {"first_row": 10}, True),
        *((CONFIG, {"first_row": first}, False) for first in (11, 13, 1 << 15, (1 << 16) - 1)),
        *((CONFIG, {name: 0}, False) for name in ("in_rows", "out_rows", "stream_words")),
        *((CONFIG, {"first_row": 0, "in_rows": rows}, False) for rows in (14, 16, 64, (1 << 16) - 1, (1 << 16) - 13)),
        *((CONFIG, {"out_rows": rows}, False) for rows in (14, 64, (1 << 16) - 1)),
        (CONFIG, {"shift": 37}, False),
        (CONFIG, {"shift": 63}, False),
        # 5 PEs: 11 rows are 55 columns and 56 pointers, 12 rows take 61 of the 60 pointers.
        (ODD, {"in_rows": 11}, True),
        (ODD, {"first_row": 1, "in_rows": 12}, False),
    ],
)
def test_what_fits(config: ArrayConfig, change, fits: bool):
    dut = LayerDescriptor(config)

    async def testbench(ctx):
        descriptor = Descriptor(**(GOOD | change))
        await take(ctx, dut, descriptor)
        got = ctx.get(dut.descriptor)
        assert all(got[name] == value for name, value in vars(descriptor).items())
        assert ctx.get(dut.fits) == fits
        if fits:
            assert ctx.get(dut.columns) == descriptor.in_rows * config.pes

    simulate(dut, testbench)


@pytest.mark.parametrize("config", [CONFIG, ODD])
def test_layers_go_behind_each_other_until_clear(config: ArrayConfig):
    dut = LayerDescriptor(config)
    rng = random.Random(0)

    async def testbench(ctx):
        fitting = []
        for _ in range(8):
            pointer_base, bias_base = 0, config.bias_base
            for _ in range(20):
                change = {
                    "out_rows": rng.randint(1, 8),
                    "in_rows": rng.randint(1, 5),
                    "relu": rng.random() < 0.5,
                    "keep": rng.random() < 0.3,
                }
                descriptor = Descriptor(**(GOOD | change))
                await take(ctx, dut, descriptor)
                entry = ctx.get(dut.entry)
                assert [entry[name] for name in PLACED] == [getattr(descriptor, name) for name in PLACED]
                biases = 0 if descriptor.keep else descriptor.out_rows
                ends = pointer_base + descriptor.in_rows * config.pes + 1, bias_base + biases
                fits = ends[0] <= config.pointer_depth and ends[1] <= config.constant_depth
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
