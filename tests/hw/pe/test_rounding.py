"""Shift and round half up, against the shift of Python's integers."""

import pytest
from amaranth import Module
from amaranth.hdl import Cat, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.pe.rounding import shift_halves


class Shifter(wiring.Component):
    """What `shift_halves` gives of a number, all within the cycle."""

    def __init__(self, value_bits: int, output_bits: int):
        self._output_bits = output_bits
        super().__init__(
            {
                "value": In(signed(value_bits)),
                "shift": In((value_bits - 1).bit_length()),
                "halves": Out(signed(output_bits + 1)),
                "fits": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        halves, unfit = shift_halves(m, self.value, self.shift, self._output_bits, "k")
        assert len(halves) == self._output_bits + 1
        m.d.comb += [self.halves.eq(halves), self.fits.eq(~Cat(*unfit).any())]
        return m


def check(value_bits: int, output_bits: int, pairs: list[tuple[int, int]]) -> list[bool]:
    """(value, shift) one after the other; gives which of them fit."""
    dut = Shifter(value_bits, output_bits)
    fitting = []

    async def testbench(ctx):
        for value, shift in pairs:
            ctx.set(Cat(dut.value, dut.shift), value & (1 << value_bits) - 1 | shift << value_bits)
            await ctx.delay(1e-9)
            exact = 2 * value >> shift
            fits = -1 << output_bits <= exact < 1 << output_bits
            assert (value, shift, ctx.get(dut.fits)) == (value, shift, fits)
            if fits:
                assert (value, shift, ctx.get(dut.halves)) == (value, shift, exact)
                assert exact + 1 >> 1 == (value + (1 << shift >> 1)) >> shift
            fitting.append(fits)

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()
    assert len(fitting) == len(pairs)
    return fitting


@pytest.mark.parametrize("output_bits", [2, 5])
def test_every_number_and_every_shift(output_bits: int) -> None:
    fitting = check(9, output_bits, [(value, shift) for shift in range(9) for value in range(-256, 256)])
    assert {*fitting} == {False, True}


@pytest.mark.parametrize("output_bits", [8, 16])
@pytest.mark.parametrize("value_bits", [32, 48])
def test_numbers_around_every_edge(value_bits: int, output_bits: int) -> None:
    """Both ends of the outputs, 0 and 1, each half a step below and above, and the numbers beside these."""
    most = 1 << value_bits - 1
    pairs = []
    for shift in range(value_bits):
        for edge in (-1 << output_bits, -2, 0, 2, (1 << output_bits) - 2):
            for half in (-1, 0, 1, 2):
                middle = (edge + half << shift) >> 1
                pairs += [(value, shift) for value in range(middle - 1, middle + 2) if -most <= value < most]
        pairs += [(-most, shift), (most - 1, shift)]
    assert {*check(value_bits, output_bits, pairs)} == {False, True}
