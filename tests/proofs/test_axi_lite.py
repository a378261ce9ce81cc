"""AXI4-Lite: every transfer is answered exactly once, answers stay until they are taken, nothing blocks for ever."""

import pytest
from amaranth.hdl import Cat, Mux, Signal

from hw.bus import axi_lite
from hw.bus.axi_lite import OKAY, SLVERR
from model.registers import READ_LATENCY, Register
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

REGISTERS = (Register("A", 1, "rw", ""), Register("B", 6, "ro", ""))


def bus(unit):
    slave = unit.AxiLiteSlave(REGISTERS)
    proof = bench(slave)
    m = proof.m
    s = slave
    # The host keeps its offers.
    for valid, ready, payload in (
        (s.awvalid, s.awready, s.awaddr),
        (s.wvalid, s.wready, Cat(s.wdata, s.wstrb)),
        (s.arvalid, s.arready, s.araddr),
    ):
        waiting = proof.before(valid & ~ready)
        proof.assume(~waiting | (valid & (payload == proof.before(payload))))
    proof.stable(s.bvalid, s.bready, s.bresp)
    proof.stable(s.rvalid, s.rready, s.rdata)
    proof.stable(s.rvalid, s.rready, s.rresp)

    def is_register(address):
        return ((address[2:] == 1) | (address[2:] == 6)) & (address[:2] == 0)

    # Transfers accepted and not answered: at most one of each kind beside the answer that waits.
    aw, w, ar = (Signal(range(4), name=name) for name in ("aw", "w", "ar"))
    answered_write, answered_read = s.bvalid & ~proof.before(s.bvalid & ~s.bready), Signal()
    m.d.comb += answered_read.eq(s.rvalid & ~proof.before(s.rvalid & ~s.rready))
    for count, accepted, answered in (
        (aw, s.awvalid & s.awready, answered_write),
        (w, s.wvalid & s.wready, answered_write),
        (ar, s.arvalid & s.arready, answered_read),
    ):
        m.d.sync += count.eq(count + accepted - answered)
        proof.require(~answered | (count != 0))
        proof.require(count <= 2)

    # What a write does: the accepted address and data, once, in the cycle of its answer.
    # The next one can be accepted in that cycle, but not before.
    address, data, strobe = Signal(8), Signal(32), Signal(4)
    with m.If(s.awvalid & s.awready):
        m.d.sync += address.eq(s.awaddr)
    with m.If(s.wvalid & s.wready):
        m.d.sync += [data.eq(s.wdata), strobe.eq(s.wstrb)]
    good = is_register(address)
    proof.require(~s.reg_write | answered_write)
    proof.require(~answered_write | (s.bresp == Mux(good, OKAY, SLVERR)))
    proof.require(~answered_write | (s.reg_write == (good & strobe[0])))
    proof.require(~s.reg_write | (s.reg_address == address[2:]))
    for byte in range(4):
        wanted = Mux(strobe[byte], data.word_select(byte, 8), 0)
        proof.require(~s.reg_write | (s.reg_write_data.word_select(byte, 8) == wanted))

    # What a read gives: the value the port has two cycles after the address, or SLVERR and nothing.
    oldest, newest = Signal(8), Signal(8)
    with m.If(answered_read):
        m.d.sync += oldest.eq(newest)
    with m.If(s.arvalid & s.arready):
        m.d.sync += newest.eq(s.araddr)
        with m.If(ar == answered_read):
            m.d.sync += oldest.eq(s.araddr)
    presented = s.reg_address
    for _ in range(READ_LATENCY + 1):
        presented = proof.before(presented)
    proof.require(~answered_read | (s.rresp == Mux(is_register(oldest), OKAY, SLVERR)))
    proof.require(~answered_read | (s.rresp == OKAY) | (s.rdata == 0))
    proof.require(~answered_read | (s.rresp == SLVERR) | (s.rdata == proof.before(s.reg_read_data)))
    proof.require(~answered_read | (s.rresp == SLVERR) | (presented == oldest[2:]))

    # No deadlock with a host that takes its answers: an offer is accepted, and answered, in a bounded time.
    takes = s.bready & s.rready
    proof.at_most(8, takes & s.awvalid & ~s.awready & (s.wvalid | (w != 0)))
    proof.at_most(8, takes & s.arvalid & ~s.arready)
    proof.at_most(8, takes & (aw != 0) & (w != 0) & ~answered_write)
    proof.at_most(8, takes & (ar != 0) & ~answered_read)
    return proof


def test_transfers_are_answered():
    assert prove(bus(axi_lite)) == PROVED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ready.eq(done | ~(held | (valid & ready)))", "ready.eq(done | ~held)"),
        ("aw_held & w_held & ~self.bvalid", "aw_held & w_held"),
        ("ar_held & ~self.rvalid", "ar_held"),
        ("m.d.sync += [self.bvalid.eq(1), self.bresp.eq(Mux(aw_good, OKAY, SLVERR))]", "m.d.sync += self.bvalid.eq(1)"),
        ("write & aw_good & writes", "write & writes"),
        ("self.wdata & strobed", "self.wdata"),
        ("with m.Elif(self.bready):", "with m.Else():"),
        ("(waiting == 0) & ~write)", "(waiting == 0))"),
        ("waiting.eq(READ_LATENCY + 1)", "waiting.eq(0)"),
    ],
)
def test_a_fault_is_found(old: str, new: str):
    assert prove(bus(planted(axi_lite, old, new))) == FAILED
