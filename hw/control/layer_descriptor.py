"""The descriptor of the layer being loaded: whether the layer fits the memories, and where in them it goes."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.control.layer_table import layer_entry_layout
from hw.interfaces import bits
from model.config import ArrayConfig
from model.layouts import BIAS_SCALE_BITS, CHECK_CYCLES, SHIFT_BITS

HOST_WORD_BITS = 32  # of a header or a descriptor word
DESCRIPTOR = data.StructLayout(
    {
        "in_rows": 16,
        "out_rows": 16,
        "first_row": 16,
        "unused_0": 16,
        "stream_words": HOST_WORD_BITS,
        "shift": SHIFT_BITS,
        "unused_1": 8 - SHIFT_BITS,
        "relu": 1,
        "keep": 1,
        "unused_2": 6,
        "bias_scale": BIAS_SCALE_BITS,
    }
)
LATENCY = 4  # cycles from that of the last word to that of valid outputs
assert LATENCY <= CHECK_CYCLES


class LayerDescriptor(wiring.Component):
    """Takes the descriptor's words in and deals out pointer and constant memory; contract/architecture.md, section 4.

    Latency: LATENCY cycles from the last word to the outputs: product, sums and comparisons
    have a cycle each. Throughput: one word per cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    accept, word : In, `word` is the next of DESCRIPTOR_WORDS words.
    clear : In(1), a new network: the next layer takes the memories from their beginnings.
    loaded : In(1), the layer is complete: the next one goes behind it.
    descriptor : Out(DESCRIPTOR), as it came.
    columns : Out, columns of the layer; valid if the layer fits.
    fits : Out(1), every size is within the memories that are left.
    entry : Out(layer_entry_layout(config)), for the layer table; valid if the layer fits.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "accept": In(1),
                "word": In(HOST_WORD_BITS),
                "clear": In(1),
                "loaded": In(1),
                "descriptor": Out(DESCRIPTOR),
                "columns": Out(bits(config.pointer_depth + 1)),
                "fits": Out(1),
                "entry": Out(layer_entry_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self._config, self.descriptor
        pointer_base = Signal(bits(config.pointer_depth + 1))
        bias_base = Signal(bits(config.constant_depth + 1), init=config.bias_base)
        rows = range(config.activation_depth + 1)
        # Cut to the bits of a possible number of rows: in_rows itself is compared beside.
        in_rows = descriptor.in_rows[: bits(len(rows))]
        columns = Signal(range(2 * len(rows) * config.pes))
        pointers_end = Signal(range(2 * len(rows) * config.pes + config.pointer_depth + 2))
        biases_end = Signal(range((1 << 16) + config.constant_depth + 1))
        rows_end = Signal(17)
        checks = {
            "in_rows": (descriptor.in_rows != 0) & (descriptor.in_rows <= config.activation_depth),
            "out_rows": (descriptor.out_rows != 0) & (descriptor.out_rows <= config.activation_depth),
            "rows": rows_end <= config.activation_depth,
            "stream_words": descriptor.stream_words != 0,
            "shift": descriptor.shift < config.accumulator_bits,
            "pointers": pointers_end <= config.pointer_depth,
            "biases": biases_end <= config.constant_depth,
        }
        passed = Signal(len(checks))
        # The product as a sum of shifts: no multiplier of the device is spent on it.
        product = sum(in_rows << place for place in range(config.pes.bit_length()) if config.pes >> place & 1)
        m.d.sync += [
            columns.eq(product),
            rows_end.eq(descriptor.first_row + descriptor.in_rows),
            biases_end.eq(bias_base + Mux(descriptor.keep, 0, descriptor.out_rows)),
            pointers_end.eq(pointer_base + columns + 1),
            passed.eq(Cat(checks.values())),
        ]
        m.d.comb += [
            self.fits.eq(passed.all()),
            self.columns.eq(columns),
            self.entry.in_rows.eq(descriptor.in_rows),
            self.entry.out_rows.eq(descriptor.out_rows),
            self.entry.first_row.eq(descriptor.first_row),
            self.entry.pointer_base.eq(pointer_base),
            self.entry.bias_base.eq(bias_base),
            self.entry.shift.eq(descriptor.shift),
            self.entry.relu.eq(descriptor.relu),
            self.entry.keep.eq(descriptor.keep),
            self.entry.bias_scale.eq(descriptor.bias_scale),
        ]
        with m.If(self.accept):
            words = descriptor.as_value()
            m.d.sync += words.eq(Cat(words[HOST_WORD_BITS:], self.word))
        with m.If(self.clear):
            m.d.sync += [pointer_base.eq(0), bias_base.eq(config.bias_base)]
        with m.Elif(self.loaded):
            m.d.sync += [pointer_base.eq(pointers_end), bias_base.eq(biases_end)]
        return m
