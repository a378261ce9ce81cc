"""Blocks of write-back against section 13 of the contract, every output in every cycle."""

import random

from hw.control.write_back_blocks import WriteBackBlocks
from hw.function_layouts import ENDING_FIELDS
from model.config import PRESETS
from model.function_descriptor import BLOCK_FIELDS, BLOCKS
from model.layouts import pipeline_stages
from tests.support.hw.units import simulate

CONFIG = PRESETS["tiny4"].with_(maps=True, functions=True, accumulator_depth=24, activation_depth=64, pointer_depth=128)
DEPTH = CONFIG.activation_depth
STAGE_O = len(pipeline_stages(CONFIG))  # cycles from an operation to its stage O


def random_layer(rng: random.Random) -> dict:
    """The entry's fields, of a layer of up to 24 operations."""
    blocks = [{name: rng.getrandbits(field.width) for name, field in BLOCK_FIELDS[0].items()} for _ in range(BLOCKS)]
    for block in blocks:
        block |= {"block_destination": rng.randrange(DEPTH), "second": rng.randrange(DEPTH)}
    rows = rng.choice([0, 1, 1, 2, 3, 5, 24, (1 << 16) - 1])
    return {"blocked": rng.random() < 0.8, "last_block_row": (rows - 1) % (1 << 16), "blocks": blocks}


def expected(layer: dict, operation: int, offsets: tuple[int, int]) -> tuple[int, int, dict[str, int]]:
    """Destination, local row of the second operand, and what becomes of an operation's output."""
    number, row = divmod(operation, layer["last_block_row"] + 1)
    if number >= BLOCKS:
        number, row = BLOCKS - 1, operation - (BLOCKS - 1) * (layer["last_block_row"] + 1)
    block = layer["blocks"][number]
    moved = (0, offsets[0], offsets[1], offsets[1])
    return (
        (block["block_destination"] + row + moved[block["destination_moves"]]) % DEPTH,
        (block["second"] + row + moved[block["second_moves"]]) % DEPTH,
        {name: block[name] if layer["blocked"] else 0 for name in ENDING_FIELDS},
    )


def test_every_cycle():
    dut = WriteBackBlocks(CONFIG)
    rng = random.Random(5)
    reads = 0

    async def testbench(ctx):
        nonlocal reads
        for _ in range(60):
            layer, offsets, rows = random_layer(rng), (rng.randrange(DEPTH), rng.randrange(DEPTH)), rng.randint(1, 24)
            wanted = [expected(layer, operation, offsets) for operation in range(rows)]
            ctx.set(dut.functions, layer | {"loop_count": 0, "loop_back": 0})
            ctx.set(dut.source_offset, offsets[0])
            ctx.set(dut.result_offset, offsets[1])
            ctx.set(dut.begin, 1)
            await ctx.tick().repeat(rng.randint(1, 3))
            ctx.set(dut.begin, 0)
            for cycle in range(rows + STAGE_O + 3):
                ctx.set(dut.advance, cycle < rows)
                if cycle < rows:
                    assert ctx.get(dut.row) == wanted[cycle][0]
                in_o, in_f = cycle - STAGE_O, cycle - STAGE_O - 1
                if 0 <= in_o < rows:
                    assert {name: ctx.get(dut.ending[name]) for name in ENDING_FIELDS} == wanted[in_o][2]
                product = 0 <= in_f < rows and wanted[in_f][2]["product"]
                assert ctx.get(dut.reads) == bool(product)
                if product:
                    assert ctx.get(dut.second) == wanted[in_f][1]
                    reads += 1
                await ctx.tick()
        assert reads > 100

    simulate(dut, testbench)
