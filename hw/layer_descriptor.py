"""The descriptor of the layer being loaded: whether the layer fits the memories, and where in them it goes."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from hw.layer_table import layer_entry_layout
from model.config import ArrayConfig
from model.layouts import BIAS_SCALE_BITS, SHIFT_BITS

HOST_WORD_BITS = 32  # of a header or a descriptor word
DESCRIPTOR = data.StructLayout(
    {
        "in_rows": 16,
        "out_rows": 16,
        "columns": HOST_WORD_BITS,
        "stream_words": HOST_WORD_BITS,
        "shift": SHIFT_BITS,
        "unused_0": 8 - SHIFT_BITS,
        "relu": 1,
        "unused_1": 7,
        "bias_scale": BIAS_SCALE_BITS,
    }
)


class LayerDescriptor(wiring.Component):
    """Takes the descriptor's words in and deals out pointer and constant memory; docs/architecture.md, section 4.

    Latency: one cycle from the last word to the outputs. Throughput: one word per cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    accept, word : In, `word` is the next of DESCRIPTOR_WORDS words.
    clear : In(1), a new network: the next layer takes the memories from their beginnings.
    loaded : In(1), the layer is complete: the next one goes behind it.
    descriptor : Out(DESCRIPTOR), as it came.
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
                "fits": Out(1),
                "entry": Out(layer_entry_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self._config, self.descriptor
        pointer_base = Signal(bits(config.pointer_depth + 1))
        bias_base = Signal(bits(config.constant_depth + 1), init=config.bias_base)
        pointers_end = pointer_base + descriptor.columns + 1
        biases_end = bias_base + descriptor.out_rows
        m.d.comb += [
            self.fits.eq(
                (descriptor.in_rows != 0)
                & (descriptor.in_rows <= config.activation_depth)
                & (descriptor.out_rows != 0)
                & (descriptor.out_rows <= config.activation_depth)
                & (descriptor.columns != 0)
                & (descriptor.stream_words != 0)
                & (pointers_end <= config.pointer_depth)
                & (biases_end <= config.constant_depth)
            ),
            self.entry.in_rows.eq(descriptor.in_rows),
            self.entry.out_rows.eq(descriptor.out_rows),
            self.entry.pointer_base.eq(pointer_base),
            self.entry.bias_base.eq(bias_base),
            self.entry.shift.eq(descriptor.shift),
            self.entry.relu.eq(descriptor.relu),
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
