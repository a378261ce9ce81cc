"""AXI4-Lite to the array's register port."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from model.registers import ADDRESS_BITS, READ_LATENCY, Register

BYTE_ADDRESS_BITS = ADDRESS_BITS + 2
WORD_BITS = 32
OKAY, SLVERR = 0, 2
# The slave's side. `awprot` and `arprot` belong to the bus and mean nothing here.
AXI_LITE_PORTS = {
    "awaddr": In(BYTE_ADDRESS_BITS),
    "awprot": In(3),
    "awvalid": In(1),
    "awready": Out(1),
    "wdata": In(WORD_BITS),
    "wstrb": In(WORD_BITS // 8),
    "wvalid": In(1),
    "wready": Out(1),
    "bresp": Out(2),
    "bvalid": Out(1),
    "bready": In(1),
    "araddr": In(BYTE_ADDRESS_BITS),
    "arprot": In(3),
    "arvalid": In(1),
    "arready": Out(1),
    "rdata": Out(WORD_BITS),
    "rresp": Out(2),
    "rvalid": Out(1),
    "rready": In(1),
}


def is_register(byte_address, registers: Sequence[Register]) -> Signal:
    """1 if one of the registers has this byte address."""
    word = byte_address[2:]
    return Cat(word == register.address for register in registers).any() & (byte_address[:2] == 0)


class AxiLiteSlave(wiring.Component):
    """Reads and writes of registers, byte address = 4 * word address.

    A byte that is not strobed is written as 0, which starts, resets and clears nothing; as every writable bit of the
    array's registers lies in byte 0, a write without that byte changes nothing at all. An address that is not that of a
    register, or not a multiple of 4, is answered SLVERR and does nothing; a register that cannot be written, or read,
    ignores the write, or reads 0. Reads and writes wait for each other, a waiting read never for more than one write.

    Every output is a register. Write: response 2 cycles after the later of address and data. Read: data
    READ_LATENCY + 3 cycles after its address. One transaction of each kind at a time.

    Parameters
    ----------
    registers : the registers that there are.

    Members
    -------
    those of AXI_LITE_PORTS;
    reg_address, reg_write, reg_write_data : Out, reg_read_data : In, the array's register port.
    """

    def __init__(self, registers: Sequence[Register]):
        self._registers = registers
        super().__init__(
            {
                **AXI_LITE_PORTS,
                "reg_address": Out(ADDRESS_BITS),
                "reg_write": Out(1),
                "reg_write_data": Out(WORD_BITS),
                "reg_read_data": In(WORD_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        write = Signal()  # a write goes to the register port in the next cycle
        read = Signal()  # a read does
        waiting = Signal(range(READ_LATENCY + 2))  # cycles until the read data come, with this one
        aw_held = self._hold(m, self.awvalid, self.awready, write)
        w_held = self._hold(m, self.wvalid, self.wready, write)
        ar_held = self._hold(m, self.arvalid, self.arready, read)
        aw_word = Signal(ADDRESS_BITS)
        aw_good = Signal()
        ar_word = Signal(ADDRESS_BITS)
        ar_good = Signal()
        data = Signal(WORD_BITS)
        writes = Signal()  # byte 0 is strobed
        with m.If(self.awvalid & self.awready):
            m.d.sync += [aw_word.eq(self.awaddr[2:]), aw_good.eq(is_register(self.awaddr, self._registers))]
        with m.If(self.wvalid & self.wready):
            strobed = Cat(bit.replicate(8) for bit in self.wstrb)
            m.d.sync += [data.eq(self.wdata & strobed), writes.eq(self.wstrb[0])]
        with m.If(self.arvalid & self.arready):
            m.d.sync += [ar_word.eq(self.araddr[2:]), ar_good.eq(is_register(self.araddr, self._registers))]

        m.d.comb += [
            write.eq(aw_held & w_held & ~self.bvalid & (waiting == 0)),
            read.eq(ar_held & ~self.rvalid & (waiting == 0) & ~write),
        ]
        m.d.sync += [
            self.reg_address.eq(Mux(write, aw_word, ar_word)),
            self.reg_write.eq(write & aw_good & writes),
            self.reg_write_data.eq(data),
        ]
        with m.If(write):
            m.d.sync += [self.bvalid.eq(1), self.bresp.eq(Mux(aw_good, OKAY, SLVERR))]
        with m.Elif(self.bready):
            m.d.sync += self.bvalid.eq(0)
        with m.If(read):
            m.d.sync += [waiting.eq(READ_LATENCY + 1), self.rresp.eq(Mux(ar_good, OKAY, SLVERR))]
        with m.Elif(waiting != 0):
            m.d.sync += waiting.eq(waiting - 1)
        with m.If(waiting == 1):
            m.d.sync += [self.rvalid.eq(1), self.rdata.eq(Mux(self.rresp == OKAY, self.reg_read_data, 0))]
        with m.Elif(self.rready):
            m.d.sync += self.rvalid.eq(0)
        return m

    def _hold(self, m: Module, valid, ready, done) -> Signal:
        """Takes one transfer of a channel and keeps it until `done`."""
        held = Signal(name=f"{valid.name.removesuffix('valid')}_held")
        m.d.sync += ready.eq(done | ~(held | (valid & ready)))
        with m.If(done):
            m.d.sync += held.eq(0)
        with m.Elif(valid & ready):
            m.d.sync += held.eq(1)
        return held
