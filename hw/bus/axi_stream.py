"""AXI4-Stream to and from the array's streams, with registers on both sides."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.control.unloader import output_layout
from model.config import ArrayConfig


class SkidBuffer(wiring.Component):
    """A stream with no combinational path through it: `i.ready` and all of `o` but `o.ready` are registers.

    Latency 1 cycle, throughput 1 word per cycle. Holds two words: the one offered, and the one that came while
    `i.ready` still showed that there was room. `i.ready` is 0 in the first cycle after reset.

    Parameters
    ----------
    shape : of the payload.

    Members
    -------
    i : In, o : Out(stream of shape).
    """

    def __init__(self, shape):
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        skid_valid = Signal()
        skid = Signal(self._shape)
        accept = self.i.valid & self.i.ready
        free = ~self.o.valid | self.o.ready
        with m.If(free):
            m.d.sync += [
                self.o.valid.eq(skid_valid | accept),
                self.o.payload.eq(Mux(skid_valid, skid, self.i.payload)),
                skid_valid.eq(0),
            ]
        with m.Elif(accept):
            m.d.sync += [skid_valid.eq(1), skid.eq(self.i.payload)]
        m.d.sync += self.i.ready.eq(free | ~(skid_valid | accept))
        return m


class OutputFrames(wiring.Component):
    """The array's output as AXI4-Stream frames, which stay whole in a soft reset.

    A word offered stays offered. A frame that a soft reset cuts off, so that its last word never comes, gets a word 0
    marked last instead: the frame then has fewer words than the output, or as many with the last of them wrong; the
    host that wrote the reset knows. Latency 1 cycle, throughput 1 word per cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    soft_reset : In(1), strobe.
    i : In(stream of output_layout(config)), from the array; o : Out, the same.
    """

    def __init__(self, config: ArrayConfig):
        self._layout = output_layout(config)
        words = stream.Signature(self._layout)
        super().__init__({"soft_reset": In(1), "i": In(words), "o": Out(words)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = SkidBuffer(self._layout)
        begun = Signal()  # words of a frame have gone, its last has not
        cut = Signal()  # the frame's last word has to be made up
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += [
            self.i.ready.eq(buffer.i.ready & ~cut),
            buffer.i.valid.eq(self.i.valid | cut),
            buffer.i.payload.eq(self.i.payload),
        ]
        with m.If(cut):
            m.d.comb += [buffer.i.payload.data.eq(0), buffer.i.payload.last.eq(1)]
        begun_now = Signal()
        m.d.comb += begun_now.eq(begun)
        with m.If(buffer.i.valid & buffer.i.ready):
            m.d.comb += begun_now.eq(~buffer.i.payload.last)
        m.d.sync += begun.eq(begun_now)
        with m.If(self.soft_reset & begun_now):
            m.d.sync += cut.eq(1)
        with m.Elif(buffer.i.ready):
            m.d.sync += cut.eq(0)
        return m
