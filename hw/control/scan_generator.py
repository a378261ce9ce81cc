"""The scan generator: which columns the row being scanned names, and which coordinate its activations carry."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from hw.map_layouts import place_layout, scan_layout
from model.config import ArrayConfig


class ScanGenerator(wiring.Component):
    """Numbers columns by class and local channel, counts output positions; docs/contract/architecture.md, section 12.

    Latency: outputs are registers; they change at the end of a cycle with `advance`. Throughput: a row per cycle.

    Parameters
    ----------
    config : sizes of the array, with `maps`.

    Members
    -------
    begin : a layer begins. pointer_base, scan, local : of the layer being run, from `begin` on; `local`: every PE has
        columns of its own.
    advance : the next row.
    base : Out, pointer address of PE 0's column, modulo pointer_depth; place : Out(place_layout()).
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        columns = bits(config.pointer_depth)
        super().__init__(
            {
                "begin": In(1),
                "pointer_base": In(columns),
                "scan": In(scan_layout(config)),
                "local": In(1),
                "advance": In(1),
                "base": Out(columns),
                "place": Out(place_layout()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        scan, place = self.scan, self.place
        channel = Signal.like(scan.last_channel)
        column = Signal.like(scan.last_column)
        class_y = Signal.like(scan.last_class_y)
        class_x = Signal.like(scan.last_class_x)
        class_base = Signal.like(self.base)  # first column of the row of classes
        next_class_base = Signal.like(self.base)
        next_base = Signal.like(self.base)
        unit = Signal(self._config.pes.bit_length())
        m.d.comb += [
            unit.eq(1),
            next_base.eq(self.base + unit),
            next_class_base.eq(class_base + scan.class_columns),
        ]
        with m.If(~self.local):
            m.d.comb += unit.eq(self._config.pes)

        channel_ends = channel == scan.last_channel
        column_ends = column == scan.last_column
        class_x_ends = class_x == scan.last_class_x
        class_y_ends = class_y == scan.last_class_y
        with m.If(self.advance):
            m.d.sync += [channel.eq(channel + 1), self.base.eq(next_base)]
            with m.If(channel_ends):
                m.d.sync += channel.eq(0)
                with m.If(~column_ends):
                    m.d.sync += [column.eq(column + 1), class_x.eq(class_x + 1)]
                    with m.If(class_x_ends):
                        m.d.sync += [class_x.eq(0), self.base.eq(class_base), place.x.eq(place.x + scan.advance_x)]
                with m.Else():
                    m.d.sync += [column.eq(0), class_x.eq(0), place.x.eq(scan.start_x)]
                    with m.If(~class_y_ends):
                        m.d.sync += [class_y.eq(class_y + 1), self.base.eq(next_class_base)]
                        m.d.sync += class_base.eq(next_class_base)
                    with m.Else():
                        m.d.sync += [class_y.eq(0), self.base.eq(self.pointer_base), class_base.eq(self.pointer_base)]
                        m.d.sync += place.y.eq(place.y + scan.advance_y)
        with m.If(self.begin):
            m.d.sync += [register.eq(0) for register in (channel, column, class_y, class_x)]
            m.d.sync += [self.base.eq(self.pointer_base), class_base.eq(self.pointer_base)]
            m.d.sync += [place.y.eq(scan.start_y), place.x.eq(scan.start_x)]
        return m
