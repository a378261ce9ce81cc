"""The pointer memory: where each column's slice begins and ends, in two banks so that both come in one cycle."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.block_memory import BlockMemory
from hw.interfaces import bits, write_layout
from model.config import ArrayConfig


def pointer_layout(config: ArrayConfig) -> data.StructLayout:
    """A column pointer: the position of an entry in the sparse-matrix memory."""
    return data.StructLayout({"slot": config.slot_bits, "row": config.row_address_bits})


def pointer_word_layout(config: ArrayConfig) -> data.StructLayout:
    """A word of the pointer memory; with `parity` its number of ones is even."""
    return data.StructLayout({"pointer": pointer_layout(config), "parity": int(config.parity)})


class PointerMemory(wiring.Component):
    """Column pointers in an even and an odd bank; EIE section IV, pointer read unit.

    Latency: one cycle from `read_enable` to `start` and `end`. Throughput: one slice per cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    write : one pointer, at its address.
    read_enable, read_address : a column's pointer address, at most pointer_depth - 2.
    even_address : with `maps`: (read_address + 1) div 2.
    start, end : words at `read_address` and the next address; hold while `read_enable` is zero.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "write": In(write_layout(bits(config.pointer_depth), config.pointer_bits)),
                "read_enable": In(1),
                "read_address": In(bits(config.pointer_depth)),
                "start": Out(pointer_word_layout(config)),
                "end": Out(pointer_word_layout(config)),
                **({"even_address": In(bits(config.pointer_depth // 2))} if config.maps else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self._config.pointer_depth // 2
        width = self._config.pointer_bits + self._config.parity
        m.submodules.even = even = BlockMemory(depth=depth, width=width)
        m.submodules.odd = odd = BlockMemory(depth=depth, width=width)
        p_odd = Signal()
        is_odd = self.read_address[0]
        with m.If(self.read_enable):
            m.d.sync += p_odd.eq(is_odd)
        m.d.comb += [
            even.read_enable.eq(self.read_enable),
            even.read_address.eq(self.even_address if self._config.maps else self.read_address[1:] + is_odd),
            odd.read_enable.eq(self.read_enable),
            odd.read_address.eq(self.read_address[1:]),
            self.start.as_value().eq(Mux(p_odd, odd.read_data, even.read_data)),
            self.end.as_value().eq(Mux(p_odd, even.read_data, odd.read_data)),
            even.write.valid.eq(self.write.valid & ~self.write.address[0]),
            odd.write.valid.eq(self.write.valid & self.write.address[0]),
        ]
        word = Cat(self.write.data, self.write.data.xor()) if self._config.parity else self.write.data
        for bank in (even, odd):
            m.d.comb += [bank.write.address.eq(self.write.address[1:]), bank.write.data.eq(word)]
        return m
