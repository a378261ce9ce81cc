"""Huffman decoder of one PE: walks two binary trees, a bit of its code stream per cycle."""

from typing import NamedTuple

from model.config import ArrayConfig
from model.layouts import CODE_ALPHABET, RUN_ALPHABET, TREE_KIND_BITS, TreeKind, tree_address
from model.registers import PeError
from model.stepped.memory import SynchronousMemory
from model.stepped.parity import with_parity
from model.stepped.signals import Address, DecoderSignals, PeSignals


class Branch(NamedTuple):
    """A word of a tree, and which tree it is of."""

    kind: TreeKind
    value: int
    alphabet: int


class HuffmanDecoder:
    """A read of the tree memory per bit; it is acted on while the next bit is read, with `maps` the one after that."""

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._tree_mask = (1 << TREE_KIND_BITS + config.node_bits) - 1
        self.tree = SynchronousMemory(config.tree_words, 0)
        self.reset()

    def reset(self) -> None:
        self.running = False
        self.fresh = False
        self.walked = False
        self.acting: Branch | None = None  # with `maps`: the word of the tree that is acted on in this cycle
        self.word = 0
        self.bits_left = 0
        self.alphabet = RUN_ALPHABET
        self.columns_left = 0
        self.run = 0
        self.row_buffer = 0
        self.row = 0
        self.slot = 0
        self.pointer = 0
        self._signals: PeSignals | None = None

    @property
    def ready(self) -> bool:
        return self.bits_left == 0 or not self.running

    @property
    def kind(self) -> TreeKind:
        """What followed the bit that was read last."""
        return TreeKind(self.tree.output & (1 << TREE_KIND_BITS) - 1)

    @property
    def value(self) -> int:
        """The node or the symbol that followed the bit that was read last."""
        return self.tree.output >> TREE_KIND_BITS

    @property
    def branch(self) -> Branch | None:
        """What was read in the cycle before."""
        return Branch(self.kind, self.value, self.alphabet) if self.walked else None

    def settle(self, pe: PeSignals) -> DecoderSignals:
        """What happens in this cycle; an error voids everything else."""
        signals = DecoderSignals()
        if pe.loader.begin:
            signals.pointer_write = self._pointer_write()
        branch = self.acting if self._config.maps else self.branch
        if branch is not None:
            self._act(signals, branch)
        elif pe.loader.stream_ended and self.running and self.bits_left == 0 and not self.walked:
            signals.error = PeError.STREAM
        if signals.error != PeError.NONE:
            return DecoderSignals(error=signals.error)
        if self.running and self.bits_left > 0 and not signals.ended:
            alphabet, node = self._next_place()
            bit = self.word >> self._config.stream_bits - 1
            signals.tree_read = (alphabet, tree_address(self._config, alphabet, node, bit))
        return signals

    def _act(self, signals: DecoderSignals, branch: Branch) -> None:
        """What a word of the tree asks for."""
        config = self._config
        match branch.kind, branch.alphabet:
            case (TreeKind.NONE, _) | (TreeKind.END, 1):
                signals.error = PeError.CODE
            case TreeKind.SYMBOL, 0:
                signals.symbol = True
                signals.run = branch.value & config.max_run
            case TreeKind.SYMBOL, _:
                signals.symbol = True
                signals.entry = self.run << config.code_bits | branch.value & (config.code_symbols - 1)
                if self.slot == config.entries_per_row - 1:
                    self._write_row(signals, self._buffer_with(signals.entry))
            case TreeKind.END, _:
                signals.symbol = True
                signals.pointer_write = self._pointer_write()
                signals.ended = self.columns_left == 1
                if signals.ended and self.slot > 0:
                    self._write_row(signals, self.row_buffer)
            case _:
                pass

    def _pointer_write(self) -> Address:
        config = self._config
        pointer = self.row << config.slot_bits | self.slot
        return Address(self.pointer, with_parity(pointer, config.pointer_bits, config.parity))

    def _write_row(self, signals: DecoderSignals, data: int) -> None:
        config = self._config
        if self.row == config.sparse_matrix_depth:
            signals.error = PeError.MEMORY
        signals.row_write = Address(self.row, with_parity(data, config.row_bits, config.parity))

    def _buffer_with(self, entry: int) -> int:
        return self.row_buffer | entry << self.slot * self._config.entry_bits

    def _next_place(self) -> tuple[int, int]:
        """Alphabet and node at which the next bit of the stream is looked up."""
        if self.fresh or self.kind == TreeKind.END:
            return RUN_ALPHABET, 0
        if self.kind == TreeKind.NODE:
            return self.alphabet, self.value
        return CODE_ALPHABET - self.alphabet, 0

    def compute(self, pe: PeSignals) -> None:
        self._signals = pe
        if pe.decoder.tree_read is not None:
            self.tree.read(pe.decoder.tree_read[1])
        if pe.loader.tree_write is not None:
            address, data = pe.loader.tree_write
            self.tree.write(address, data & self._tree_mask)

    def commit(self) -> None:
        pe = self._signals
        if pe is None:
            return
        loader, decoder = pe.loader, pe.decoder
        was_running = self.running
        stops = decoder.error != PeError.NONE or decoder.ended
        self.acting = None if stops else self.branch
        self._commit_symbol(decoder)
        self._commit_step(decoder)
        if stops:
            self.running = False
            self.bits_left = 0
        elif pe.word is not None and was_running:
            self.word = pe.word
            self.bits_left = self._config.stream_bits
        if loader.begin:
            self.running = self.fresh = True
            self.bits_left = 0
            self.columns_left = loader.columns
        if loader.load:
            self.row = self.slot = self.pointer = self.row_buffer = 0
        self.tree.commit()

    def _commit_symbol(self, decoder: DecoderSignals) -> None:
        if decoder.run is not None:
            self.run = decoder.run
        if decoder.entry is not None:
            self.row_buffer = self._buffer_with(decoder.entry)
            self.slot += 1
        if decoder.row_write is not None:
            self.row += 1
            self.slot = 0
            self.row_buffer = 0
        if decoder.pointer_write is not None:
            self.pointer += 1
            self.columns_left -= 1

    def _commit_step(self, decoder: DecoderSignals) -> None:
        self.walked = decoder.tree_read is not None
        if decoder.tree_read is None:
            return
        self.alphabet = decoder.tree_read[0]
        self.word = self.word << 1 & (1 << self._config.stream_bits) - 1
        self.bits_left -= 1
        self.fresh = False
