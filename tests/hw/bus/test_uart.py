"""Bytes over a serial line, both ways, at the fastest rate and at odd ones; frames that are none are dropped."""

import gc
import random
import warnings

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.bus.uart import UartReceiver, UartTransmitter
from tests.support.hw.serial import receive_bytes, send_bytes
from tests.support.hw.units import simulate


class Echo(wiring.Component):
    """Receiver and transmitter of unequal clocks: what comes in leaves through the transmitter's line."""

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"rx": In(1), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self.divisor)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        m.d.comb += [transmitter.i.valid.eq(receiver.o.valid), transmitter.i.payload.eq(receiver.o.payload)]
        return m


@pytest.mark.parametrize("divisor", [4, 5, 16, 25])
def test_bytes_come_back(divisor: int):
    data = bytes([0, 255, 0x55, 0xAA, *random.Random(divisor).randbytes(12)])
    dut = Echo(divisor)
    got = []

    async def host(ctx):
        ctx.set(dut.rx, 1)
        await ctx.tick().repeat(3 * divisor)
        await send_bytes(ctx, dut.rx, data, divisor)

    async def listener(ctx):
        got.append(await receive_bytes(ctx, dut.tx, len(data), divisor))

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(host)
    simulator.add_testbench(listener)
    simulator.run()
    assert got == [data]


def test_a_glitch_and_a_frame_without_stop_bit_are_dropped():
    divisor = 8
    dut = UartReceiver(divisor)
    got = []

    async def bench(ctx):
        async def line(bit, cycles):
            ctx.set(dut.rx, bit)
            for _ in range(cycles):
                if ctx.get(dut.o.valid):
                    got.append(ctx.get(dut.o.payload))
                await ctx.tick()

        await line(1, 20)
        await line(0, 2)
        await line(1, 10 * divisor)
        for bit in (0, 1, 0, 0, 0, 0, 0, 0, 0, 0):
            await line(bit, divisor)
        await line(1, 10 * divisor)
        for bit in (0, 1, 0, 1, 0, 0, 0, 0, 1, 1):
            await line(bit, divisor)
        await line(1, 2 * divisor)

    simulate(dut, bench)
    assert got == [0b10000101]


@pytest.mark.parametrize("unit", [UartReceiver, UartTransmitter])
def test_a_bit_shorter_than_four_cycles_is_refused(unit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a component that was made and never used: it is, as it should be
        with pytest.raises(ValueError, match="at least 4 clock cycles, got 3"):
            unit(3)
        gc.collect()
