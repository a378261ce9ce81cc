"""The Huffman decoder: turns a PE's code stream into sparse-matrix rows and column pointers while a layer is loaded."""

from enum import IntEnum

from amaranth import Cat, Module, Mux, Signal
from amaranth.hdl import unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.block_memory import BlockMemory
from hw.interfaces import bits, table_layout, write_layout
from model.config import ArrayConfig
from model.layouts import CODE_ALPHABET, DELTA_BITS, RUN_ALPHABET, symbol_index_bits


class SymbolKind(IntEnum):
    """What the second stage does with a decoded symbol."""

    RUN = 0
    CODE = 1
    END = 2


def _bits_of(value):
    return [value[bit] for bit in range(len(value))]


def _any(values):
    return Cat(*values).any()


class HuffmanDecoder(wiring.Component):
    """Decodes canonical, length-limited Huffman codes; docs/architecture.md section 5, Deep Compression section 3.

    Throughput: one symbol per cycle while words are available. Latency: a row or pointer is written two cycles after
    the word that completes it was accepted, at the earliest. The first stage finds a symbol's length and canonical
    index, the second (`t_`) has the symbol and forms entries.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    tables, symbol_write : Huffman tables of the layer being loaded; they change only while not `busy`.
    load : a new network: row, slot and pointer return to 0. Only while not `busy`.
    begin_codes, columns : a new layer of `columns` >= 1 slices. Only while not `busy`, and with slot = 0.
    word : the stream, first bit most significant; `word.ready` depends on registers alone. Words after the last
        symbol of a layer are accepted and discarded.
    stream_ended : no word comes in this cycle or later.
    busy, error : `error` is sticky until reset.
    decoded : a symbol is decoded in this cycle.
    row_write, pointer_write : the writes of this cycle to sparse-matrix and pointer memory.
    running .. pointer : state for the debug port.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        self._symbol_bits = max(config.code_bits, config.index_bits)
        super().__init__(
            {
                "tables": In(table_layout(config)),
                "symbol_write": In(write_layout(1 + symbol_index_bits(config), self._symbol_bits)),
                "load": In(1),
                "begin_codes": In(1),
                "columns": In(bits(config.pointer_depth + 1)),
                "word": In(stream.Signature(unsigned(config.stream_bits))),
                "stream_ended": In(1),
                "busy": Out(1),
                "error": Out(1),
                "decoded": Out(1),
                "row_write": Out(write_layout(bits(config.sparse_matrix_depth), config.row_bits)),
                "pointer_write": Out(write_layout(bits(config.pointer_depth), config.pointer_bits)),
                "running": Out(1),
                "high_valid": Out(1),
                "low_valid": Out(1),
                "position": Out(bits(config.stream_bits)),
                "alphabet": Out(1),
                "row": Out(config.row_address_bits),
                "slot": Out(config.slot_bits),
                "pointer": Out(config.pointer_depth.bit_length()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        longest = config.max_code_length
        index_bits = symbol_index_bits(config)
        m.submodules.symbols = symbols = BlockMemory(depth=2 << index_bits, width=self._symbol_bits)
        m.d.comb += symbols.write.eq(self.symbol_write)

        high = Signal(config.stream_bits)
        low = Signal(config.stream_bits)
        columns_left = Signal.like(self.columns)
        t_valid = Signal()
        t_kind = Signal(SymbolKind)
        t_last = Signal()
        fault = Signal()
        row_fault = Signal()

        # Every length is tried at once: each has its own comparison and its own index, and the shortest match is taken.
        # The window is a register: while its symbol is found, the bits of every possible next window are on their way.
        # A word that is not there yet is read from the input, which is where it comes from if it comes now.
        window = Signal(longest)
        next_high = Mux(self.high_valid, high, self.word.payload)
        next_low = Mux(self.low_valid, low, self.word.payload)
        first_bits = [*reversed(_bits_of(next_high)), *reversed(_bits_of(next_low)[1 - 2 * longest :])]
        ahead = Signal(2 * longest)
        m.d.comb += ahead.eq(Cat(*first_bits).bit_select(self.position, 2 * longest))
        limits = self.tables.limits[self.alphabet]
        deltas = self.tables.deltas[self.alphabet]
        below = Signal(longest)
        match = Signal(longest)
        indices = [Signal(DELTA_BITS, name=f"index_{length}") for length in range(1, longest + 1)]
        for at in range(longest):
            m.d.comb += [
                below[at].eq(window < limits[at]),
                match[at].eq(below[at] & ~below[:at].any()),
                indices[at].eq((window >> (longest - 1 - at)) + deltas[at]),
            ]
        found = Signal()
        length = Signal(range(longest + 1))
        index = Signal(DELTA_BITS)
        is_end = Signal()
        m.d.comb += [
            found.eq(below.any()),
            index.eq(
                Cat(*(_any([match[at] & indices[at][bit] for at in range(longest)]) for bit in range(DELTA_BITS)))
            ),
            length.eq(
                Cat(*(_any([match[at] for at in range(longest) if (at + 1) >> bit & 1]) for bit in range(len(length))))
            ),
            is_end.eq(
                (self.alphabet == RUN_ALPHABET)
                & _any([match[at] & (indices[at] == self.tables.end_index) for at in range(longest)])
            ),
        ]

        decoding = Signal()
        next_position = Signal(len(self.position) + 1)
        decodable = Signal()
        no_such_code = Signal()
        starved = Signal()
        moved = Signal()
        accepted = Signal()
        m.d.comb += [
            decoding.eq(self.running & self.high_valid & ~self.error),
            next_position.eq(self.position + length),
            decodable.eq(decoding & found & (self.low_valid | (next_position <= config.stream_bits))),
            no_such_code.eq(decoding & ~found & (self.low_valid | (self.position <= config.stream_bits - longest))),
            starved.eq(self.stream_ended & self.running & ~decodable),
            fault.eq(row_fault | no_such_code | starved),
            self.decoded.eq(decodable & ~row_fault),
            moved.eq(self.decoded & next_position[-1]),
            self.word.ready.eq(~self.low_valid | ~self.running),
            accepted.eq(self.word.valid & self.word.ready & self.running),
            self.busy.eq(self.running | t_valid),
            symbols.read_enable.eq(self.decoded),
            symbols.read_address.eq(Cat(index[:index_bits], self.alphabet)),
        ]

        next_window = Signal(longest)
        m.d.comb += next_window.eq(ahead)
        for at in range(longest):
            with m.If(decodable & match[at]):
                m.d.comb += next_window.eq(ahead[at + 1 :])
        m.d.sync += window.eq(Cat(*reversed(_bits_of(next_window))))

        with m.If(self.decoded):
            m.d.sync += [
                self.position.eq(next_position),
                self.alphabet.eq(Mux((self.alphabet == RUN_ALPHABET) & ~is_end, CODE_ALPHABET, RUN_ALPHABET)),
                t_last.eq(is_end & (columns_left == 1)),
            ]
            with m.If(is_end):
                m.d.sync += [t_kind.eq(SymbolKind.END), columns_left.eq(columns_left - 1)]
                with m.If(columns_left == 1):
                    m.d.sync += self.running.eq(0)
            with m.Elif(self.alphabet == RUN_ALPHABET):
                m.d.sync += t_kind.eq(SymbolKind.RUN)
            with m.Else():
                m.d.sync += t_kind.eq(SymbolKind.CODE)
        with m.If(moved):
            m.d.sync += [high.eq(low), self.high_valid.eq(self.low_valid), self.low_valid.eq(0)]
        with m.If(accepted):
            with m.If(~self.high_valid | moved):
                m.d.sync += [high.eq(self.word.payload), self.high_valid.eq(1)]
            with m.Else():
                m.d.sync += [low.eq(self.word.payload), self.low_valid.eq(1)]
        m.d.sync += t_valid.eq(self.decoded)
        with m.If(fault):
            m.d.sync += [self.error.eq(1), self.running.eq(0), t_valid.eq(0)]

        run = Signal(config.index_bits)
        row_buffer = Signal(config.row_bits)
        with_entry = Signal(config.row_bits)
        entry = Signal(config.entry_bits)
        row_done = Signal()
        m.d.comb += [
            entry.eq(Cat(symbols.read_data[: config.code_bits], run)),
            with_entry.eq(row_buffer),
            row_fault.eq(row_done & (self.row == config.sparse_matrix_depth)),
            self.row_write.valid.eq(row_done & ~fault),
            self.row_write.address.eq(self.row),
            self.row_write.data.eq(Mux(t_kind == SymbolKind.CODE, with_entry, row_buffer)),
            self.pointer_write.valid.eq(self.begin_codes | (t_valid & (t_kind == SymbolKind.END) & ~fault)),
            self.pointer_write.address.eq(self.pointer),
            self.pointer_write.data.eq(Cat(self.slot, self.row)),
        ]
        for slot in range(config.entries_per_row):
            with m.If(self.slot == slot):
                m.d.comb += with_entry[slot * config.entry_bits : (slot + 1) * config.entry_bits].eq(entry)
        with m.If(t_valid & (t_kind == SymbolKind.CODE)):
            m.d.comb += row_done.eq(self.slot == config.entries_per_row - 1)
        with m.If(t_valid & (t_kind == SymbolKind.END)):
            m.d.comb += row_done.eq(t_last & (self.slot != 0))
        with m.If(t_valid & ~fault):
            with m.If(t_kind == SymbolKind.RUN):
                m.d.sync += run.eq(symbols.read_data)
            with m.If(t_kind == SymbolKind.CODE):
                m.d.sync += [row_buffer.eq(with_entry), self.slot.eq(self.slot + 1)]
            with m.If(row_done):
                m.d.sync += [row_buffer.eq(0), self.slot.eq(0), self.row.eq(self.row + 1)]
        with m.If(self.pointer_write.valid):
            m.d.sync += self.pointer.eq(self.pointer + 1)

        with m.If(self.begin_codes):
            m.d.sync += [
                self.running.eq(1),
                self.high_valid.eq(0),
                self.low_valid.eq(0),
                self.position.eq(0),
                self.alphabet.eq(RUN_ALPHABET),
                columns_left.eq(self.columns),
            ]
        with m.If(self.load):
            m.d.sync += [row_buffer.eq(0), self.slot.eq(0), self.row.eq(0), self.pointer.eq(0)]
        return m
