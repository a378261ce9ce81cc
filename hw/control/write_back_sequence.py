"""The write-back sequence of a map: the bias repeats per position, and positions may lie apart."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.control.delay_line import delayed
from hw.interfaces import bits
from hw.map_layouts import scan_layout
from model.config import ArrayConfig
from model.layouts import flush_cycles, pipeline_stages


class WriteBackSequence(wiring.Component):
    """Bias address and destination of each write-back operation; docs/contract/architecture.md, section 12.

    All PEs do the same operation in the same cycle, so where an output goes is kept here until it comes out, once for
    all of them. Latency: `address` is a register; so is `output_row`, `flush_cycles` - 2 cycles after the operation.
    Throughput: an operation per cycle.

    Parameters
    ----------
    config : sizes of the array, with `maps`.

    Members
    -------
    begin, bias_base : the next operation is the layer's first. Not together with `advance`.
    scan : In(scan_layout(config)), of the layer being run.
    advance : an operation is given to the PEs.
    address : Out, constant-memory address of its bias.
    output_row : Out, activation-memory address of the output that is in the last stage, O, in the next cycle. With
        `functions` that stage is L.
    blocked, block_row : only with `functions`: the operation goes to that row instead.
    o_row : Out, only with `functions`: activation-memory address of the output that is in stage O.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        rows = bits(config.activation_depth)
        functions = {"blocked": In(1), "block_row": In(rows), "o_row": Out(rows)}
        super().__init__(
            {
                "begin": In(1),
                "bias_base": In(bits(config.constant_depth)),
                "scan": In(scan_layout(config)),
                "advance": In(1),
                "address": Out(bits(config.constant_depth)),
                "output_row": Out(rows),
                **(functions if config.functions else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        scan = self.scan
        channel = Signal.like(scan.last_out_channel)
        row = Signal.like(self.output_row)
        position = Signal.like(self.output_row)  # row of the position's first channel
        next_position = Signal.like(self.output_row)
        m.d.comb += next_position.eq(position + scan.destination_step)
        with m.If(self.advance):
            m.d.sync += [channel.eq(channel + 1), self.address.eq(self.address + 1), row.eq(row + 1)]
            with m.If(channel == scan.last_out_channel):
                m.d.sync += [channel.eq(0), self.address.eq(self.bias_base)]
                m.d.sync += [row.eq(next_position), position.eq(next_position)]
        with m.If(self.begin):
            m.d.sync += [channel.eq(0), self.address.eq(self.bias_base)]
            m.d.sync += [row.eq(scan.destination), position.eq(scan.destination)]

        given = row
        if self._config.functions:
            given = Signal.like(row)
            m.d.comb += given.eq(Mux(self.blocked, self.block_row, row))
        late = delayed(m, "row", given, flush_cycles(self._config) - 3)
        m.d.sync += self.output_row.eq(late[-1])
        if self._config.functions:
            m.d.comb += self.o_row.eq(late[len(pipeline_stages(self._config))])
        return m
