"""The Huffman decoder: turns a PE's code stream into sparse-matrix rows and column pointers while a layer is loaded."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.hdl import unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.block_memory import BlockMemory
from hw.interfaces import bits, tree_word_layout, write_layout
from model.config import ArrayConfig
from model.layouts import CODE_ALPHABET, RUN_ALPHABET, TREE_KIND_BITS, TreeKind


class HuffmanDecoder(wiring.Component):
    """Walks binary trees of Huffman codes; docs/contract/architecture.md section 5, Deep Compression section 3.

    Throughput: one bit of the stream per cycle, and one cycle per word to take it. Latency: a bit is acted on in the
    cycle after its read of the tree memory, with `maps` in the one after that; a row or pointer is written in the cycle
    after the bit that completes it was acted on.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    tree_write : the trees of the layer being loaded; they change only while not `busy`.
    load : a new network: row and pointer return to 0. Only while not `busy`.
    begin_codes, columns : a new layer of `columns` >= 1 slices. Only while not `busy`.
    word : the stream, first bit most significant; `word.ready` depends on registers alone. Words after the last
        symbol of a layer are accepted and discarded.
    stream_ended : no word comes in this cycle or later.
    busy : a layer is being decoded.
    code_error, memory_error, stream_error : happened in this cycle; the decoder then stops.
    decoded : a symbol is decoded in this cycle.
    row_write, pointer_write : the writes of this cycle to sparse-matrix and pointer memory.
    bits_left .. pointer : state for the debug port.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "tree_write": In(write_layout(bits(config.tree_words), TREE_KIND_BITS + config.node_bits)),
                "load": In(1),
                "begin_codes": In(1),
                "columns": In(bits(config.pointer_depth + 1)),
                "word": In(stream.Signature(unsigned(config.stream_bits))),
                "stream_ended": In(1),
                "busy": Out(1),
                "code_error": Out(1),
                "memory_error": Out(1),
                "stream_error": Out(1),
                "decoded": Out(1),
                "row_write": Out(write_layout(bits(config.sparse_matrix_depth), config.row_bits)),
                "pointer_write": Out(write_layout(bits(config.pointer_depth), config.pointer_bits)),
                "bits_left": Out(range(config.stream_bits + 1)),
                "fresh": Out(1),
                "walked": Out(1),
                "alphabet": Out(1),
                "row": Out(config.row_address_bits),
                "slot": Out(config.slot_bits),
                "pointer": Out(config.pointer_depth.bit_length()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.trees = trees = BlockMemory(depth=config.tree_words, width=TREE_KIND_BITS + config.node_bits)
        m.d.comb += trees.write.eq(self.tree_write)
        branch = Signal(tree_word_layout(config))
        m.d.comb += branch.as_value().eq(trees.read_data)
        step = Signal()
        stop = Signal()
        self._elaborate_walk(m, trees, branch, step, stop)
        self._elaborate_symbols(m, branch, step, stop)
        with m.If(stop):
            m.d.sync += [self.busy.eq(0), self.bits_left.eq(0), step.eq(0)]
        with m.If(self.begin_codes):
            m.d.sync += [self.busy.eq(1), self.fresh.eq(1)]
        # The slot is 0 and the row buffer empty here: the end of every layer leaves them so.
        with m.If(self.load):
            m.d.sync += [self.row.eq(0), self.pointer.eq(0)]
        return m

    def _elaborate_walk(self, m: Module, trees: BlockMemory, branch, step: Signal, stop: Signal):
        """Reads the tree memory, bit by bit."""
        config = self._config
        width = config.stream_bits
        # A step, in every cycle with bits left, reads the tree memory. That of the cycle in which the decoder stops is
        # not acted on.
        word = Signal(width)
        next_alphabet = Signal()
        next_node = Signal(config.node_bits)
        m.d.comb += [
            next_node.eq(Mux((branch.kind == TreeKind.NODE) & ~self.fresh, branch.value, 0)),
            trees.read_enable.eq(step),
            trees.read_address.eq(Cat(word[-1], next_node, next_alphabet)),
            self.word.ready.eq(~step | ~self.busy),
        ]
        with m.If(~self.fresh), m.Switch(branch.kind):
            with m.Case(TreeKind.NODE):
                m.d.comb += next_alphabet.eq(self.alphabet)
            with m.Case(TreeKind.SYMBOL):
                m.d.comb += next_alphabet.eq(~self.alphabet)
        m.d.sync += [
            self.walked.eq(step & ~stop),
            word.eq(Mux(step, word << 1, self.word.payload)),
        ]
        with m.If(step):
            m.d.sync += [
                self.alphabet.eq(next_alphabet),
                self.fresh.eq(0),
                self.bits_left.eq(self.bits_left - 1),
                step.eq(self.bits_left != 1),
            ]
        with m.Elif(self.word.valid & self.busy):
            m.d.sync += [self.bits_left.eq(width), step.eq(1)]

    def _elaborate_symbols(self, m: Module, branch, step: Signal, stop: Signal):
        """What was read is acted on."""
        config = self._config
        if not config.maps:
            self._elaborate_actions(m, branch, self.walked, self.alphabet, self.walked, step, stop)
            return
        # The memory's output is late in its cycle: it is acted on behind a register.
        acts = Signal()
        read = Signal(tree_word_layout(config))
        alphabet = Signal()
        m.d.sync += [acts.eq(self.walked & ~stop), read.eq(branch), alphabet.eq(self.alphabet)]
        self._elaborate_actions(m, read, acts, alphabet, self.walked | acts, step, stop)

    def _elaborate_actions(self, m: Module, branch, acts, alphabet, under_way, step: Signal, stop: Signal):
        """In a cycle with `acts`, the word that was read of a tree of `alphabet`."""
        config = self._config
        # Rows are finished two cycles or more apart: there is time to compare their number.
        row_full = Signal()
        last_slot = Signal()
        run_symbol = Signal()
        code_symbol = Signal()
        end_symbol = Signal()
        last_end = Signal()
        partial_row = Signal()
        columns_left = Signal(len(self.columns) + 1)  # minus 2, so that its sign says that it is one
        m.d.sync += row_full.eq(self.row == config.sparse_matrix_depth)
        m.d.comb += [
            last_slot.eq(self.slot == config.entries_per_row - 1),
            run_symbol.eq(acts & (branch.kind == TreeKind.SYMBOL) & (alphabet == RUN_ALPHABET)),
            code_symbol.eq(acts & (branch.kind == TreeKind.SYMBOL) & (alphabet == CODE_ALPHABET) & ~self.memory_error),
            end_symbol.eq(acts & (branch.kind == TreeKind.END) & (alphabet == RUN_ALPHABET) & ~self.memory_error),
            last_end.eq(end_symbol & columns_left[-1]),
            partial_row.eq(columns_left[-1] & self.slot.any()),
            self.decoded.eq(run_symbol | code_symbol | end_symbol),
            self.code_error.eq(
                acts & ((branch.kind == TreeKind.NONE) | ((branch.kind == TreeKind.END) & (alphabet == CODE_ALPHABET)))
            ),
            self.memory_error.eq(
                acts
                & row_full
                & Mux(
                    alphabet == CODE_ALPHABET,
                    (branch.kind == TreeKind.SYMBOL) & last_slot,
                    (branch.kind == TreeKind.END) & partial_row,
                )
            ),
            self.stream_error.eq(self.stream_ended & self.busy & ~step & ~under_way),
            stop.eq(last_end | self.code_error | self.memory_error | self.stream_error),
        ]

        row_done = Signal()
        m.d.comb += row_done.eq((code_symbol & last_slot) | (last_end & partial_row))
        self._elaborate_rows(m, branch, run_symbol, code_symbol, end_symbol, row_done)
        with m.If(self.begin_codes | end_symbol):
            m.d.sync += [
                self.pointer.eq(self.pointer + 1),
                columns_left.eq(Mux(self.begin_codes, self.columns, columns_left) - Mux(self.begin_codes, 2, 1)),
            ]

    def _elaborate_rows(self, m: Module, branch, run_symbol, code_symbol, end_symbol, row_done):
        """Gathers entries into rows; writes rows and pointers."""
        config = self._config
        # The row is written from its buffer, in the cycle after the one that finished it, with the place of that cycle.
        row_buffer = Signal(config.entries_per_row * config.entry_bits)
        run = Signal(config.index_bits)
        m.d.sync += [
            self.row_write.valid.eq(row_done),
            self.row_write.address.eq(self.row),
            self.pointer_write.valid.eq(self.begin_codes | end_symbol),
            self.pointer_write.address.eq(self.pointer),
            self.pointer_write.data.eq(Cat(self.slot, self.row)),
        ]
        m.d.comb += self.row_write.data.eq(row_buffer)
        with m.If(run_symbol):
            m.d.sync += run.eq(branch.value)
        with m.If(code_symbol):
            m.d.sync += self.slot.eq(self.slot + 1)
        for slot in range(config.entries_per_row):
            with m.If(code_symbol & (self.slot == slot)):
                m.d.sync += row_buffer.word_select(slot, config.entry_bits).eq(
                    Cat(branch.value[: config.code_bits], run)
                )
        with m.If(self.row_write.valid):
            m.d.sync += row_buffer.eq(0)
        with m.If(row_done):
            m.d.sync += [self.slot.eq(0), self.row.eq(self.row + 1)]
