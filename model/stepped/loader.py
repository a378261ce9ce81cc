"""Loader: takes the input stream apart and writes decoders, constants and input activations."""

from model.config import ArrayConfig
from model.layouts import (
    CODE_ALPHABET,
    DELTA_BITS,
    DESCRIPTOR_WORDS,
    LIMIT_BITS,
    RUN_ALPHABET,
    Descriptor,
    LoaderState,
    Opcode,
    symbol_index_bits,
)
from model.registers import Error
from model.stepped.memory import SynchronousMemory
from model.stepped.signals import Address, LaneWrite, LayerEntry, LoaderSignals, Tables

SECTION_AFTER = {
    LoaderState.DESCRIPTOR: LoaderState.CHECK,
    LoaderState.LIMITS: LoaderState.END_INDEX,
    LoaderState.END_INDEX: LoaderState.SYMBOLS,
    LoaderState.SYMBOLS: LoaderState.CODEBOOK,
    LoaderState.CODEBOOK: LoaderState.BIASES,
    LoaderState.BIASES: LoaderState.BEGIN,
    LoaderState.CODES: LoaderState.WAIT,
    LoaderState.INPUT: LoaderState.HEADER,
}


class LoaderInputs:
    """What the loader sees of the rest of the array in a cycle, all of it registers or array inputs."""

    __slots__ = ("any_busy", "any_error", "control_idle", "data", "ready_pes", "start", "start_rejected", "valid")

    def __init__(self) -> None:
        self.valid = False
        self.data = 0
        self.start = False
        self.control_idle = False
        self.ready_pes: list[bool] = []
        self.any_busy = False
        self.any_error = False
        self.start_rejected = False


