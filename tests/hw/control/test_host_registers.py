"""The register decoder: every register of the map, its latency, and the strobes."""

import pytest
from amaranth.sim import Simulator

from hw.control.host_registers import COUNTERS, SHOWN, HostRegisters, config_word
from model.config import PRESETS
from model.registers import ADDRESS, ADDRESS_BITS, ID_VALUE, READ_LATENCY, VERSION, Error

CONFIG = PRESETS["tiny4"].with_(pes=5, code_bits=3, index_bits=6)


def simulate(dut: HostRegisters, bench) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()


def test_all_addresses_read_back_two_cycles_later_in_a_pipelined_burst():
    dut = HostRegisters(CONFIG)
    shown = {name: 0x1000_0000 + number for number, name in enumerate(SHOWN)}
    wanted = dict.fromkeys(range(1 << ADDRESS_BITS), 0)
    wanted[ADDRESS["ID"]] = ID_VALUE
    wanted[ADDRESS["CONFIG"]] = 5 | 3 << 16 | 6 << 20
    wanted[ADDRESS["CONFIG_HASH"]] = CONFIG.fingerprint
    wanted[ADDRESS["VERSION"]] = VERSION
    wanted |= {ADDRESS[name]: value for name, value in shown.items()}
    wanted |= {ADDRESS[name]: 0xC000_0000 + number for number, name in enumerate(COUNTERS)}

    async def bench(ctx):
        for name, value in shown.items():
            ctx.set(getattr(dut, name.lower()), value)
        read = []
        for cycle in range(len(wanted) + READ_LATENCY):
            ctx.set(dut.address, cycle % len(wanted))
            ctx.set(dut.counter, 0xC000_0000 + ctx.get(dut.counter_select))
            read.append(ctx.get(dut.read_data))
            await ctx.tick()
        assert read[READ_LATENCY:] == list(wanted.values())

    simulate(dut, bench)


def test_config_tells_8_bits_from_16():
    assert config_word(CONFIG) == 5 | 3 << 16 | 6 << 20
    assert config_word(CONFIG.with_(activation_bits=8)) == 5 | 3 << 16 | 6 << 20 | 1 << 24


def test_start_and_reset_are_strobes_of_the_cycle_after_the_write():
    dut = HostRegisters(CONFIG)
    cases = [  # start, soft_reset, resume, hold; the last two matter with start
        ("CONTROL", 1, 0b0001, (1, 0, 0, 0)),
        ("CONTROL", 1, 0b0101, (1, 0, 1, 0)),
        ("CONTROL", 1, 0b1001, (1, 0, 0, 1)),
        ("CONTROL", 1, 0b1101, (1, 0, 1, 1)),
        ("CONTROL", 1, 0b10000, (0, 0)),
        ("CONTROL", 0, 0b1111, (0, 0)),
        ("STATUS", 1, 0b1111, (0, 0)),
        ("CONTROL", 1, 0b0010, (0, 1)),
        ("CONTROL", 1, 0b1111, (0, 1)),
    ]

    async def bench(ctx):
        for name, write, word, wanted in cases:
            ctx.set(dut.address, ADDRESS[name])
            ctx.set(dut.write, write)
            ctx.set(dut.write_data, word)
            await ctx.tick()
            got = tuple(ctx.get(signal) for signal in (dut.start, dut.soft_reset, dut.resume, dut.hold))
            assert got[: len(wanted)] == wanted, (name, write, word)

    simulate(dut, bench)


@pytest.mark.parametrize("name", ["PE_SELECT", "IRQ_ENABLE", "CYCLES", "VERSION"])
def test_only_writable_registers_are_changed_by_a_write(name: str):
    dut = HostRegisters(CONFIG)

    async def bench(ctx):
        ctx.set(dut.address, ADDRESS[name])
        ctx.set(dut.write_data, 3)
        await ctx.tick()
        assert ctx.get(dut.pe_select) == 0
        ctx.set(dut.write, 1)
        await ctx.tick()
        ctx.set(dut.write, 0)
        assert ctx.get(dut.pe_select) == (3 if name == "PE_SELECT" else 0)
        for other in ("PE_SELECT", "IRQ_ENABLE", "CYCLES"):
            ctx.set(dut.address, ADDRESS[other])
            await ctx.tick().repeat(READ_LATENCY)
            assert ctx.get(dut.read_data) == (3 if name == other != "CYCLES" else 0)

    simulate(dut, bench)


