"""A memory as FPGAs and SRAM compilers build it: one synchronous read port with enable, one write port."""

from amaranth import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits, write_layout


class BlockMemory(wiring.Component):
    """One read port, one write port; starts as zeros and is not touched by reset.

    Latency: a read takes one cycle. Throughput: a read and a write per cycle. A read of the word being written in the
    same cycle gives the old word in simulation and any word in hardware: nothing may depend on it.

    Parameters
    ----------
    depth : words, any number >= 2; addresses past it must not be used for a result that matters.
    width : bits of a word.

    Members
    -------
    read_enable, read_address : the read presented in this cycle.
    read_data : the word last read; holds while `read_enable` is zero.
    write : the write of this cycle.
    """

    def __init__(self, *, depth: int, width: int):
        self._depth = depth
        self._width = width
        super().__init__(
            {
                "read_enable": In(1),
                "read_address": In(bits(depth)),
                "read_data": Out(width),
                "write": In(write_layout(bits(depth), width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # Block RAM that gives the old word costs registers and a bypass around it; Yosys leaves them out if told so.
        words = memory.Memory(shape=self._width, depth=self._depth, init=[], attrs={"no_rw_check": 1})
        m.submodules.words = words
        read = words.read_port()
        write = words.write_port()
        m.d.comb += [
            read.en.eq(self.read_enable),
            read.addr.eq(self.read_address),
            self.read_data.eq(read.data),
            write.en.eq(self.write.valid),
            write.addr.eq(self.write.address),
            write.data.eq(self.write.data),
        ]
        return m
