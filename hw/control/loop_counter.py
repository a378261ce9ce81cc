"""Loops over layers: how often the layers of a loop have run, and how far their windows have moved."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.function_layouts import functions_layout
from hw.interfaces import bits
from model.config import ArrayConfig
from model.function_descriptor import ITERATION_BITS


class LoopCounter(wiring.Component):
    """Iteration and offsets; docs/contract/architecture.md, section 13.

    Latency: outputs are registers; `again` follows `functions` and `iteration` a cycle later, `first_row` the input of
    the same cycle. A loop ends: `again` is given at most loop_count - 1 times.

    Parameters
    ----------
    config : sizes of the array, with `functions`.

    Members
    -------
    clear : a start is accepted. ends : the layer ends in this cycle. Not together.
    functions : In(functions_layout(config)), of the layer being run.
    again : the layer is the last of a loop that runs once more.
    iteration, source_offset, result_offset : registers.
    first, moves : In, first_row and `moves` of a layer that begins; first_row : Out, where it reads first.
    """

    def __init__(self, config: ArrayConfig):
        rows = bits(config.activation_depth)
        super().__init__(
            {
                "clear": In(1),
                "ends": In(1),
                "functions": In(functions_layout(config)),
                "again": Out(1),
                "iteration": Out(ITERATION_BITS),
                "source_offset": Out(rows),
                "result_offset": Out(rows),
                "first": In(rows),
                "moves": In(1),
                "first_row": Out(rows),
            }
        )

    def elaborate(self, platform):
        m = Module()
        functions = self.functions
        m.d.comb += self.first_row.eq(self.first + Mux(self.moves, self.source_offset, 0))
        m.d.sync += self.again.eq(self.iteration + 1 < functions.loop_count)
        with m.If(self.ends & self.again):
            m.d.sync += [
                self.iteration.eq(self.iteration + 1),
                self.source_offset.eq(self.source_offset + functions.source_step),
                self.result_offset.eq(self.result_offset + functions.result_step),
            ]
        is_loop = functions.loop_count[1:].any()  # else the layer lies inside of one, or there is none
        with m.If(self.clear | (self.ends & is_loop & ~self.again)):
            m.d.sync += [self.iteration.eq(0), self.source_offset.eq(0), self.result_offset.eq(0)]
        return m
