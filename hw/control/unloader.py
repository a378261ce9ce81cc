"""Output words of a run: the activations of the last layer, row by row."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from model.config import ArrayConfig
from model.layouts import VALUE_BITS


def output_layout(config: ArrayConfig) -> data.StructLayout:
    """One output word; `last` marks the last word of a run."""
    return data.StructLayout({"data": config.stream_bits, "last": 1})


class Unloader(wiring.Component):
    """Sends the activations that the PEs hold as `groups` words of `lanes` activations.

    A word per cycle with `o.ready`, no latency. The PEs must hold `current` until `row_done`.

    Members
    -------
    active : In(1), the PEs hold a row.
    last_row : In(1), it is the last one.
    current : In(ArrayLayout(activation_bits, pes)), sign-extended to the 16 bits of a value.
    row_done : Out(1), the row's last word leaves in this cycle.
    o : Out(stream of output_layout(config)).
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "active": In(1),
                "last_row": In(1),
                "current": In(data.ArrayLayout(config.activation_bits, config.pes)),
                "row_done": Out(1),
                "o": Out(stream.Signature(output_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        group = Signal(range(self._config.groups))
        last_group = group == self._config.groups - 1
        lanes, width = self._config.lanes, self._config.activation_bits
        chosen = self.current.as_value().word_select(group, width * lanes)
        if width < VALUE_BITS:
            values = [chosen[width * lane : width * (lane + 1)] for lane in range(lanes)]
            chosen = Cat(Cat(value, value[-1].replicate(VALUE_BITS - width)) for value in values)
        m.d.comb += [
            self.o.valid.eq(self.active),
            self.o.payload.data.eq(chosen),
            self.o.payload.last.eq(self.last_row & last_group),
            self.row_done.eq(self.active & self.o.ready & last_group),
        ]
        with m.If(self.row_done):
            m.d.sync += group.eq(0)
        with m.Elif(self.active & self.o.ready):
            m.d.sync += group.eq(group + 1)
        return m