class Host:
    """Register accesses, a cycle or READ_LATENCY cycles each."""

    def __init__(self, ctx, dut: HostRegisters):
        self.ctx, self.dut = ctx, dut

    async def write(self, name: str, value: int) -> None:
        self.ctx.set(self.dut.address, ADDRESS[name])
        self.ctx.set(self.dut.write_data, value)
        self.ctx.set(self.dut.write, 1)
        await self.ctx.tick()
        self.ctx.set(self.dut.write, 0)

    async def read(self, name: str) -> int:
        self.ctx.set(self.dut.address, ADDRESS[name])
        await self.ctx.tick().repeat(READ_LATENCY)
        return self.ctx.get(self.dut.read_data)


def test_interrupts_come_go_and_are_masked():
    dut = HostRegisters(CONFIG)

    async def bench(ctx):
        host = Host(ctx, dut)
        ctx.set(dut.finished, 1)
        await ctx.tick()
        ctx.set(dut.finished, 0)
        assert await host.read("IRQ_STATUS") == 0b01
        assert ctx.get(dut.interrupt) == 0
        await host.write("IRQ_ENABLE", 0b10)
        await ctx.tick()
        assert ctx.get(dut.interrupt) == 0
        await host.write("IRQ_ENABLE", 0b11)
        assert ctx.get(dut.interrupt) == 0
        await ctx.tick()
        assert ctx.get(dut.interrupt) == 1
        await host.write("IRQ_STATUS", 0b10)
        assert await host.read("IRQ_STATUS") == 0b01
        await host.write("IRQ_STATUS", 0b01)
        assert await host.read("IRQ_STATUS") == 0
        assert ctx.get(dut.interrupt) == 0
        # The error bit is set once, in the cycle after the error shows, and not again while it stays.
        ctx.set(dut.status, Error.ROW << 8 | 1)
        assert await host.read("IRQ_STATUS") == 0b10
        assert ctx.get(dut.interrupt) == 1
        await host.write("IRQ_STATUS", 0b11)
        assert await host.read("IRQ_STATUS") == 0
        ctx.set(dut.status, 1)
        await ctx.tick()
        # An event in the cycle of the clearing write stays.
        ctx.set(dut.status, Error.START << 8)
        ctx.set(dut.finished, 1)
        await host.write("IRQ_STATUS", 0b11)
        ctx.set(dut.finished, 0)
        assert await host.read("IRQ_STATUS") == 0b11

    simulate(dut, bench)


def test_a_soft_reset_keeps_the_host_registers():
    dut = HostRegisters(CONFIG)

    async def bench(ctx):
        host = Host(ctx, dut)
        await host.write("PE_SELECT", 3)
        await host.write("IRQ_ENABLE", 0b11)
        ctx.set(dut.finished, 1)
        await ctx.tick()
        ctx.set(dut.finished, 0)
        assert await host.read("IRQ_ENABLE") == 0b11
        assert ctx.get(dut.interrupt) == 1
        await host.write("CONTROL", 0b10)
        assert ctx.get(dut.soft_reset) == 1
        # In the cycle of the strobe: a write, and events that are not to be seen.
        ctx.set(dut.status, Error.ROW << 8)
        ctx.set(dut.finished, 1)
        await host.write("PE_SELECT", 2)
        ctx.set(dut.status, 0)
        ctx.set(dut.finished, 0)
        assert (ctx.get(dut.soft_reset), ctx.get(dut.interrupt)) == (0, 0)
        await ctx.tick()
        assert ctx.get(dut.interrupt) == 1
        assert [await host.read(name) for name in ("PE_SELECT", "IRQ_ENABLE", "IRQ_STATUS")] == [2, 0b11, 0b01]

        # An interrupt that is cleared in that cycle is cleared, and a read that begins in it is read.
        await host.write("CONTROL", 0b10)
        await host.write("IRQ_STATUS", 0b01)
        assert await host.read("IRQ_STATUS") == 0
        await host.write("CONTROL", 0b10)
        assert await host.read("IRQ_ENABLE") == 0b11

    simulate(dut, bench)
