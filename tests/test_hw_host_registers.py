"""The register decoder: every register of the map, its latency, and the strobes."""

import pytest
from amaranth.sim import Simulator

from hw.host_registers import COUNTERS, SHOWN, HostRegisters
from model.config import PRESETS
from model.registers import ADDRESS, ADDRESS_BITS, ID_VALUE, READ_LATENCY

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


def test_start_is_a_strobe_of_the_write_cycle():
    dut = HostRegisters(CONFIG)
    cases = [
        ("CONTROL", 1, 1, 1),
        ("CONTROL", 1, 0, 0),
        ("CONTROL", 0, 1, 0),
        ("STATUS", 1, 1, 0),
        ("CONTROL", 1, 3, 1),
    ]

    async def bench(ctx):
        for name, write, word, start in cases:
            ctx.set(dut.address, ADDRESS[name])
            ctx.set(dut.write, write)
            ctx.set(dut.write_data, word)
            assert ctx.get(dut.start) == start, (name, write, word)
            await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize("name", ["PE_SELECT", "CYCLES"])
def test_only_the_select_register_is_changed_by_a_write(name: str):
    dut = HostRegisters(CONFIG)

    async def bench(ctx):
        ctx.set(dut.address, ADDRESS[name])
        ctx.set(dut.write_data, 3)
        await ctx.tick()
        assert ctx.get(dut.pe_select) == 0
        ctx.set(dut.write, 1)
        await ctx.tick()
        ctx.set(dut.write, 0)
        ctx.set(dut.address, ADDRESS["PE_SELECT"])
        selected = 3 if name == "PE_SELECT" else 0
        assert ctx.get(dut.pe_select) == selected
        await ctx.tick().repeat(READ_LATENCY)
        assert ctx.get(dut.read_data) == selected

    simulate(dut, bench)
