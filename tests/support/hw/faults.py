"""Memories in which bits have changed, to see what parity makes of them."""

from amaranth import Module, Mux

from hw.block_memory import BlockMemory


def faulty_memory(faults):
    """A class like BlockMemory that keeps the words at some addresses wrong: address to the bits that are inverted."""

    class FaultyMemory(BlockMemory):
        def elaborate(self, platform):
            m = Module()
            write = self.write
            inverted = 0
            for address, bits in faults.items():
                inverted = Mux(write.address == address, bits, inverted)
            inner = BlockMemory(depth=self._depth, width=self._width)
            m.submodules.inner = inner
            m.d.comb += [
                inner.read_enable.eq(self.read_enable),
                inner.read_address.eq(self.read_address),
                self.read_data.eq(inner.read_data),
                inner.write.valid.eq(write.valid),
                inner.write.address.eq(write.address),
                inner.write.data.eq(write.data ^ inverted),
            ]
            return m

    return FaultyMemory
