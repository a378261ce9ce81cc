import random

import pytest

from hw.pe.arithmetic_unit import ArithmeticUnit
from model.config import PRESETS
from model.fixed_point import wrap, write_back
from tests.support.hw.units import simulate

LOW, HIGH = -(1 << 15), (1 << 15) - 1
LOW_8, HIGH_8 = -(1 << 7), (1 << 7) - 1


def entry(row, operand, constant):
    return (0, row, operand, constant)


def last(row, operand, constant):
    return (1, row, operand, constant)


def output(total, shift, relu, activation_bits):
    """What a sum leaves as; saturating to 16 bits first makes no difference."""
    most = 1 << activation_bits - 1
    return max(-most, min(most - 1, write_back(total, shift, bool(relu))))


def run_and_flag(operations, *, shift=0, relu=0, accumulator_bits=32, rows=8, clear_at=(), activation_bits=16):
    """One operation (or None) per cycle, every output compared in each; returns the outputs and the overflow flag."""
    config = PRESETS["tiny4"].with_(accumulator_bits=accumulator_bits, activation_depth=rows)
    dut = ArithmeticUnit(config.with_(activation_bits=activation_bits))
    accumulators = [0] * rows
    half = 1 << (accumulator_bits - 1)
    results = []
    outputs = []
    flags = []

    async def testbench(ctx):
        overflow = False
        ctx.set(dut.shift, shift)
        ctx.set(dut.relu, relu)
        for cycle, operation in enumerate([*operations, *[None] * 5]):
            ctx.set(dut.clear_overflow, cycle in clear_at)
            ctx.set(dut.valid, operation is not None)
            if operation is not None:
                for port, value in zip((dut.write_back, dut.row, dut.operand, dut.constant), operation, strict=True):
                    ctx.set(port, value)
                is_last, row, operand, constant = operation
                exact = accumulators[row] + operand * constant
                total = wrap(exact, accumulator_bits)
                accumulators[row] = 0 if is_last else total
                results.append((is_last, row, total, not -half <= exact < half))
            else:
                results.append(None)

            in_r, in_c, in_k, in_o = (results[cycle - age] if cycle >= age else None for age in (1, 2, 3, 4))
            if cycle - 1 in clear_at:
                overflow = False
            elif in_k is not None and in_k[3]:
                overflow = True
            got = [ctx.get(s) for s in (dut.r_valid, dut.c_valid, dut.k_valid, dut.o_valid, dut.overflow)]
            expected = [in_r is not None, in_c is not None, in_k is not None, bool(in_o and in_o[0]), overflow]
            if in_k is not None:
                got += [ctx.get(dut.k_row), ctx.get(dut.k_sum)]
                expected += in_k[1:3]
            if in_o is not None and in_o[0]:
                value = output(in_o[2], shift, relu, activation_bits)
                got += [ctx.get(dut.o_row), ctx.get(dut.o_value), ctx.get(dut.o_nonzero)]
                expected += [in_o[1], value, value != 0]
                outputs.append(ctx.get(dut.o_value))
            flags.append(ctx.get(dut.overflow))
            assert (cycle, got) == (cycle, expected)
            await ctx.tick()

    simulate(dut, testbench)
    return outputs, int(flags[-1])


def run_operations(operations, **options):
    return run_and_flag(operations, **options)[0]


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 5])
def test_same_row_at_every_distance(distance):
    operations = []
    for _ in range(6):
        operations += [entry(3, 100, 7), *[None] * (distance - 1)]
    operations += [None] * 4 + [last(3, 1, 5)]
    assert run_operations(operations) == [6 * 700 + 5]


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_other_rows_between_do_not_disturb(distance):
    between = [entry(4 + other, 9, 9) for other in range(distance - 1)]
    operations = [entry(3, 100, 7), *between] * 3 + [None] * 4 + [last(3, 1, 0)]
    assert run_operations(operations) == [2100]


def test_the_newest_of_several_sums_is_taken():
    operations = [entry(2, 1, 1), entry(2, 10, 1), entry(2, 100, 1), entry(2, 1000, 1), entry(2, 1, 10000)]
    assert run_operations([*operations, last(2, 1, 5)]) == [11116]


