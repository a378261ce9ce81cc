"""The layer descriptor: fields of the words, what fits, and where the layers go."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from hw.control.layer_descriptor import LATENCY, LayerDescriptor
from model.config import PRESETS, ArrayConfig
from model.function_descriptor import BLOCK_FIELDS, Block, FunctionDescriptor
from model.layouts import Descriptor
from model.map_descriptor import MAP_FIELDS, MapDescriptor
from tests.support.hw.units import simulate

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
    await take_words(ctx, dut, descriptor.pack())


async def take_words(ctx, dut, words: list[int]) -> None:
    ctx.set(dut.accept, 1)
    for word in words:
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


MAPS = CONFIG.with_(maps=True, activation_depth=16, pointer_depth=64, accumulator_depth=12)
MAP = dict.fromkeys(MAP_FIELDS, 0) | {"columns": 9, "out_channels": 4, "in_channels": 2, "in_width": 5}


def map_words(plain: Mapping[str, Any], fields: Mapping[str, Any]) -> list[int]:
    """The descriptor of a map layer."""
    return MapDescriptor(**fields).merge(Descriptor(**plain).pack())


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        # Where rows and columns lie is taken modulo their memories, so nothing about it is refused.
        (
            {"first_row": (1 << 16) - 1, "destination": (1 << 16) - 1, "row_step": 40_000, "class_columns": 1 << 20},
            True,
        ),
        ({"in_rows": 16, "out_rows": 12}, True),
        ({"in_rows": 17}, False),
        ({"out_rows": 13}, False),
        *(({name: 0}, False) for name in ("in_rows", "out_rows", "stream_words", "columns", "out_channels")),
        ({"columns": 63}, True),
        *(({"columns": columns}, False) for columns in (64, 1 << 23, (1 << 24) - 1)),
        ({"out_rows": 3}, False),  # of 4 channels
        ({"out_rows": 10, "out_channels": 10}, True),
        ({"out_rows": 12, "out_channels": (1 << 16) - 1}, False),
        ({"shift": 37}, False),
    ],
)
def test_what_fits_with_maps(change: dict[str, int], fits: bool):
    dut = LayerDescriptor(MAPS)
    plain = {name: change.get(name, value) for name, value in GOOD.items()}
    fields = {name: change.get(name, value) for name, value in MAP.items()}

    async def testbench(ctx):
        words = map_words(plain, fields)
        await take_words(ctx, dut, words)
        assert ctx.get(dut.fits) == fits
        got = ctx.get(dut.descriptor)
        assert {name: got[name] for name in (*GOOD, *MAP)} == {**plain, **fields}
        if fits:
            assert ctx.get(dut.columns) == fields["columns"]

    simulate(dut, testbench)


def test_biases_are_one_per_channel_with_maps():
    """The last constant of the memory is the last bias; one more does not fit."""
    config, room = MAPS.with_(constant_depth=MAPS.bias_base + 10), 10

    async def testbench(ctx):
        for channels, keep, fits in ((room, False, True), (room, True, True), (1, False, False), (1, True, True)):
            plain = GOOD | {"out_rows": config.accumulators, "keep": keep}
            words = map_words(plain, MAP | {"columns": 2, "out_channels": channels})
            await take_words(ctx, dut, words)
            assert ctx.get(dut.fits) == fits
            ctx.set(dut.loaded, fits)
            await ctx.tick()
            ctx.set(dut.loaded, 0)

    dut = LayerDescriptor(config)
    simulate(dut, testbench)


def test_the_entry_with_maps():
    """Counts less one, what is taken modulo a memory, masks for the digits, and a limit that is never 0."""
    fields = MAP | {
        "in_channels": 16,
        "in_width": 17,
        "classes_y": 0,
        "classes_x": 3,
        "destination": 35,
        "class_columns": 65,
        "channel_bits": 2,
        "column_bits": 3,
        "local": 1,
        "positive": 1,
    }
    wanted = {
        "last_channel": 15,
        "last_column": 0,
        "last_class_y": 31,
        "last_class_x": 2,
        "destination": 3,
        "class_columns": 1,
        "last_out_channel": 3,
    }

    async def testbench(ctx):
        for flat, limit, masks in ((0, 0, (0b11, 0b111)), (1, 77, (0xFFFF, 0))):
            await take_words(ctx, dut, map_words(GOOD, fields | {"flat": flat, "limit": limit}))
            scan, geometry = ctx.get(dut.entry.scan), ctx.get(dut.entry.geometry)
            assert {name: scan[name] for name in wanted} == wanted
            assert (geometry.channel_mask, geometry.step_mask) == masks
            flags = (geometry.flat, geometry.local, geometry.positive, geometry.maximum)
            assert flags == (flat, 1, 1, 0)
            assert geometry.limit == (limit or 32767)

    dut = LayerDescriptor(MAPS)
    simulate(dut, testbench)


def test_a_limit_of_8_bits_is_no_more_than_the_largest_activation():
    dut = LayerDescriptor(MAPS.with_(activation_bits=8))

    async def testbench(ctx):
        for limit, wanted in ((0, 127), (1, 1), (126, 126), (127, 127), (128, 127), (257, 127), (0x4000, 127)):
            await take_words(ctx, dut, map_words(GOOD, MAP | {"limit": limit}))
            assert (limit, ctx.get(dut.entry.geometry.limit)) == (limit, wanted)

    simulate(dut, testbench)


FUNCTIONS = MAPS.with_(functions=True)


def test_loops_lie_behind_each_other():
    """loop_floor: a loop may not go back to or before the last layer of another one; LOAD and a soft reset forget."""
    dut = LayerDescriptor(FUNCTIONS)

    async def testbench(ctx):
        for forget in ("clear", "soft_reset"):
            # (loop_count, loop_back, fits): layer 0 may go back to itself, layer 2 to layer 0, layer 3 to itself only.
            for number, *tries in (
                (0, (2, 1, False), (0, 63, True), (1, 63, True)),
                (1, (2, 2, False), (1, 2, True)),
                (2, (0xFFFF, 3, False), (3, 2, True)),
                (3, (2, 1, False), (2, 63, False), (2, 0, True)),
                (4, (2, 1, False), (1, 1, True)),
                (5, (2, 2, False), (2, 1, True)),
            ):
                ctx.set(dut.number, number)
                for count, back, fits in tries:
                    functions = FunctionDescriptor(loop_count=count, loop_back=back)
                    plain = GOOD | {"in_rows": 1, "keep": True}
                    words = map_words(plain, MAP | {"columns": 1})
                    await take_words(ctx, dut, functions.merge(words))
                    assert (number, count, back, ctx.get(dut.fits)) == (number, count, back, fits)
                ctx.set(dut.loaded, 1)
                await ctx.tick()
                ctx.set(dut.loaded, 0)
            ctx.set(dut.clear, 1)
            ctx.set(getattr(dut, forget), 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            ctx.set(getattr(dut, forget), 0)

    simulate(dut, testbench)


def test_the_entry_with_functions():
    """Every field where it belongs; rows modulo the memory, block_rows less one."""
    block_values = [
        Block(product=True, product_shift=9 + number, destination_moves=number, second_moves=3 - number, second=17)
        for number in range(3)
    ]
    blocks = (*block_values, Block(function=True, is_tanh=True, product_shift=31, block_destination=35))
    functions = FunctionDescriptor(
        loop_count=0xABCD,
        loop_back=0,
        moves=True,
        blocked=True,
        source_step=18,
        result_step=35,
        block_rows=0,
        blocks=blocks,
    )
    dut = LayerDescriptor(FUNCTIONS)

    async def testbench(ctx):
        await take_words(ctx, dut, functions.merge(map_words(GOOD, MAP)))
        got = ctx.get(dut.entry.functions)
        assert (got.loop_count, got.loop_back, got.moves, got.blocked) == (0xABCD, 0, 1, 1)
        assert (got.source_step, got.result_step, got.last_block_row) == (2, 3, 0xFFFF)
        for entry, block in zip(got.blocks, blocks, strict=True):
            wanted = {name: int(getattr(block, name)) for name in BLOCK_FIELDS[0]}
            wanted |= {"block_destination": block.block_destination % 16, "second": block.second % 16}
            assert {name: entry[name] for name in wanted} == wanted
        assert ctx.get(dut.fits)

    simulate(dut, testbench)
