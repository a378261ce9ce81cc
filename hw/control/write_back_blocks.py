"""Blocks of a layer's write-back: where outputs go, what becomes of them, and their second operands."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.control.delay_line import delayed
from hw.function_layouts import ENDING_FIELDS, ending_layout, functions_layout
from hw.interfaces import bits
from model.config import ArrayConfig
from model.function_descriptor import BLOCKS
from model.layouts import pipeline_stages


class WriteBackBlocks(wiring.Component):
    """The operations of WRITE_BACK, block by block; docs/contract/architecture.md, section 13.

    Latency: `row` is that of the operation given in the same cycle. `ending` is a register, of the operation that is in
    stage O, `len(pipeline_stages)` cycles later; `reads` and `second` too, of the one in stage F, a cycle after that.
    Throughput: an operation per cycle. Rows are numbered modulo activation_depth.

    Parameters
    ----------
    config : sizes of the array, with `functions`.

    Members
    -------
    begin : the next operation is the layer's first. Not together with `advance`.
    functions : In(functions_layout(config)), of the layer being run; source_offset, result_offset : of the loop.
    advance : an operation is given to the PEs.
    row : Out, where its output goes in a layer with blocks.
    ending : Out(ending_layout(config)) but for its `row`.
    reads, second : in the next cycle that local row is to be read.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        rows = bits(config.activation_depth)
        super().__init__(
            {
                "begin": In(1),
                "functions": In(functions_layout(config)),
                "source_offset": In(rows),
                "result_offset": In(rows),
                "advance": In(1),
                "row": Out(rows),
                "ending": Out(ending_layout(config)),
                "reads": Out(1),
                "second": Out(rows),
            }
        )

    def elaborate(self, platform):
        m = Module()
        functions = self.functions
        number = Signal(range(BLOCKS))
        following = Signal(range(BLOCKS))
        row_in_block = Signal.like(functions.last_block_row)
        second = Signal.like(self.second)
        first, first_second = Signal.like(self.row), Signal.like(self.row)
        block = functions.blocks[following]
        m.d.comb += [
            following.eq(Mux(self.begin, 0, number + 1)),
            first.eq(block.block_destination + self._offset(block.destination_moves)),
            first_second.eq(block.second + self._offset(block.second_moves)),
        ]
        ends = (number != BLOCKS - 1) & (row_in_block == functions.last_block_row)
        with m.If(self.begin | (self.advance & ends)):
            m.d.sync += [number.eq(following), row_in_block.eq(0), self.row.eq(first), second.eq(first_second)]
        with m.Elif(self.advance):
            m.d.sync += [row_in_block.eq(row_in_block + 1), self.row.eq(self.row + 1), second.eq(second + 1)]

        now = Signal(ending_layout(self._config))
        product = Signal()
        with m.If(self.advance & functions.blocked):
            m.d.comb += [now[name].eq(functions.blocks[number][name]) for name in ENDING_FIELDS]
        m.d.comb += product.eq(now.product)
        stage_o = len(pipeline_stages(self._config))
        m.d.comb += [
            self.ending.eq(delayed(m, "ending", now, stage_o)[-1]),
            self.reads.eq(delayed(m, "product", product, stage_o + 1, reset_less=False)[-1]),
            self.second.eq(delayed(m, "second", second, stage_o + 1)[-1]),
        ]
        return m

    def _offset(self, moves):
        """What a field `destination_moves` or `second_moves` adds."""
        return Mux(moves[1], self.result_offset, Mux(moves[0], self.source_offset, 0))
