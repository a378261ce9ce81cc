"""The loader: takes the packets of the input stream apart and fills tables and memories."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits, table_layout, write_layout
from hw.layer_descriptor import HOST_WORD_BITS, LayerDescriptor
from hw.layer_table import layer_write_layout
from model.config import ArrayConfig
from model.layouts import (
    ACTIVATION_BITS,
    CODE_ALPHABET,
    DELTA_BITS,
    DESCRIPTOR_WORDS,
    LIMIT_BITS,
    RUN_ALPHABET,
    LoaderState,
    Opcode,
    symbol_index_bits,
)
from model.registers import Error


def lanes_write_layout(config: ArrayConfig, address_bits: int) -> data.StructLayout:
    """A write into PEs: PE k takes data[k mod lanes] if bit k div lanes of `groups` is one."""
    return data.StructLayout(
        {
            "groups": config.groups,
            "address": address_bits,
            "data": data.ArrayLayout(ACTIVATION_BITS, config.lanes),
        }
    )


class Loader(wiring.Component):
    """Input stream to tables, memory writes and decoder words; docs/architecture.md, section 4.

    A word per cycle, except for the cycles of CHECK and BEGIN, in CODES while the addressed decoder is not ready,
    and in WAIT until the slowest decoder is done. Writes happen in the cycle in which their word is accepted.

    Members, towards host and controller
    ------------------------------------
    i : In(stream of stream_bits).
    start_strobe : In(1), a start wins over a header; start_refused : In(1), it cannot be honoured.
    control_waiting : In(1), the controller is in IDLE.
    state, error, layers : Out, registers.
    layer_write : Out(layer_write_layout(config)).

    Members, towards the PEs
    ------------------------
    load, begin_codes, stream_ended, columns, tables, symbol_write : Out, those of `ProcessingElementSignature`.
    constant_write, activation_write : Out(lanes_write_layout).
    word_valid : Out(pes), one-hot: the input word is for this decoder; word_ready : In(pes).
    decoder_busy, decoder_error : In(pes).
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        self._symbol_bits = max(config.code_bits, config.index_bits)
        super().__init__(
            {
                "i": In(stream.Signature(config.stream_bits)),
                "start_strobe": In(1),
                "start_refused": In(1),
                "control_waiting": In(1),
                "state": Out(LoaderState),
                "error": Out(Error),
                "layers": Out(bits(config.layers + 1)),
                "layer_write": Out(layer_write_layout(config)),
                "load": Out(1),
                "begin_codes": Out(1),
                "stream_ended": Out(1),
                "columns": Out(bits(config.pointer_depth + 1)),
                "tables": Out(table_layout(config)),
                "symbol_write": Out(write_layout(1 + symbol_index_bits(config), self._symbol_bits)),
                "constant_write": Out(lanes_write_layout(config, bits(config.constant_depth))),
                "activation_write": Out(lanes_write_layout(config, bits(config.activation_depth))),
                "word_valid": Out(config.pes),
                "word_ready": In(config.pes),
                "decoder_busy": In(config.pes),
                "decoder_error": In(config.pes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, state, word = self._config, self.state, self.i.payload
        m.submodules.layer = layer = LayerDescriptor(config)
        descriptor = layer.descriptor
        longest_section = max(2 * config.max_code_length, config.run_symbols, config.code_symbols, config.pes)
        index = Signal(range(longest_section))  # word of a section, or group or PE within a row
        row = Signal(HOST_WORD_BITS)
        alphabet = Signal()
        input_rows = Signal(bits(config.activation_depth + 1))
        accept = Signal()
        cause = Signal(Error)
        m.d.comb += [
            accept.eq(self.i.valid & self.i.ready),
            layer.accept.eq(accept & (state == LoaderState.DESCRIPTOR)),
            layer.word.eq(word),
            layer.clear.eq(self.load),
            layer.loaded.eq(self.layer_write.valid),
            self.columns.eq(descriptor.columns),
            self.stream_ended.eq(state == LoaderState.WAIT),
            self.layer_write.address.eq(self.layers),
            self.layer_write.entry.eq(layer.entry),
            self.symbol_write.address.eq(Cat(index[: symbol_index_bits(config)], alphabet)),
            self.symbol_write.data.eq(word),
            self.activation_write.address.eq(row),
        ]
        for lane in range(config.lanes):
            m.d.comb += self.activation_write.data[lane].eq(word.word_select(lane, ACTIVATION_BITS))

        def section(words: int, following: LoaderState):
            """Counts the words of a section in `index`."""
            m.d.comb += self.i.ready.eq(1)
            with m.If(accept):
                m.d.sync += index.eq(index + 1)
                with m.If(index == words - 1):
                    m.d.sync += [index.eq(0), state.eq(following)]

        def rows(count, words: int, following: LoaderState):
            """Counts `count` rows of `words` words in `row` and `index`; the caller says when a word is ready."""
            with m.If(accept):
                m.d.sync += index.eq(index + 1)
                with m.If(index == words - 1):
                    m.d.sync += [index.eq(0), row.eq(row + 1)]
                    with m.If(row + 1 == count):
                        m.d.sync += [row.eq(0), state.eq(following)]

        with m.Switch(state):
            with m.Case(LoaderState.HEADER):
                m.d.comb += self.i.ready.eq(self.control_waiting & ~self.start_strobe)
                count = word[8:HOST_WORD_BITS]
                m.d.sync += [index.eq(0), row.eq(0), alphabet.eq(RUN_ALPHABET)]
                with m.If(accept), m.Switch(word[:8]):
                    with m.Case(Opcode.LOAD):
                        m.d.comb += self.load.eq(1)
                        m.d.sync += [self.layers.eq(0), self.error.eq(Error.NONE)]
                    with m.Case(Opcode.LAYER):
                        with m.If(self.layers == config.layers):
                            m.d.comb += cause.eq(Error.LAYERS)
                        with m.Else():
                            m.d.sync += state.eq(LoaderState.DESCRIPTOR)
                    with m.Case(Opcode.INPUT):
                        with m.If((count == 0) | (count > config.activation_depth)):
                            m.d.comb += cause.eq(Error.INPUT)
                        with m.Else():
                            m.d.sync += [input_rows.eq(count), state.eq(LoaderState.INPUT)]
                    with m.Default():
                        m.d.comb += cause.eq(Error.OPCODE)

            with m.Case(LoaderState.DESCRIPTOR):
                section(DESCRIPTOR_WORDS, LoaderState.CHECK)

            with m.Case(LoaderState.CHECK):
                with m.If(layer.fits):
                    m.d.sync += state.eq(LoaderState.LIMITS)
                with m.Else():
                    m.d.comb += cause.eq(Error.DESCRIPTOR)

            with m.Case(LoaderState.LIMITS):
                section(2 * config.max_code_length, LoaderState.END_INDEX)
                with m.If(accept):
                    limits, deltas = self.tables.limits.as_value(), self.tables.deltas.as_value()
                    m.d.sync += [
                        limits.eq(Cat(limits[LIMIT_BITS:], word[:LIMIT_BITS])),
                        deltas.eq(Cat(deltas[DELTA_BITS:], word[LIMIT_BITS : LIMIT_BITS + DELTA_BITS])),
                    ]

            with m.Case(LoaderState.END_INDEX):
                section(1, LoaderState.SYMBOLS)
                with m.If(accept):
                    m.d.sync += self.tables.end_index.eq(word)

            with m.Case(LoaderState.SYMBOLS):
                m.d.comb += self.symbol_write.valid.eq(accept)
                with m.If(alphabet == RUN_ALPHABET):
                    section(config.run_symbols, LoaderState.SYMBOLS)
                    with m.If(accept & (index == config.run_symbols - 1)):
                        m.d.sync += alphabet.eq(CODE_ALPHABET)
                with m.Else():
                    section(config.code_symbols, LoaderState.CODEBOOK)

            with m.Case(LoaderState.CODEBOOK):
                section(config.code_symbols, LoaderState.BIASES)
                m.d.comb += [
                    self.constant_write.groups.eq(accept.replicate(config.groups)),
                    self.constant_write.address.eq(Cat(index[: config.code_bits], self.layers)),
                ]
                for lane in range(config.lanes):
                    m.d.comb += self.constant_write.data[lane].eq(word[:ACTIVATION_BITS])

            with m.Case(LoaderState.BIASES):
                m.d.comb += [
                    self.i.ready.eq(1),
                    self.constant_write.groups.eq(accept << index),
                    self.constant_write.address.eq(layer.entry.bias_base + row),
                    self.constant_write.data.eq(self.activation_write.data),
                ]
                rows(descriptor.out_rows, config.groups, LoaderState.BEGIN)

            with m.Case(LoaderState.BEGIN):
                m.d.comb += self.begin_codes.eq(1)
                m.d.sync += state.eq(LoaderState.CODES)

            with m.Case(LoaderState.CODES):
                m.d.comb += [
                    self.i.ready.eq(self.word_ready.bit_select(index, 1)),
                    self.word_valid.eq(self.i.valid << index),
                ]
                rows(descriptor.stream_words, config.pes, LoaderState.WAIT)

            with m.Case(LoaderState.WAIT), m.If(~self.decoder_busy.any() & ~self.decoder_error.any()):
                m.d.comb += self.layer_write.valid.eq(1)
                m.d.sync += [self.layers.eq(self.layers + 1), state.eq(LoaderState.HEADER)]

            with m.Case(LoaderState.INPUT):
                m.d.comb += [self.i.ready.eq(1), self.activation_write.groups.eq(accept << index)]
                rows(input_rows, config.groups, LoaderState.HEADER)

            with m.Case(LoaderState.ERROR):
                m.d.comb += self.i.ready.eq(1)

        with m.If(((state == LoaderState.CODES) | (state == LoaderState.WAIT)) & self.decoder_error.any()):
            m.d.comb += cause.eq(Error.CODE)
        with m.If(cause != Error.NONE):
            m.d.sync += state.eq(LoaderState.ERROR)
        with m.If(self.error == Error.NONE):
            with m.If(cause != Error.NONE):
                m.d.sync += self.error.eq(cause)
            with m.Elif(self.start_refused):
                m.d.sync += self.error.eq(Error.START)
        return m
