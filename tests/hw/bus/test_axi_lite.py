"""The AXI4-Lite slave: its latencies, its errors, and what reaches the register port."""

import pytest

from hw.bus.axi_lite import BYTE_ADDRESS_BITS, OKAY, SLVERR, AxiLiteSlave
from model.registers import ADDRESS_BITS, READ_LATENCY, REGISTERS
from tests.support.hw.units import simulate

KNOWN = {4 * register.address for register in REGISTERS}


class RegisterPort:
    """The array's side: a read gives a number made of its address, READ_LATENCY cycles later; writes are noted."""

    def __init__(self, dut: AxiLiteSlave):
        self.dut = dut
        self.pipeline = [0] * READ_LATENCY
        self.writes: list[tuple[int, int]] = []

    async def tick(self, ctx) -> None:
        dut = self.dut
        if ctx.get(dut.reg_write):
            self.writes.append((ctx.get(dut.reg_address), ctx.get(dut.reg_write_data)))
        self.pipeline.append(0xABC0_0000 | ctx.get(dut.reg_address))
        await ctx.tick()
        self.pipeline.pop(0)
        ctx.set(dut.reg_read_data, self.pipeline[0])

    async def until(self, ctx, signal) -> int:
        """Cycles until the signal is 1."""
        for cycles in range(20):
            if ctx.get(signal):
                return cycles
            await self.tick(ctx)
        raise AssertionError(f"{signal.name} stayed 0 for 20 cycles")


async def handshake(ctx, port: RegisterPort, valid, ready) -> None:
    ctx.set(valid, 1)
    await port.until(ctx, ready)
    await port.tick(ctx)
    ctx.set(valid, 0)


def test_every_byte_address_is_read_or_refused():
    dut = AxiLiteSlave(REGISTERS)

    async def testbench(ctx):
        port = RegisterPort(dut)
        for address in range(1 << BYTE_ADDRESS_BITS):
            ctx.set(dut.araddr, address)
            await handshake(ctx, port, dut.arvalid, dut.arready)
            assert await port.until(ctx, dut.rvalid) == READ_LATENCY + 2
            for _ in range(address % 3):
                await port.tick(ctx)
                assert ctx.get(dut.rvalid) == 1
            if address in KNOWN:
                assert (ctx.get(dut.rresp), ctx.get(dut.rdata)) == (OKAY, 0xABC0_0000 | address >> 2)
            else:
                assert (ctx.get(dut.rresp), ctx.get(dut.rdata)) == (SLVERR, 0)
            ctx.set(dut.rready, 1)
            await port.tick(ctx)
            ctx.set(dut.rready, 0)
            assert ctx.get(dut.rvalid) == 0
        assert not port.writes

    simulate(dut, testbench)


ORDERS = {"address": [(1, 0), (0, 1)], "data": [(0, 1), (0, 0), (1, 0)], "both": [(1, 1)]}


@pytest.mark.parametrize("first", ORDERS)
def test_a_write_needs_address_and_data_in_any_order(first: str):
    dut = AxiLiteSlave(REGISTERS)

    async def testbench(ctx):
        port = RegisterPort(dut)
        wanted = []
        for address in range(1 << BYTE_ADDRESS_BITS):
            strobes = address // 4 * 5 // 2 % 16
            ctx.set(dut.awaddr, address)
            ctx.set(dut.wdata, 0x8765_4321)
            ctx.set(dut.wstrb, strobes)
            await port.until(ctx, dut.awready)
            await port.until(ctx, dut.wready)
            for address_now, data_now in ORDERS[first]:
                ctx.set(dut.awvalid, address_now)
                ctx.set(dut.wvalid, data_now)
                await port.tick(ctx)
            ctx.set(dut.awvalid, 0)
            ctx.set(dut.wvalid, 0)
            assert await port.until(ctx, dut.bvalid) == 1
            assert ctx.get(dut.bresp) == (OKAY if address in KNOWN else SLVERR)
            ctx.set(dut.bready, 1)
            await port.tick(ctx)
            ctx.set(dut.bready, 0)
            assert ctx.get(dut.bvalid) == 0
            if address in KNOWN and strobes & 1:
                mask = sum(0xFF << 8 * byte for byte in range(4) if strobes >> byte & 1)
                wanted.append((address >> 2, 0x8765_4321 & mask))
        assert port.writes == wanted
        assert wanted

    simulate(dut, testbench)


def test_reads_and_writes_share_the_register_port_without_starving():
    """Both sides ask all the time and never wait: each gets its turn, and no read is disturbed."""
    dut = AxiLiteSlave(REGISTERS)

    async def testbench(ctx):
        port = RegisterPort(dut)
        for signal in (dut.arvalid, dut.awvalid, dut.wvalid, dut.rready, dut.bready):
            ctx.set(signal, 1)
        ctx.set(dut.araddr, 4)
        ctx.set(dut.awaddr, 32)
        ctx.set(dut.wstrb, 15)
        reads = writes = 0
        for _ in range(200):
            if ctx.get(dut.rvalid):
                assert ctx.get(dut.rdata) == 0xABC0_0001
                reads += 1
            writes += ctx.get(dut.bvalid)
            await port.tick(ctx)
        assert reads >= 200 // (READ_LATENCY + 6)
        assert writes >= reads
        assert len(port.writes) in (writes, writes + 1)

    simulate(dut, testbench)


def test_a_response_that_is_not_taken_holds_up_the_next():
    dut = AxiLiteSlave(REGISTERS)

    async def testbench(ctx):
        port = RegisterPort(dut)
        ctx.set(dut.wstrb, 15)
        for number in range(2):
            ctx.set(dut.awaddr, 32)
            ctx.set(dut.wdata, number)
            ctx.set(dut.araddr, 4 * number)
            ctx.set(dut.awvalid, 1)
            await handshake(ctx, port, dut.wvalid, dut.wready)
            ctx.set(dut.awvalid, 0)
            await handshake(ctx, port, dut.arvalid, dut.arready)
            for _ in range(20):
                await port.tick(ctx)
            assert (ctx.get(dut.bvalid), ctx.get(dut.rvalid), ctx.get(dut.rdata)) == (1, 1, 0xABC0_0000)
            assert port.writes == [(8, 0)]
        for signal in (dut.bready, dut.rready):
            ctx.set(signal, 1)
        await port.tick(ctx)
        assert await port.until(ctx, dut.bvalid) == 1
        assert await port.until(ctx, dut.rvalid) > 0
        assert ctx.get(dut.rdata) == 0xABC0_0001
        assert port.writes == [(8, 0), (8, 1)]

    simulate(dut, testbench)


def test_writable_bits_lie_in_byte_0():
    """What `AxiLiteSlave` says of writes without byte 0."""
    assert {register.name for register in REGISTERS if register.access != "ro"} == {
        "CONTROL",
        "PE_SELECT",
        "IRQ_ENABLE",
        "IRQ_STATUS",
    }
    assert max(register.address for register in REGISTERS) < 1 << ADDRESS_BITS
