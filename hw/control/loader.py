"""The loader: takes the packets of the input stream apart and fills trees and memories."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.control.layer_descriptor import HOST_WORD_BITS, LayerDescriptor
from hw.control.layer_table import layer_write_layout
from hw.interfaces import LOADING, bits, driven_ports
from model.config import ArrayConfig
from model.layouts import (
    CHECK_CYCLES,
    VALUE_BITS,
    LoaderState,
    Opcode,
    descriptor_words,
)
from model.registers import Error, PeError


def lanes_write_layout(config: ArrayConfig, address_bits: int, data_bits: int) -> data.StructLayout:
    """A write into PEs: PE k takes data[k mod lanes] if bit k div lanes of `groups` is one."""
    return data.StructLayout(
        {
            "groups": config.groups,
            "address": address_bits,
            "data": data.ArrayLayout(data_bits, config.lanes),
        }
    )


class Loader(wiring.Component):
    """Input stream to memory writes and decoder words; docs/contract/architecture.md, section 4.

    A word per cycle, except for the cycles of CHECK and BEGIN, in CODES while the addressed decoder is not ready,
    and in WAIT until the slowest decoder is done. Writes happen in the cycle in which their word is accepted.

    Members, towards host and controller
    ------------------------------------
    i : In(stream of stream_bits); last : In(1), the word ends the host's transfer.
    start_strobe : In(1), a start wins over a header; start_refused : In(1), it cannot be honoured.
    soft_reset : In(1), wins over everything that would change a register in its cycle.
    control_waiting : In(1), the controller is in IDLE; control_fault : In(1), it gives up a run.
    state, error, error_pe, sealed, layers : Out, registers.
    layer_write : Out(layer_write_layout(config)).

    Members, towards the PEs
    ------------------------
    Those named in `LOADING`, stream_ended, tree_write, of `ProcessingElementSignature`; load is a register.
    constant_write, activation_write : Out(lanes_write_layout).
    word_valid : Out(pes), one-hot: the input word is for this decoder; word_ready : In(pes).
    decoder_busy : In(pes); pe_errors : In(ArrayLayout(PeError, pes)), their error registers.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(config.stream_bits)),
                "last": In(1),
                "start_strobe": In(1),
                "start_refused": In(1),
                "soft_reset": In(1),
                "control_waiting": In(1),
                "control_fault": In(1),
                "state": Out(LoaderState),
                "error": Out(Error),
                "error_pe": Out(bits(config.pes)),
                "sealed": Out(1),
                "layers": Out(bits(config.layers + 1)),
                "layer_write": Out(layer_write_layout(config)),
                **driven_ports(config, (*LOADING, "stream_ended", "tree_write")),
                "constant_write": Out(lanes_write_layout(config, bits(config.constant_depth), VALUE_BITS)),
                "activation_write": Out(
                    lanes_write_layout(config, bits(config.activation_depth), config.activation_bits)
                ),
                "word_valid": Out(config.pes),
                "word_ready": In(config.pes),
                "decoder_busy": In(config.pes),
                "pe_errors": In(data.ArrayLayout(PeError, config.pes)),
            }
        )
        most = max(config.tree_words, config.code_symbols, config.pes, descriptor_words(config))
        self._index = Signal(range(most), name="index")  # word of a section or of a row
        self._row = Signal(bits(max(config.activation_depth, config.accumulators)), name="row")
        self._rows_left = Signal(HOST_WORD_BITS, name="rows_left")  # with the one that is being taken
        self._last_row_left = Signal(name="last_row_left")  # rows_left is 1
        self._cut = Signal(name="cut")

    def elaborate(self, platform):
        m = Module()
        config, state = self._config, self.state
        m.submodules.layer = layer = LayerDescriptor(config)
        load = Signal()
        cause = Signal(Error)
        pe_failed, pe_cause, pe_number = self._lowest_pe_error(m)
        self._elaborate_writes(m, layer, load)
        m.d.sync += self.load.eq(load)

        with m.Switch(state):
            self._elaborate_header(m, load, cause)
            self._elaborate_tables(m, layer, cause)
            self._elaborate_codes(m, layer.descriptor, pe_failed)
            with m.Default():
                m.d.comb += cause.eq(Error.FAULT)

        # Outside ERROR the error register holds NONE or START, which gives way to any other cause.
        with m.If(state != LoaderState.ERROR):
            with m.If(pe_failed):
                m.d.sync += [self.error.eq(pe_cause), self.error_pe.eq(pe_number), state.eq(LoaderState.ERROR)]
            with m.Elif(cause != Error.NONE):
                m.d.sync += [self.error.eq(cause), state.eq(LoaderState.ERROR)]
            with m.Elif(self._cut):
                m.d.sync += [self.error.eq(Error.TRUNCATED), state.eq(LoaderState.ERROR)]
            with m.Elif(self.control_fault):
                m.d.sync += [self.error.eq(Error.FAULT), state.eq(LoaderState.ERROR)]
            with m.Elif(self.start_refused):
                m.d.sync += self.error.eq(Error.START)

        with m.If(load):
            m.d.sync += [self.layers.eq(0), self.sealed.eq(0)]
        with m.Elif(self.layer_write.valid):
            m.d.sync += self.layers.eq(self.layers + 1)
        # The bases of the next layer stay what they are, or become anything: the seal is opened by LOAD alone.
        with m.If(self.soft_reset):
            places = (self._index, self._row, self._rows_left, self._last_row_left)
            m.d.sync += [register.eq(register.init) for register in (*places, self.error_pe, self.load)]
            m.d.sync += [
                state.eq(LoaderState.HEADER),
                self.error.eq(Error.NONE),
                self.layers.eq(self.layers),
                self.sealed.eq(1),
            ]
        return m

    def _elaborate_writes(self, m: Module, layer: LayerDescriptor, load):
        """Where the word of this cycle goes, if it goes anywhere."""
        config, state, word = self._config, self.state, self.i.payload
        m.d.comb += [
            layer.accept.eq(self.i.valid & (state == LoaderState.DESCRIPTOR)),
            layer.word.eq(word),
            layer.clear.eq(load),
            layer.loaded.eq(self.layer_write.valid),
            *([layer.number.eq(self.layers), layer.soft_reset.eq(self.soft_reset)] if config.functions else []),
            self.columns.eq(layer.columns),
            self.stream_ended.eq(state == LoaderState.WAIT),
            self.layer_write.address.eq(self.layers),
            self.layer_write.entry.eq(layer.entry),
            self.tree_write.address.eq(self._index),
            self.tree_write.data.eq(word),
            self.activation_write.address.eq(self._row),
            self.constant_write.address.eq(
                Mux(
                    state == LoaderState.CODEBOOK,
                    Cat(self._index[: config.code_bits], self.layers),
                    layer.entry.bias_base + self._row,
                )
            ),
        ]
        for lane in range(config.lanes):
            value = word.word_select(lane, VALUE_BITS)
            m.d.comb += [
                self.activation_write.data[lane].eq(value),
                self.constant_write.data[lane].eq(Mux(state == LoaderState.CODEBOOK, word[:VALUE_BITS], value)),
            ]

    # What a state does with a word names its own condition: the ready of a decoder, which comes late, is in CODES
    # alone. `_cut` says so of a word that should not have been the last.
    def _section(self, m: Module, words: int, following: LoaderState):
        """Counts the words of a section in `_index`."""
        m.d.comb += [self.i.ready.eq(1), self._cut.eq(self.i.valid & self.last)]
        with m.If(self.i.valid):
            m.d.sync += self._index.eq(self._index + 1)
            with m.If(self._index == words - 1):
                m.d.sync += [self._index.eq(0), self.state.eq(following)]

    def _begin_rows(self, m: Module, count):
        """The next section has so many rows."""
        m.d.sync += [self._rows_left.eq(count), self._last_row_left.eq(count == 1)]

    def _rows(self, m: Module, words: int, following: LoaderState, ready=1, ends_packet: bool = True):
        """Counts `_rows_left` rows of `words` words; a word is taken when it is there and `ready`."""
        index, rows_left, valid = self._index, self._rows_left, self.i.valid
        last_word = (index == words - 1) & self._last_row_left
        m.d.comb += [self.i.ready.eq(ready), self._cut.eq(valid & ready & self.last & ~(last_word & ends_packet))]
        with m.If(valid & ready):
            m.d.sync += index.eq(index + 1)
            with m.If(index == words - 1):
                m.d.sync += [
                    index.eq(0),
                    self._row.eq(self._row + 1),
                    rows_left.eq(rows_left - 1),
                    self._last_row_left.eq(rows_left == 2),
                ]
            with m.If(last_word):
                m.d.sync += self.state.eq(following)

    def _elaborate_header(self, m: Module, load, cause):
        config, word = self._config, self.i.payload
        with m.Case(LoaderState.HEADER):
            m.d.comb += self.i.ready.eq(self.control_waiting & ~self.start_strobe)
            count = word[8:HOST_WORD_BITS]
            m.d.sync += [self._index.eq(0), self._row.eq(0)]
            self._begin_rows(m, count)
            accept = self.i.valid & self.control_waiting & ~self.start_strobe
            m.d.comb += self._cut.eq(accept & self.last)
            with m.If(accept), m.Switch(word[:8]):
                with m.Case(Opcode.LOAD):
                    m.d.comb += [load.eq(1), self._cut.eq(0)]
                    m.d.sync += self.error.eq(Error.NONE)
                with m.Case(Opcode.LAYER):
                    with m.If(self.sealed | (self.layers == config.layers)):
                        m.d.comb += cause.eq(Error.LAYERS)
                    with m.Else():
                        m.d.sync += self.state.eq(LoaderState.DESCRIPTOR)
                with m.Case(Opcode.INPUT):
                    with m.If((count == 0) | (count > config.activation_depth)):
                        m.d.comb += cause.eq(Error.INPUT)
                    with m.Else():
                        m.d.sync += self.state.eq(LoaderState.INPUT)
                with m.Default():
                    m.d.comb += cause.eq(Error.OPCODE)

    def _elaborate_tables(self, m: Module, layer: LayerDescriptor, cause):
        config, descriptor, valid = self._config, layer.descriptor, self.i.valid
        with m.Case(LoaderState.DESCRIPTOR):
            self._section(m, descriptor_words(config), LoaderState.CHECK)

        with m.Case(LoaderState.CHECK):
            m.d.sync += self._index.eq(self._index + 1)
            with m.If(self._index == CHECK_CYCLES - 1):
                m.d.sync += [self._index.eq(0), self.state.eq(LoaderState.TREE)]
                with m.If(~layer.fits):
                    m.d.comb += cause.eq(Error.DESCRIPTOR)

        with m.Case(LoaderState.TREE):
            self._section(m, config.tree_words, LoaderState.CODEBOOK)
            m.d.comb += self.tree_write.valid.eq(valid)

        with m.Case(LoaderState.CODEBOOK):
            self._section(m, config.code_symbols, LoaderState.BIASES)
            m.d.comb += self.constant_write.groups.eq(valid.replicate(config.groups))
            self._begin_rows(m, descriptor.out_channels if config.maps else descriptor.out_rows)
            with m.If(valid & (self._index == config.code_symbols - 1) & descriptor.keep):
                m.d.sync += self.state.eq(LoaderState.BEGIN)

        with m.Case(LoaderState.BIASES):
            m.d.comb += self.constant_write.groups.eq(valid << self._index[: bits(config.groups)])
            self._rows(m, config.groups, LoaderState.BEGIN, ends_packet=False)

    def _elaborate_codes(self, m: Module, descriptor, pe_failed):
        config, valid, turn = self._config, self.i.valid, self._index[: bits(self._config.pes)]
        with m.Case(LoaderState.BEGIN):
            m.d.comb += self.begin_codes.eq(1)
            self._begin_rows(m, descriptor.stream_words)
            m.d.sync += self.state.eq(LoaderState.CODES)

        with m.Case(LoaderState.CODES):
            m.d.comb += self.word_valid.eq(valid << turn)
            # A turn of no PE, which only an upset makes, is ready: the words go on.
            nobody = (1 << len(turn)) - config.pes
            ready = Cat(self.word_ready, Const((1 << nobody) - 1, nobody))
            self._rows(m, config.pes, LoaderState.WAIT, ready=ready.bit_select(turn, 1))

        with m.Case(LoaderState.WAIT), m.If(~self.decoder_busy.any() & ~pe_failed):
            m.d.comb += self.layer_write.valid.eq(1)
            m.d.sync += self.state.eq(LoaderState.HEADER)

        with m.Case(LoaderState.INPUT):
            m.d.comb += self.activation_write.groups.eq(valid << self._index[: bits(config.groups)])
            self._rows(m, config.groups, LoaderState.HEADER)

        with m.Case(LoaderState.ERROR):
            m.d.comb += self.i.ready.eq(1)

    def _lowest_pe_error(self, m: Module):
        """(a PE failed, the Error of the lowest one that did, its number), by halves."""
        found = [(register != PeError.NONE, register, pe) for pe, register in enumerate(self.pe_errors)]
        while len(found) > 1:
            pairs = [found[at : at + 2] for at in range(0, len(found), 2)]
            found = [self._lower(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
        failed, register, number = found[0]
        cause = Signal(Error, name="pe_cause")
        with m.Switch(register):
            for pe_error in PeError:
                with m.Case(pe_error):
                    m.d.comb += cause.eq(Error[pe_error.name])
        return failed, cause, number

    @staticmethod
    def _lower(low, high):
        return low[0] | high[0], Mux(low[0], low[1], high[1]), Mux(low[0], low[2], high[2])
