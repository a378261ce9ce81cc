"""Stages W to U against section 12 of the contract, every output in every cycle."""

import random

import pytest

from hw.pe.address_stages import AddressStages
from model.config import PRESETS
from tests.support.hw.units import simulate


def reference(layer: dict[str, int], out_rows: int, operation: dict[str, int]) -> tuple[bool, bool, int]:
    """(on the map, ROW error, accumulator) of an entry, or of a write-back."""
    row = operation["row"]
    if operation["write_back"]:
        return True, False, row
    channel, dx, dy = row, 0, 0
    if not layer["flat"]:
        channel, step = row % (1 << layer["channel_bits"]), row >> layer["channel_bits"]
        dx, dy = step % (1 << layer["column_bits"]), (step >> layer["column_bits"]) % 32
    y, x = (operation["y"] - dy) % 1024, (operation["x"] - dx) % 1024
    on_map = y < layer["out_height"] and x < layer["out_width"]
    address = (y * layer["row_pitch"] + x * layer["out_channels"] + channel) % (1 << 16)
    return on_map, on_map and address >= out_rows, address


def random_geometry(rng: random.Random, accumulators: int) -> tuple[dict[str, int], int]:
    """A layer's geometry and its out_rows; every third is as wild as a descriptor can be."""
    wild = rng.random() < 0.3
    channels = rng.randint(1, accumulators if wild else 3)
    height, width = (rng.randrange(1024), rng.randrange(1024)) if wild else (rng.randint(1, 4), rng.randint(1, 4))
    layer = {
        "flat": rng.random() < 0.2,
        "channel_bits": rng.randrange(8) if wild else (channels - 1).bit_length(),
        "column_bits": rng.randrange(8) if wild else rng.randrange(3),
        "out_channels": channels,
        "out_height": height,
        "out_width": width,
        "row_pitch": rng.getrandbits(16) if wild else width * channels,
    }
    return layer, rng.randint(1, accumulators) if wild else min(accumulators, height * width * channels)


@pytest.mark.parametrize("accumulators", [24, 33, 512])
def test_every_cycle(accumulators: int):
    dut = AddressStages(PRESETS["tiny4"].with_(maps=True, accumulator_depth=accumulators))
    rng = random.Random(accumulators)
    seen = {"off": 0, "error": 0, "reached": 0, "write_back": 0}

    async def testbench(ctx):
        for _ in range(60):
            layer, out_rows = random_geometry(rng, accumulators)
            for name, value in layer.items():
                ctx.set(dut.geometry[name], value)
            ctx.set(dut.geometry.channel_mask, 0xFFFF if layer["flat"] else (1 << layer["channel_bits"]) - 1)
            ctx.set(dut.geometry.step_mask, 0 if layer["flat"] else (1 << layer["column_bits"]) - 1)
            ctx.set(dut.out_rows, out_rows)
            history: list[dict[str, int] | None] = [None] * 5
            for cycle in range(45):
                operation = None
                if cycle < 40 and rng.random() < 0.8:
                    write_back = rng.random() < 0.2
                    row = rng.randrange(accumulators) if write_back else rng.getrandbits(rng.choice([1, 2, 4, 16]))
                    operation = {
                        "write_back": write_back,
                        "row": row,
                        "y": rng.choice([rng.randrange(3), rng.randrange(6), rng.randrange(1024)]),
                        "x": rng.choice([rng.randrange(3), rng.randrange(6), rng.randrange(1024)]),
                        "operand": rng.getrandbits(16),
                        "constant": rng.getrandbits(16),
                    }
                    ctx.set(dut.w_write_back, write_back)
                    ctx.set(dut.w_row, operation["row"])
                    ctx.set(dut.w_place, {"y": operation["y"], "x": operation["x"]})
                    ctx.set(dut.w_operand, operation["operand"])
                    ctx.set(dut.w_constant, operation["constant"])
                ctx.set(dut.w_valid, operation is not None)
                at_e, at_t, at_v, at_u, at_x = history[:-6:-1]
                places = [None if at is None else reference(layer, out_rows, at) for at in (at_v, at_u, at_x)]
                valids = (dut.e_valid, dut.t_valid, dut.v_valid, dut.u_valid, dut.row_error, dut.x_valid)
                got = [ctx.get(signal) for signal in valids]
                reaches = places[2] is not None and places[2][0] and not places[2][1]
                wanted = [at_e is not None, at_t is not None]
                wanted += [place is not None and place[0] for place in places[:2]]
                wanted += [places[1] is not None and places[1][1], reaches]
                if reaches:
                    assert at_x is not None
                    assert places[2] is not None
                    got += [ctx.get(s) for s in (dut.x_write_back, dut.x_row, dut.x_operand, dut.x_constant)]
                    wanted += [at_x["write_back"], places[2][2], at_x["operand"], at_x["constant"]]
                    seen["write_back" if at_x["write_back"] else "reached"] += 1
                seen["off"] += places[0] is not None and not places[0][0]
                seen["error"] += bool(wanted[4])
                assert (cycle, got) == (cycle, wanted)
                history.append(operation)
                await ctx.tick()
        assert min(seen.values()) > 20, seen

    simulate(dut, testbench)
