"""Stages O to Z of an array with `functions` against section 13 of the contract, every output in every cycle."""

import random
from collections import deque
from collections.abc import Sequence

import pytest

from hw.pe.function_stages import FunctionStages
from model.config import PRESETS
from model.function_table import function_table
from tests.support.hw.units import simulate

CONFIG = PRESETS["tiny4"].with_(maps=True, functions=True, accumulator_depth=24, activation_depth=64, pointer_depth=128)
TABLE = function_table()
NO_ENDING = {"function": 0, "is_tanh": 0, "product": 0, "product_shift": 0, "row": 0}
LATENCY = 5
SECOND = 3  # cycles from stage O to H, in which the memory gives the second operand


def saturate(value: int) -> int:
    return min(max(value, -(1 << 15)), (1 << 15) - 1)


def rounded(value: int, shift: int) -> int:
    return saturate(value + (1 << shift >> 1) >> shift)


def function_of(v: int, is_tanh: int) -> int:
    """Stages O to H as the contract writes them."""
    m = min(2 * abs(v), 1 << 15) if is_tanh else abs(v)
    node = min(m >> 6, 511)
    base, slope = TABLE[node]
    s = 64 * base + slope * (m - 64 * node)
    if is_tanh:
        return saturate((((1 << 22) - s if v < 0 else s - (1 << 22)) + (1 << 6)) >> 7)
    return saturate((((1 << 23) - s if v < 0 else s) + (1 << 7)) >> 8)


def outcome(v: int, second: int, ending: dict[str, int]) -> int:
    y = function_of(v, ending["is_tanh"]) if ending["function"] else v
    return rounded(y * second, ending["product_shift"]) if ending["product"] else y


async def stream(ctx, dut, operations: Sequence[tuple[int, int, dict[str, int]] | None]) -> None:
    """(output, second operand, ending) of each cycle, or none, and what comes of them five cycles later."""
    seconds: deque[int] = deque([0] * SECOND)
    wanted: deque[int | None] = deque([None] * LATENCY)
    for operation in [*operations, *[None] * LATENCY]:
        v, second, ending = operation or (random.getrandbits(15), random.getrandbits(15), NO_ENDING)
        ctx.set(dut.o_valid, operation is not None)
        ctx.set(dut.o_value, v)
        ctx.set(dut.ending, ending)
        seconds.append(second)
        ctx.set(dut.second, seconds.popleft())
        wanted.append(outcome(v, second, ending) if operation else None)
        value = wanted.popleft()
        assert ctx.get(dut.l_valid) == (value is not None)
        if value is not None:
            assert (ctx.get(dut.l_value), ctx.get(dut.l_nonzero)) == (value, value != 0)
        await ctx.tick()


def random_ending(rng: random.Random) -> dict[str, int]:
    flags = {name: rng.getrandbits(1) for name in ("function", "is_tanh", "product")}
    return {**flags, "product_shift": rng.choice([0, 1, 15, rng.randrange(32)]), "row": rng.randrange(64)}


def random_value(rng: random.Random) -> int:
    near = rng.choice([0, 1 << 14, -(1 << 14), (1 << 15) - 1, -(1 << 15), 1 << 9])
    return saturate(near + rng.randint(-3, 3)) if rng.random() < 0.4 else rng.randrange(-(1 << 15), 1 << 15)


def test_any_operations_in_any_order():
    dut = FunctionStages(CONFIG)
    rng = random.Random(1)
    operations = [
        (random_value(rng), random_value(rng), random_ending(rng)) if rng.random() < 0.8 else None for _ in range(3000)
    ]
    kinds = {tuple(op[2][name] for name in ("function", "is_tanh", "product")) for op in operations if op}
    assert len(kinds) == 8
    assert any(op and op[2]["product"] and abs(outcome(*op)) >= (1 << 15) - 1 for op in operations)

    async def testbench(ctx):
        await stream(ctx, dut, operations)

    simulate(dut, testbench)


def test_products_at_the_ends_of_an_activation():
    """32767 and a half is rounded to the largest activation, as what is larger."""
    dut = FunctionStages(CONFIG)
    points = [
        (21845, 3, 1),
        (-21845, 3, 1),
        (-13107, 5, 1),
        (-(1 << 15), -(1 << 15), 15),
        (-(1 << 15), (1 << 15) - 1, 15),
    ]
    wanted = [32767, -32767, -32767, 32767, -32767]
    operations = [(v, second, NO_ENDING | {"product": 1, "product_shift": shift}) for v, second, shift in points]
    assert [outcome(*operation) for operation in operations] == wanted

    async def testbench(ctx):
        await stream(ctx, dut, operations)

    simulate(dut, testbench)


@pytest.mark.parametrize("is_tanh", [0, 1])
def test_both_functions_at_every_node_and_between(is_tanh: int):
    dut = FunctionStages(CONFIG)
    rng = random.Random(is_tanh)
    ending = NO_ENDING | {"function": 1, "is_tanh": is_tanh}
    step = 32 if is_tanh else 64
    nodes = [
        saturate(sign * (node * step + rest)) for node in range(513) for rest in (0, 1, step - 1) for sign in (1, -1)
    ]

    async def testbench(ctx):
        await stream(ctx, dut, [(v, rng.getrandbits(15), ending) for v in nodes])

    simulate(dut, testbench)


@pytest.mark.slow
@pytest.mark.parametrize("is_tanh", [0, 1])
def test_both_functions_of_every_argument(is_tanh: int):
    dut = FunctionStages(CONFIG)
    ending = NO_ENDING | {"function": 1, "is_tanh": is_tanh}

    async def testbench(ctx):
        await stream(ctx, dut, [(v, 0, ending) for v in range(-(1 << 15), 1 << 15)])

    simulate(dut, testbench)
