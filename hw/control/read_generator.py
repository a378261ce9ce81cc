"""The read generator: which local row of the activation memories is read next."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from hw.map_layouts import scan_layout
from model.config import ArrayConfig


class ReadGenerator(wiring.Component):
    """Walks a map: local channels of a position, positions of a row, rows; docs/contract/architecture.md, section 12.

    Latency: `row` is a register; it changes at the end of a cycle with `read`. Throughput: a row per cycle. Local rows
    are numbered modulo activation_depth, so no descriptor leads out of the memory.

    Parameters
    ----------
    config : sizes of the array, with `maps`.

    Members
    -------
    begin, first_row : a layer begins at that local row. Not together with `read`.
    jump, target : go on one by one from that local row. Not together with `read`.
    scan : In(scan_layout(config)), of the layer being run.
    read : `row` is read in this cycle.
    plain : rows are read one by one, whatever the map is.
    row : Out, the local row to be read, a register.
    """

    def __init__(self, config: ArrayConfig):
        rows = bits(config.activation_depth)
        super().__init__(
            {
                "begin": In(1),
                "first_row": In(rows),
                "jump": In(1),
                "target": In(rows),
                "scan": In(scan_layout(config)),
                "read": In(1),
                "plain": In(1),
                "row": Out(rows),
            }
        )

    def elaborate(self, platform):
        m = Module()
        scan = self.scan
        channel = Signal.like(scan.last_channel)
        column = Signal.like(scan.last_column)
        position = Signal.like(self.row)  # local row of the position's first channel
        line = Signal.like(self.row)  # of the first position of the row of the map
        next_position = Signal.like(self.row)
        next_line = Signal.like(self.row)
        m.d.comb += [next_position.eq(position + scan.column_step), next_line.eq(line + scan.row_step)]
        with m.If(self.read):
            with m.If(self.plain | (channel != scan.last_channel)):
                m.d.sync += self.row.eq(self.row + 1)
            with m.Elif(column != scan.last_column):
                m.d.sync += [self.row.eq(next_position), position.eq(next_position)]
            with m.Else():
                m.d.sync += [self.row.eq(next_line), position.eq(next_line), line.eq(next_line)]
            with m.If(~self.plain):
                m.d.sync += channel.eq(channel + 1)
                with m.If(channel == scan.last_channel):
                    m.d.sync += [channel.eq(0), column.eq(column + 1)]
                    with m.If(column == scan.last_column):
                        m.d.sync += column.eq(0)
        with m.If(self.begin):
            m.d.sync += [register.eq(self.first_row) for register in (self.row, position, line)]
            m.d.sync += [channel.eq(0), column.eq(0)]
        with m.Elif(self.jump):
            m.d.sync += self.row.eq(self.target)
        return m
