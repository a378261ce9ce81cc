"""Huffman decoder of one PE: turns its code stream into sparse-matrix rows and pointers, a symbol per cycle."""

from enum import IntEnum

from model.config import ArrayConfig
from model.layouts import CODE_ALPHABET, DELTA_BITS, RUN_ALPHABET, symbol_index_bits
from model.stepped.memory import SynchronousMemory
from model.stepped.signals import Address, DecoderSignals, PeSignals


class Kind(IntEnum):
    RUN = 0
    CODE = 1
    END = 2


class HuffmanDecoder:
    """Two stages: find and consume a codeword; use its symbol, which the symbol memory gives one cycle later."""

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._index_bits = symbol_index_bits(config)
        self._symbol_mask = (1 << max(config.code_bits, config.index_bits)) - 1
        self.symbols = SynchronousMemory(2 << self._index_bits, 0)
        self.reset()

    def reset(self) -> None:
        self.running = False
        self.high = 0
        self.low = 0
        self.high_valid = False
        self.low_valid = False
        self.position = 0
        self.alphabet = RUN_ALPHABET
        self.columns_left = 0
        self.t_valid = False
        self.t_kind = Kind.RUN
        self.t_last = False
        self.run = 0
        self.row_buffer = 0
        self.row = 0
        self.slot = 0
        self.pointer = 0
        self.error = False
        self._signals: PeSignals | None = None

    @property
    def ready(self) -> bool:
        return not self.low_valid or not self.running

    @property
    def busy(self) -> bool:
        return self.running or self.t_valid

    def settle(self, pe: PeSignals) -> DecoderSignals:
        """What happens in this cycle; an error voids everything else."""
        loader = pe.loader
        signals = DecoderSignals()
        if loader.begin:
            signals.pointer_write = Address(self.pointer, self.row << self._config.slot_bits)
        if not self.busy:
            return signals
        self._find(pe, signals)
        if self.running and loader.stream_ended and signals.length == 0:
            signals.error = True
        if self.t_valid:
            self._use(signals)
        if signals.error:
            return DecoderSignals(error=True)
        return signals

    def _find(self, pe: PeSignals, signals: DecoderSignals) -> None:
        """First stage: the shortest codeword at the head of the stream."""
        if not (self.running and self.high_valid) or self.error:
            return
        width = self._config.stream_bits
        longest = self._config.max_code_length
        tables = pe.loader.tables
        words = self.high << width | self.low
        window = words >> (2 * width - self.position - longest) & ((1 << longest) - 1)
        length = next((at for at, limit in enumerate(tables.limits[self.alphabet], 1) if window < limit), None)
        if length is None:
            signals.error = self.low_valid or self.position + longest <= width
            return
        if self.position + length > width and not self.low_valid:
            return
        prefix = window >> (longest - length)
        signals.length = length
        signals.index = (prefix + tables.deltas[self.alphabet][length - 1]) % (1 << DELTA_BITS)
        signals.end = self.alphabet == RUN_ALPHABET and signals.index == tables.end_index
        in_alphabet = signals.index & ((1 << self._index_bits) - 1)
        signals.symbol_read = self.alphabet << self._index_bits | in_alphabet

    def _use(self, signals: DecoderSignals) -> None:
        """Second stage: what its symbol writes."""
        config = self._config
        row_full = self.t_kind == Kind.CODE and self.slot == config.entries_per_row - 1
        row_flushed = self.t_kind == Kind.END and self.t_last and self.slot > 0
        if row_full or row_flushed:
            signals.error |= self.row == config.sparse_matrix_depth
            signals.row_write = Address(self.row, self._buffer() if row_full else self.row_buffer)
        if self.t_kind == Kind.END:
            signals.pointer_write = Address(self.pointer, self.row << config.slot_bits | self.slot)

    def _buffer(self) -> int:
        """The row buffer with the entry that the code of this cycle completes."""
        config = self._config
        code = self.symbols.output & (config.code_symbols - 1)
        return self.row_buffer | (self.run << config.code_bits | code) << self.slot * config.entry_bits

    def compute(self, pe: PeSignals) -> None:
        self._signals = pe
        if pe.decoder.symbol_read is not None:
            self.symbols.read(pe.decoder.symbol_read)
        if pe.loader.symbol_write is not None:
            address, data = pe.loader.symbol_write
            self.symbols.write(address, data & self._symbol_mask)

    def commit(self) -> None:
        pe = self._signals
        if pe is None:
            return
        loader, decoder = pe.loader, pe.decoder
        was_running, buffer = self.running, self._buffer()
        if decoder.error:
            self.error = True
            self.running = False
            self.t_valid = False
        else:
            self._commit_second_stage(decoder, buffer)
            self._commit_first_stage(decoder)
        if pe.word is not None and was_running:
            if self.high_valid:
                self.low, self.low_valid = pe.word, True
            else:
                self.high, self.high_valid = pe.word, True
        if loader.begin:
            self.running = True
            self.high_valid = self.low_valid = False
            self.position = 0
            self.alphabet = RUN_ALPHABET
            self.columns_left = loader.columns
            self.pointer += 1
        if loader.load:
            self.row = self.slot = self.pointer = self.row_buffer = 0
        self.symbols.commit()

    def _commit_second_stage(self, decoder: DecoderSignals, buffer: int) -> None:
        if not self.t_valid:
            return
        if self.t_kind == Kind.RUN:
            self.run = self.symbols.output & self._config.max_run
        elif self.t_kind == Kind.CODE:
            self.row_buffer = buffer
            self.slot += 1
        else:
            self.pointer += 1
        if decoder.row_write is not None:
            self.row += 1
            self.slot = 0
            self.row_buffer = 0

    def _commit_first_stage(self, decoder: DecoderSignals) -> None:
        self.t_valid = decoder.length > 0
        if not self.t_valid:
            return
        self.t_last = False
        if decoder.end:
            self.t_kind = Kind.END
            self.t_last = self.columns_left == 1
            self.running = not self.t_last
            self.columns_left -= 1
        elif self.alphabet == RUN_ALPHABET:
            self.t_kind = Kind.RUN
            self.alphabet = CODE_ALPHABET
        else:
            self.t_kind = Kind.CODE
            self.alphabet = RUN_ALPHABET
        self.position += decoder.length
        if self.position >= self._config.stream_bits:
            self.position -= self._config.stream_bits
            self.high, self.high_valid, self.low_valid = self.low, self.low_valid, False