class Loader:
    """One word per accepted cycle; `word` counts the accepted words of the current section."""

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._sizes = {
            LoaderState.DESCRIPTOR: DESCRIPTOR_WORDS,
            LoaderState.LIMITS: 2 * config.max_code_length,
            LoaderState.END_INDEX: 1,
            LoaderState.SYMBOLS: config.run_symbols + config.code_symbols,
            LoaderState.CODEBOOK: config.code_symbols,
        }
        self.table: SynchronousMemory[LayerEntry] = SynchronousMemory(config.layers, LayerEntry())
        self.reset()

    def reset(self) -> None:
        config = self._config
        self.state = LoaderState.HEADER
        self.error = Error.NONE
        self.loaded_layers = 0
        self.pointer_base = 0
        self.bias_base = config.bias_base
        self.word = 0
        self.input_rows = 0
        self.descriptor_words = [0] * DESCRIPTOR_WORDS
        self.tables = Tables(self._no_codes(), self._no_codes())
        self._inputs = LoaderInputs()
        self._signals: LoaderSignals | None = None

    def _no_codes(self) -> list[list[int]]:
        return [[0] * self._config.max_code_length for _ in range(2)]

    @property
    def waits(self) -> bool:
        """Whether the next word is a header."""
        return self.state == LoaderState.HEADER

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor.unpack(self.descriptor_words)

    def _size(self) -> int:
        """Words of the current section."""
        config = self._config
        match self.state:
            case LoaderState.BIASES:
                return self.descriptor.out_rows * config.groups
            case LoaderState.CODES:
                return self.descriptor.stream_words * config.pes
            case LoaderState.INPUT:
                return self.input_rows * config.groups
            case _:
                return self._sizes[self.state]

    def is_ready(self, inputs: LoaderInputs) -> bool:
        match self.state:
            case LoaderState.HEADER:
                return inputs.control_idle and not inputs.start
            case LoaderState.CHECK | LoaderState.BEGIN | LoaderState.WAIT:
                return False
            case LoaderState.CODES:
                return inputs.ready_pes[self.word % self._config.pes]
            case _:
                return True

    def settle(self, inputs: LoaderInputs) -> LoaderSignals:
        """The wires of this cycle."""
        self._inputs = inputs
        signals = LoaderSignals(self.tables)
        signals.ready = self.is_ready(inputs)
        signals.begin = self.state == LoaderState.BEGIN
        signals.columns = self.descriptor.columns if signals.begin else 0
        signals.stream_ended = self.state == LoaderState.WAIT
        if signals.ready and inputs.valid:
            signals.accepted = inputs.data
            self._settle_word(signals, inputs.data)
        return signals

    def _settle_word(self, signals: LoaderSignals, data: int) -> None:
        """Where the accepted word goes."""
        config = self._config
        row, group = divmod(self.word, config.groups)
        match self.state:
            case LoaderState.HEADER:
                signals.load = data & 0xFF == Opcode.LOAD
            case LoaderState.SYMBOLS:
                is_code = self.word >= config.run_symbols
                alphabet = CODE_ALPHABET if is_code else RUN_ALPHABET
                index = self.word - config.run_symbols * is_code
                signals.symbol_write = Address(alphabet << symbol_index_bits(config) | index, data)
            case LoaderState.CODEBOOK:
                address = self.loaded_layers << config.code_bits | self.word
                signals.constant_write = LaneWrite(address, None, data)
            case LoaderState.BIASES:
                signals.constant_write = LaneWrite(self.bias_base + row, group, data)
            case LoaderState.INPUT:
                signals.activation_write = LaneWrite(row, group, data)
            case LoaderState.CODES:
                signals.code_pe = self.word % config.pes
                signals.code_word = data
            case _:
                pass

    def compute(self, signals: LoaderSignals) -> None:
        self._signals = signals

    def commit(self) -> None:
        signals, inputs = self._signals, self._inputs
        if signals is None:
            return
        before = self.error
        if self.state in (LoaderState.CODES, LoaderState.WAIT) and inputs.any_error:
            self._fail(Error.CODE)
        elif self.state == LoaderState.CHECK:
            self._check()
        elif self.state == LoaderState.BEGIN:
            self.state = LoaderState.CODES
        elif self.state == LoaderState.WAIT:
            if not inputs.any_busy:
                self._finish_layer()
        elif signals.accepted is not None:
            self._accept(signals.accepted)
        if inputs.start_rejected and before == self.error == Error.NONE:
            self.error = Error.START
        self.table.commit()

    def _fail(self, error: Error) -> None:
        self.state = LoaderState.ERROR
        if self.error == Error.NONE:
            self.error = error

    def _accept(self, data: int) -> None:
        match self.state:
            case LoaderState.HEADER:
                self._accept_header(data & 0xFF, data >> 8 & 0xFFFFFF)
                return
            case LoaderState.ERROR:
                return
            case LoaderState.DESCRIPTOR:
                self.descriptor_words[self.word] = data & 0xFFFFFFFF
            case LoaderState.LIMITS:
                alphabet, length = divmod(self.word, self._config.max_code_length)
                self.tables.limits[alphabet][length] = data & ((1 << LIMIT_BITS) - 1)
                self.tables.deltas[alphabet][length] = data >> LIMIT_BITS & ((1 << DELTA_BITS) - 1)
            case LoaderState.END_INDEX:
                self.tables.end_index = data & ((1 << symbol_index_bits(self._config)) - 1)
            case _:
                pass
        self.word += 1
        if self.word == self._size():
            self.word = 0
            self.state = SECTION_AFTER[self.state]

    def _accept_header(self, opcode: int, count: int) -> None:
        match opcode:
            case Opcode.LOAD:
                self.loaded_layers = 0
                self.pointer_base = 0
                self.bias_base = self._config.bias_base
                if self.error == Error.START:
                    self.error = Error.NONE
            case Opcode.LAYER if self.loaded_layers == self._config.layers:
                self._fail(Error.LAYERS)
            case Opcode.LAYER:
                self.state = LoaderState.DESCRIPTOR
            case Opcode.INPUT if 1 <= count <= self._config.activation_depth:
                self.input_rows = count
                self.state = LoaderState.INPUT
            case Opcode.INPUT:
                self._fail(Error.INPUT)
            case _:
                self._fail(Error.OPCODE)

    def _check(self) -> None:
        layer, config = self.descriptor, self._config
        fits = (
            1 <= layer.in_rows <= config.activation_depth
            and 1 <= layer.out_rows <= config.activation_depth
            and layer.columns >= 1
            and layer.stream_words >= 1
            and self.pointer_base + layer.columns + 1 <= config.pointer_depth
            and self.bias_base + layer.out_rows <= config.constant_depth
        )
        if fits:
            self.state = LoaderState.LIMITS
        else:
            self._fail(Error.DESCRIPTOR)

    def _finish_layer(self) -> None:
        layer = self.descriptor
        entry = LayerEntry(
            in_rows=layer.in_rows,
            out_rows=layer.out_rows,
            shift=layer.shift,
            relu=layer.relu,
            bias_scale=layer.bias_scale,
            pointer_base=self.pointer_base,
            bias_base=self.bias_base,
        )
        self.table.write(self.loaded_layers, entry)
        self.loaded_layers += 1
        self.pointer_base += layer.columns + 1
        self.bias_base += layer.out_rows
        self.state = LoaderState.HEADER
