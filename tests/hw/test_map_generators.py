"""The generators of reads, of columns and coordinates, and of write-backs, against section 12 of the contract."""

import random

import pytest

from hw.control.read_generator import ReadGenerator
from hw.control.scan_generator import ScanGenerator
from hw.control.write_back_sequence import WriteBackSequence
from model.config import PRESETS
from model.layouts import flush_cycles
from tests.support.hw.units import simulate

CONFIG = PRESETS["tiny4"].with_(maps=True, accumulator_depth=24, activation_depth=64, pointer_depth=128)


def set_scan(ctx, port, values: dict[str, int]) -> None:
    for name, value in values.items():
        ctx.set(port[name], value)


@pytest.mark.parametrize("seed", range(4))
def test_reads_go_along_the_map(seed: int):
    dut = ReadGenerator(CONFIG)
    rng = random.Random(seed)
    depth = CONFIG.activation_depth

    async def testbench(ctx):
        for _ in range(6):
            channels, width = rng.choice([1, 2, 3, depth]), rng.choice([1, 2, 5])
            column_step, row_step, first = (rng.randrange(depth) for _ in range(3))
            set_scan(
                ctx,
                dut.scan,
                {
                    "last_channel": (channels - 1) % depth,
                    "last_column": width - 1,
                    "column_step": column_step,
                    "row_step": row_step,
                },
            )
            ctx.set(dut.begin, 1)
            ctx.set(dut.first_row, first)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            number = 0
            for _ in range(150):
                position, channel = divmod(number, channels)
                line, column = divmod(position, width)
                assert ctx.get(dut.row) == (first + line * row_step + column * column_step + channel) % depth
                read = rng.random() < 0.7
                ctx.set(dut.read, read)
                number += read
                await ctx.tick()
            ctx.set(dut.read, 0)
            # Unloading goes on one by one from anywhere, also over the end of the memory.
            target = rng.randrange(depth)
            ctx.set(dut.jump, 1)
            ctx.set(dut.target, target)
            await ctx.tick()
            ctx.set(dut.jump, 0)
            ctx.set(dut.plain, 1)
            ctx.set(dut.read, 1)
            for row in range(depth + 3):
                assert ctx.get(dut.row) == (target + row) % depth
                await ctx.tick()
            ctx.set(dut.plain, 0)
            ctx.set(dut.read, 0)

    simulate(dut, testbench)


@pytest.mark.parametrize("local", [0, 1])
def test_columns_and_coordinates(local: int):
    dut = ScanGenerator(CONFIG)
    rng = random.Random(local)
    depth, unit = CONFIG.pointer_depth, 1 if local else CONFIG.pes

    async def testbench(ctx):
        ctx.set(dut.local, local)
        for _ in range(12):
            channels, width = rng.randint(1, 3), rng.randint(1, 6)
            classes_y, classes_x = rng.choice([1, 2, 3, 32]), rng.choice([1, 2, 3, 32])
            class_columns, base = rng.randrange(depth), rng.randrange(depth)
            scan = {
                "last_channel": channels - 1,
                "last_column": width - 1,
                "class_columns": class_columns,
                "last_class_y": classes_y - 1,
                "last_class_x": classes_x - 1,
                "advance_y": rng.randrange(32),
                "advance_x": rng.randrange(32),
                "start_y": rng.choice([0, 1020, 1023]),
                "start_x": rng.choice([0, 1, 1022]),
            }
            set_scan(ctx, dut.scan, scan)
            ctx.set(dut.pointer_base, base)
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            number = 0
            for _ in range(250):
                position, channel = divmod(number, channels)
                line, column = divmod(position, width)
                (more_y, class_y), (more_x, class_x) = divmod(line, classes_y), divmod(column, classes_x)
                wanted = [
                    (base + class_y * class_columns + (class_x * channels + channel) * unit) % depth,
                    (scan["start_y"] + more_y * scan["advance_y"]) % 1024,
                    (scan["start_x"] + more_x * scan["advance_x"]) % 1024,
                ]
                assert [ctx.get(dut.base), ctx.get(dut.place.y), ctx.get(dut.place.x)] == wanted
                advance = rng.random() < 0.8
                ctx.set(dut.advance, advance)
                number += advance
                await ctx.tick()
            ctx.set(dut.advance, 0)

    simulate(dut, testbench)


def test_write_backs_repeat_the_bias_and_step_over_positions():
    dut = WriteBackSequence(CONFIG)
    rng = random.Random(9)
    depth, late = CONFIG.activation_depth, flush_cycles(CONFIG) - 2

    async def testbench(ctx):
        for _ in range(8):
            channels, rows = rng.randint(1, 5), rng.randint(1, 24)
            destination, step, bias = rng.randrange(depth), rng.randrange(depth), rng.randrange(64, 100)
            set_scan(
                ctx,
                dut.scan,
                {"last_out_channel": channels - 1, "destination": destination, "destination_step": step},
            )
            ctx.set(dut.bias_base, bias)
            ctx.set(dut.begin, 1)
            await ctx.tick().repeat(2)
            ctx.set(dut.begin, 0)
            given: list[int] = []
            for cycle in range(rows + late + 1):
                ctx.set(dut.advance, cycle < rows)
                position, channel = divmod(cycle, channels)
                if cycle < rows:
                    assert ctx.get(dut.address) == bias + channel
                    given.append((destination + position * step + channel) % depth)
                if cycle >= late and cycle - late < rows:
                    assert ctx.get(dut.output_row) == given[cycle - late]
                await ctx.tick()

    simulate(dut, testbench)
