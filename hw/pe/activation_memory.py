"""The activation memory: a PE's source and destination activations, and those that wait for their broadcast."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.block_memory import BlockMemory
from hw.interfaces import bits, input_bits, write_layout
from model.config import ArrayConfig


class ActivationMemory(wiring.Component):
    """Two banks of `activation_depth` activations that swap roles per layer; EIE section IV, activation read/write.

    With `maps` one space for all layers: no banks.

    A bit of its own beside each activation says that it is not 0, so that no output of the memory needs a comparison.
    Two rows wait ahead of `current`: in `ahead` and at the memory's output. So `take`, decided late in a cycle, goes to
    `pending` alone; reads and shifts follow a cycle later and come from registers.
    Latency: from a row's `read` one cycle to `take`, two more to `current`. Throughput: a read and a write per cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    bank : the source bank, read; outputs go to the other one. Not with `maps`.
    input_write : an input of the first layer, into bank 0. With `maps` the top bit of its data says that it is not 0,
        and its address is also that of the output.
    output_write, output_nonzero : an output, into the bank that is not the source; lost in a cycle with `input_write`,
        which happens only to the outputs of the accumulator clearing after reset.
    read, read_row : a source activation is presented to the memory.
    shift : `ahead` becomes `current`, and the activation read last `ahead`.
    take : the next activation is pending if it is not zero: with `shift` the one read last, else the one in `ahead`.
    clear : the pending activation is selected now; `take` wins.
    pending, current : registers.
    read_data : Out, with `functions`: the activation read last.
    stored_row, stored : Out, with `functions`: what is at the memory's write port, for the debug port.
    positive, maximum : with `maps`: an activation below 0 counts as 0; every activation counts as not 0.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        rows = bits(config.activation_depth)
        width = config.activation_bits
        output = data.StructLayout({"valid": 1, "data": width})
        functions = {
            "read_data": Out(width),
            "stored_row": Out(rows),
            "stored": Out(signed(width)),
        }
        super().__init__(
            {
                **({"positive": In(1), "maximum": In(1)} if config.maps else {"bank": In(1)}),
                "input_write": In(write_layout(rows, input_bits(config))),
                "output_write": In(output if config.maps else write_layout(rows, width)),
                "output_nonzero": In(1),
                "read": In(1),
                "read_row": In(rows),
                "shift": In(1),
                "take": In(1),
                "clear": In(1),
                "pending": Out(1),
                "current": Out(width),
                **(functions if config.functions else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self._config.activation_depth
        maps = self._config.maps
        words = depth if maps else 2 * depth
        word_bits = self._config.activation_bits + 1
        m.submodules.activations = activations = BlockMemory(depth=words, width=word_bits)
        m.d.comb += [
            activations.read_enable.eq(self.read),
            activations.read_address.eq(self.read_row if maps else self.read_row + Mux(self.bank, depth, 0)),
        ]
        write = activations.write
        if maps:
            # Stage N, with `functions` Z. The address comes from far away: it, too, waits a cycle beside the memory.
            late = Signal(write_layout(len(self.read_row), word_bits), reset_less=True)
            m.d.sync += [
                late.valid.eq(self.input_write.valid | self.output_write.valid),
                late.address.eq(self.input_write.address),
                late.data.eq(
                    Mux(
                        self.output_write.valid,
                        Cat(self.output_write.data, self.output_nonzero),
                        self.input_write.data,
                    )
                ),
            ]
            m.d.comb += write.eq(late)
        else:
            with m.If(self.input_write.valid):
                m.d.comb += [
                    write.valid.eq(1),
                    write.address.eq(self.input_write.address),
                    write.data.eq(Cat(self.input_write.data, self.input_write.data.any())),
                ]
            with m.Else():
                m.d.comb += [
                    write.valid.eq(self.output_write.valid),
                    write.address.eq(self.output_write.address + Mux(self.bank, 0, depth)),
                    write.data.eq(Cat(self.output_write.data, self.output_nonzero)),
                ]
        ahead = Signal(word_bits)
        with m.If(self.shift):
            m.d.sync += [self.current.eq(ahead), ahead.eq(activations.read_data)]
        with m.If(self.clear):
            m.d.sync += self.pending.eq(0)
        with m.If(self.take):
            if maps:
                m.d.sync += self.pending.eq(Mux(self.shift, self._counts(activations.read_data), self._counts(ahead)))
            else:
                m.d.sync += self.pending.eq(Mux(self.shift, activations.read_data[-1], ahead[-1]))
        if self._config.functions:
            m.d.comb += [
                self.read_data.eq(activations.read_data),
                self.stored_row.eq(write.address),
                self.stored.eq(write.data),
            ]
        return m

    def _counts(self, word):
        """The activation of a word of the memory counts as not 0."""
        return self.maximum | (word[-1] & ~(self.positive & word[-2]))
