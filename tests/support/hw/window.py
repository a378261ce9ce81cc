"""A stand-in for the array behind a stream window: registers with a known content, and a stream that echoes."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO

from hw.bus.stream_window import StreamWindow
from model.config import ArrayConfig
from model.registers import ADDRESS_BITS

ECHO_DEPTH = 4


def register_content(address: int) -> int:
    """What the stand-in's register at an address reads."""
    return address * 0x01010101 + 5


class EchoArray(wiring.Component):
    """`window` with its array side closed: registers as `register_content`, output words are the input words with
    the last mark in their top bit, and `writes` counts register writes.
    """

    def __init__(self, config: ArrayConfig):
        self.window = StreamWindow(config)
        self.writes = Signal(8)
        self.written = Signal(32)
        self._config = config
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.window = window = self.window
        bits = self._config.stream_bits
        m.submodules.words = words = SyncFIFO(width=bits, depth=ECHO_DEPTH)
        address = Signal(ADDRESS_BITS)
        m.d.sync += [address.eq(window.reg_address), window.reg_read_data.eq(address * 0x01010101 + 5)]
        with m.If(window.reg_write):
            m.d.sync += [self.writes.eq(self.writes + 1), self.written.eq(window.reg_write_data)]
        m.d.comb += [
            words.w_en.eq(window.i.valid),
            words.w_data.eq(Cat(window.i.payload[:-1], window.i_last)),
            window.i.ready.eq(words.w_rdy),
            window.o.valid.eq(words.r_rdy),
            window.o.payload.data.eq(words.r_data),
            words.r_en.eq(window.o.ready),
        ]
        return m