def test_write_back_leaves_zero():
    operations = [entry(1, 5, 5), last(1, 1, 1), *[None] * 4, entry(1, 2, 3), last(1, 4, 2)]
    assert run_operations(operations) == [26, 14]


@pytest.mark.parametrize("accumulator_bits", [32, 33, 41, 48])
@pytest.mark.parametrize("bubbles", [0.0, 0.4])
def test_random_operations(accumulator_bits, bubbles):
    rng = random.Random(accumulator_bits)

    def value():
        return rng.choice([LOW, HIGH, rng.randint(LOW, HIGH), rng.randint(-9, 9)])

    operations = []
    for _ in range(4):
        for _ in range(120):
            operations.append(None if rng.random() < bubbles else entry(rng.randrange(5), value(), value()))
        operations += [last(row, 1 << rng.randrange(15), value()) for row in range(5)] + [None] * 4
    run_operations(
        operations,
        shift=rng.randrange(5, 25),
        accumulator_bits=accumulator_bits,
        rows=5,
        clear_at=(100, 101, 250, 333),
    )


@pytest.mark.parametrize(
    ("shift", "accumulator_bits"),
    [
        *((shift, 32) for shift in (0, 1, 2, 15, 16, 17, 30, 31)),
        *((shift, 33) for shift in (3, 31, 32)),
        *((shift, 48) for shift in (0, 16, 30, 31, 32, 33, 46, 47)),
    ],
)
@pytest.mark.parametrize("relu", [0, 1])
def test_rounding_saturation_and_relu(shift, relu, accumulator_bits):
    rng = random.Random(shift)
    operations = []
    products = [(0, 0), (1, 1), (-1, 1), (HIGH, 1), (LOW, 1), (LOW, LOW), (LOW, HIGH), (HIGH, HIGH)]
    if shift < 30:
        # Sums on both sides of the rounding and saturation steps.
        for target in (HIGH, HIGH + 1, LOW, LOW - 1, 1, -1):
            for offset in (-1, 0, 1):
                total = (target << shift) + (1 << shift >> 1) + offset
                for scale in (1 << 14, 1):
                    if LOW <= total // scale <= HIGH:
                        operations += [entry(0, scale, total // scale), last(0, 1, total % scale)]
                        operations += [None] * 4
                        break
    for _ in range(12):
        products.append((rng.randint(LOW, HIGH), rng.randint(LOW, HIGH)))
    for operand, constant in products:
        operations += [entry(0, operand, constant), last(0, 1 << rng.randrange(15), rng.randint(LOW, HIGH))]
        operations += [None] * 4
    outputs = run_operations(operations, shift=shift, relu=relu, accumulator_bits=accumulator_bits)
    assert relu == (min(outputs) >= 0) or shift >= 32


def reaching(total, row, scale=1 << 6):
    """Entries of 8-bit activations whose sum is `total`, and the write-back that completes it."""
    most = scale * HIGH
    parts = [most if total > 0 else -most] * (abs(total) // most)
    rest, bias = divmod(total - sum(parts), scale)
    return [*(entry(row, scale, part // scale) for part in [*parts, rest * scale]), *[None] * 4, last(row, 1, bias)]


@pytest.mark.parametrize(("shift", "accumulator_bits"), [(0, 32), (1, 32), (7, 37), (8, 48), (15, 32), (18, 48)])
@pytest.mark.parametrize("relu", [0, 1])
def test_outputs_of_8_bits(shift, relu, accumulator_bits):
    """Sums on both sides of every rounding and saturation step, and the largest products there are."""
    rng = random.Random(shift)
    operations = []
    for target in (HIGH_8, HIGH_8 + 1, LOW_8, LOW_8 - 1, 1, 0, -1):
        for offset in (-1, 0, 1):
            operations += [*reaching((target << shift) + (1 << shift >> 1) + offset, 0), *[None] * 4]
    for operand in (LOW_8, HIGH_8, rng.randint(LOW_8, HIGH_8)):
        for constant in (LOW, HIGH, rng.randint(LOW, HIGH)):
            operations += [entry(0, operand, constant), *[None] * 4, last(0, 1 << rng.randrange(7), 0), *[None] * 4]
    outputs = run_operations(operations, shift=shift, relu=relu, accumulator_bits=accumulator_bits, activation_bits=8)
    assert (min(outputs), max(outputs)) == (0 if relu else LOW_8, HIGH_8)


def test_the_largest_product_is_positive():
    assert run_operations([last(0, LOW, LOW)], shift=15) == [HIGH]
    assert run_operations([last(0, LOW, LOW)], shift=16) == [1 << 14]
    assert run_operations([last(0, LOW_8, LOW)], shift=16, activation_bits=8) == [1 << 6]


@pytest.mark.parametrize("beyond", [0, 1])
def test_overflow_at_the_upper_edge_of_32_bits(beyond):
    to_edge = [entry(0, LOW, LOW), entry(0, HIGH, HIGH), entry(0, HIGH, 2)]
    assert LOW * LOW + HIGH * HIGH + HIGH * 2 == (1 << 31) - 1
    assert run_and_flag([*to_edge, entry(0, 1, beyond)])[1] == beyond


@pytest.mark.parametrize("beyond", [0, 1])
def test_overflow_at_the_lower_edge_of_32_bits(beyond):
    to_edge = [entry(0, LOW, HIGH), entry(0, LOW, HIGH), entry(0, LOW, 2)]
    assert 2 * LOW * HIGH + LOW * 2 == -(1 << 31)
    assert run_and_flag([*to_edge, last(0, 1, -beyond)])[1] == beyond


def test_overflow_needs_a_valid_operation():
    # A bubble carries the largest operands past the edge without being an operation.
    dut = ArithmeticUnit(PRESETS["tiny4"])

    async def testbench(ctx):
        for valid, operand in [(1, LOW), (1, LOW + 1), (0, LOW), (0, LOW), (0, LOW), (0, LOW), (0, LOW)]:
            ctx.set(dut.valid, valid)
            ctx.set(dut.operand, operand)
            ctx.set(dut.constant, LOW)
            await ctx.tick()
            assert ctx.get(dut.overflow) == 0

    simulate(dut, testbench)


def run_map_operations(operations, *, maximum=0, shift=0, relu=0, limit=32767, clearing=(), activation_bits=16):
    """One operation (or None) per cycle; valid stages, sums and outputs compared in each; returns the outputs."""
    config = PRESETS["tiny4"].with_(accumulator_bits=33, maps=True, accumulator_depth=6)
    dut = ArithmeticUnit(config.with_(activation_bits=activation_bits))
    accumulators, results, outputs = [0] * 6, [], []

    async def testbench(ctx):
        for port, value in ((dut.shift, shift), (dut.relu, relu), (dut.limit, limit), (dut.maximum, maximum)):
            ctx.set(port, value)
        for cycle, operation in enumerate([*operations, *[None] * 5]):
            ctx.set(dut.clearing, cycle in clearing)
            ctx.set(dut.valid, operation is not None)
            if operation is not None:
                for port, value in zip((dut.write_back, dut.row, dut.operand, dut.constant), operation, strict=True):
                    ctx.set(port, value)
                is_last, row, operand, constant = operation
                if maximum and not is_last:
                    held = accumulators[row]
                    total = held & ~0xFFFF | max(held & 0xFFFF, (operand * constant + (1 << 15)) & 0xFFFF)
                else:
                    total = wrap(accumulators[row] + operand * constant, 33)
                accumulators[row] = 0 if is_last else total
                results.append((is_last, row, total))
            else:
                results.append(None)
            in_k, in_o = (results[cycle - age] if cycle >= age else None for age in (3, 4))
            got = [ctx.get(dut.k_valid), ctx.get(dut.o_valid), ctx.get(dut.overflow)]
            comes_out = in_o is not None and bool(in_o[0]) and cycle - 1 not in clearing
            expected = [in_k is not None, comes_out, 0]
            if in_k is not None:
                got += [ctx.get(dut.k_row), ctx.get(dut.k_sum)]
                expected += in_k[1:]
            if comes_out and in_o is not None:
                value = min(output(in_o[2], shift, relu, activation_bits), limit)
                got += [ctx.get(dut.o_value), ctx.get(dut.o_nonzero)]
                expected += [value, value != 0]
                outputs.append(value)
            assert (cycle, got) == (cycle, expected)
            await ctx.tick()

    simulate(dut, testbench)
    return outputs


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_the_maximum_is_exact_at_every_distance(distance):
    rng = random.Random(distance)
    wanted, operations = [], []
    for _ in range(8):
        values = [rng.choice([LOW, LOW + 1, -1, 0, 1, HIGH, rng.randint(LOW, HIGH)]) for _ in range(4)]
        for value in values:
            operations += [entry(3, value, 1), *[entry(4, value, 1)] * (distance - 1)]
        operations += [*[None] * 4, last(3, 1, LOW), *[None] * 4]
        wanted.append(max(values))
    assert run_map_operations(operations, maximum=1) == wanted


def test_a_maximum_of_8_bits_is_exact():
    rng = random.Random(5)
    wanted, operations = [], []
    for low, high in ((LOW_8, HIGH_8), (LOW_8, -1), (LOW_8, LOW_8), (LOW_8, 0), (0, HIGH_8), (HIGH_8, HIGH_8)):
        values = [rng.choice([low, high, rng.randint(low, high)]) for _ in range(4)]
        operations += [*(entry(3, value, 1) for value in values), *[None] * 4, last(3, 1, LOW), *[None] * 4]
        wanted.append(max(values))
    assert run_map_operations(operations, maximum=1, limit=HIGH_8, activation_bits=8) == wanted


@pytest.mark.parametrize("limit", [1, 2, 100, HIGH_8 - 1, HIGH_8])
@pytest.mark.parametrize(("shift", "relu"), [(0, 0), (1, 1), (5, 0)])
def test_outputs_of_8_bits_are_limited_after_rounding(limit, shift, relu):
    operations = []
    for target in (limit - 1, limit, limit + 1, 0, -limit, HIGH_8, HIGH_8 + 1, LOW_8 - 1, LOW, HIGH):
        for offset in (-1, 0, 1):
            operations += [*reaching((target << shift) + (1 << shift >> 1) + offset, 0), *[None] * 4]
    outputs = run_map_operations(operations, shift=shift, relu=relu, limit=limit, activation_bits=8)
    assert (min(outputs), max(outputs)) == (0 if relu else LOW_8, limit)


@pytest.mark.parametrize("activation_bits", [8, 16])
def test_a_maximum_of_random_products(activation_bits):
    rng = random.Random(3)
    low = -1 << activation_bits - 1
    operations = []
    for _ in range(300):
        operations.append(
            None if rng.random() < 0.3 else entry(rng.randrange(6), rng.randint(low, ~low), rng.randint(LOW, HIGH))
        )
    operations += [last(row, 1, LOW) for row in range(6)]
    outputs = run_map_operations(operations, maximum=1, limit=~low, activation_bits=activation_bits)
    assert len(outputs) == 6


@pytest.mark.parametrize("limit", [1, 2, 100, 12_345, HIGH - 1, HIGH])
@pytest.mark.parametrize("shift", [0, 1, 5, 31])
@pytest.mark.parametrize("relu", [0, 1])
def test_outputs_are_limited_after_rounding(limit, shift, relu):
    rng = random.Random(limit + shift)
    operations = []
    for target in (limit - 1, limit, limit + 1, 0, -limit, HIGH, HIGH + 1, LOW - 1):
        for offset in (-1, 0, 1):
            total = max(-(1 << 31), min((1 << 31) - 1, (target << shift) + (1 << shift >> 1) + offset))
            high, low = divmod(total, 1 << 14)
            for part in (high >> 2, high >> 2, high >> 2, high - 3 * (high >> 2)):
                operations.append(entry(0, 1 << 14, max(LOW, min(HIGH, part))))
            operations += [*[None] * 4, last(0, 1, low), *[None] * 4]
    for _ in range(30):
        operations += [entry(1, rng.randint(LOW, HIGH), rng.randint(LOW, HIGH)), *[None] * 4, last(1, 1, 1), None, None]
        operations += [None] * 2
    outputs = run_map_operations(operations, shift=shift, relu=relu, limit=limit)
    assert max(outputs) <= limit
    assert limit in outputs or shift == 31


def test_nothing_comes_out_while_the_accumulators_are_cleared():
    operations = [entry(2, 5, 5), *[None] * 4, last(2, 1, 7), *[None] * 6, entry(2, 3, 3), *[None] * 4, last(2, 1, 1)]
    assert run_map_operations(operations, clearing=range(12)) == [10]
