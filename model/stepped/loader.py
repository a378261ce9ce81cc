"""Loader: takes the input stream apart and writes decoders, constants and input activations."""

from model.config import ArrayConfig
from model.function_descriptor import FunctionDescriptor
from model.layouts import CHECK_CYCLES, Descriptor, LoaderState, Opcode, descriptor_words
from model.map_descriptor import MapDescriptor
from model.registers import Error, PeError
from model.stepped.memory import SynchronousMemory
from model.stepped.signals import Address, LaneWrite, LayerEntry, LoaderSignals, Word

SECTION_AFTER = {
    LoaderState.DESCRIPTOR: LoaderState.CHECK,
    LoaderState.TREE: LoaderState.CODEBOOK,
    LoaderState.CODEBOOK: LoaderState.BIASES,
    LoaderState.BIASES: LoaderState.BEGIN,
    LoaderState.CODES: LoaderState.WAIT,
    LoaderState.INPUT: LoaderState.HEADER,
}
PACKET_ENDS = (LoaderState.WAIT, LoaderState.HEADER)


class LoaderInputs:
    """What the loader sees of the rest of the array in a cycle, all of it registers or array inputs."""

    __slots__ = ("any_busy", "control_fault", "control_idle", "errors", "ready_pes", "start", "start_rejected", "word")

    def __init__(self) -> None:
        self.word: Word | None = None
        self.start = False
        self.control_idle = False
        self.control_fault = False
        self.ready_pes: list[bool] = []
        self.any_busy = False
        self.errors: list[PeError] = []
        self.start_rejected = False


class Loader:
    """One word per accepted cycle; `word` counts the accepted words of the current section, and the cycles of CHECK."""

    def __init__(self, config: ArrayConfig) -> None:
        self._config = config
        self._sizes = {
            LoaderState.DESCRIPTOR: descriptor_words(config),
            LoaderState.TREE: config.tree_words,
            LoaderState.CODEBOOK: config.code_symbols,
        }
        no_map = MapDescriptor.unpack([0] * descriptor_words(config)) if config.maps else None
        no_functions = FunctionDescriptor() if config.functions else None
        self.table = SynchronousMemory(config.layers, LayerEntry(map=no_map, functions=no_functions))
        self.reset()

    def reset(self) -> None:
        self.loaded_layers: int = 0
        self.pointer_base: int = 0
        self.bias_base: int = self._config.bias_base
        self._reset_work()
        self.sealed = False
        self._before = (self.loaded_layers, self.pointer_base, self.bias_base)

    def soft_reset(self) -> None:
        """As `reset`, but the layers loaded before this cycle stay, and no more come before a LOAD packet."""
        self.loaded_layers, self.pointer_base, self.bias_base = self._before
        self._reset_work()
        self.sealed = True

    def _reset_work(self) -> None:
        self.state = LoaderState.HEADER
        self.error = Error.NONE
        self.error_pe = 0
        self.load = False
        self.loop_floor = 0
        self.word = 0
        self.input_rows = 0
        self.descriptor_words = [0] * descriptor_words(self._config)
        self._inputs = LoaderInputs()
        self._signals: LoaderSignals | None = None

    @property
    def waits(self) -> bool:
        """Whether the next word is a header."""
        return self.state == LoaderState.HEADER

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor.unpack(self.descriptor_words)

    @property
    def map(self) -> MapDescriptor | None:
        return MapDescriptor.unpack(self.descriptor_words) if self._config.maps else None

    @property
    def functions(self) -> FunctionDescriptor | None:
        return FunctionDescriptor.unpack(self.descriptor_words) if self._config.functions else None

    @property
    def bias_rows(self) -> int:
        """Local rows of the BIASES section, if there is one."""
        geometry = self.map
        return self.descriptor.out_rows if geometry is None else geometry.out_channels

    def _size(self) -> int:
        """Words of the current section."""
        config = self._config
        match self.state:
            case LoaderState.BIASES:
                return self.bias_rows * config.groups
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
        signals = LoaderSignals()
        signals.ready = self.is_ready(inputs)
        signals.begin = self.state == LoaderState.BEGIN
        signals.columns = self.columns if signals.begin else 0
        signals.stream_ended = self.state == LoaderState.WAIT
        signals.load = self.load
        if signals.ready and inputs.word is not None:
            signals.accepted = inputs.word
            self._settle_word(signals, inputs.word.data)
        return signals

    def _settle_word(self, signals: LoaderSignals, data: int) -> None:
        """Where the accepted word goes."""
        config = self._config
        row, group = divmod(self.word, config.groups)
        match self.state:
            case LoaderState.TREE:
                signals.tree_write = Address(self.word, data)
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
        self._before = (self.loaded_layers, self.pointer_base, self.bias_base)

    def commit(self) -> None:
        signals, inputs = self._signals, self._inputs
        if signals is None:
            return
        before = self.error
        accepted = signals.accepted
        at_header = self.state == LoaderState.HEADER
        self.load = at_header and accepted is not None and accepted.data & 0xFF == Opcode.LOAD
        reporter = next((pe for pe, error in enumerate(inputs.errors) if error != PeError.NONE), None)
        if self.state == LoaderState.ERROR:
            pass
        elif reporter is not None:
            self._fail(Error[inputs.errors[reporter].name], reporter)
        elif self.state == LoaderState.CHECK:
            self._check()
        elif self.state == LoaderState.BEGIN:
            self.state = LoaderState.CODES
        elif self.state == LoaderState.WAIT:
            if not inputs.any_busy:
                self._finish_layer()
        elif accepted is not None:
            self._accept(accepted)
        if inputs.control_fault and self.state != LoaderState.ERROR:
            self._fail(Error.FAULT)
        if inputs.start_rejected and before == self.error == Error.NONE:
            self.error = Error.START
        self.table.commit()

    def _fail(self, error: Error, pe: int = 0) -> None:
        self.state = LoaderState.ERROR
        self.error = error
        self.error_pe = pe

    def _accept(self, word: Word) -> None:
        if self.state == LoaderState.HEADER:
            self._accept_header(word)
            return
        if self.state == LoaderState.DESCRIPTOR:
            self.descriptor_words[self.word] = word.data & 0xFFFFFFFF
        self.word += 1
        if self.word == self._size():
            self.word = 0
            self.state = SECTION_AFTER[self.state]
            if self.state == LoaderState.BIASES and self.descriptor.keep:
                self.state = LoaderState.BEGIN
        if word.last and not (self.word == 0 and self.state in PACKET_ENDS):
            self._fail(Error.TRUNCATED)

    def _accept_header(self, word: Word) -> None:
        opcode, count = word.data & 0xFF, word.data >> 8 & 0xFFFFFF
        match opcode:
            case Opcode.LOAD:
                self.loaded_layers = 0
                self.pointer_base = 0
                self.bias_base = self._config.bias_base
                self.loop_floor = 0
                self.sealed = False
                self.error = Error.NONE
            case Opcode.LAYER if self.sealed or self.loaded_layers == self._config.layers:
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
        if word.last and self.state in (LoaderState.DESCRIPTOR, LoaderState.INPUT):
            self._fail(Error.TRUNCATED)

    @property
    def columns(self) -> int:
        """Of the layer being loaded."""
        geometry = self.map
        return self.descriptor.in_rows * self._config.pes if geometry is None else geometry.columns

    @property
    def biases(self) -> int:
        """Bias words of the layer being loaded in every PE."""
        return 0 if self.descriptor.keep else self.bias_rows

    def _check(self) -> None:
        self.word += 1
        if self.word < CHECK_CYCLES:
            return
        self.word = 0
        layer, config = self.descriptor, self._config
        fits = (
            layer.in_rows >= 1
            and 1 <= layer.out_rows <= config.accumulators
            and self._rows_fit(layer)
            and layer.stream_words >= 1
            and layer.shift < config.accumulator_bits
            and self.pointer_base + self.columns + 1 <= config.pointer_depth
            and self.bias_base + self.biases <= config.constant_depth
            and self._loop_fits()
        )
        if fits:
            self.state = LoaderState.TREE
        else:
            self._fail(Error.DESCRIPTOR)

    def _rows_fit(self, layer: Descriptor) -> bool:
        """Whether source and output have rows enough; with `maps` addresses wrap."""
        if self.map is None:
            return layer.first_row + layer.in_rows <= self._config.activation_depth
        in_range = layer.in_rows <= self._config.activation_depth
        return in_range and 1 <= self.map.out_channels <= layer.out_rows and self.map.columns >= 1

    def _loop_fits(self) -> bool:
        """Whether a loop that the layer ends begins behind the loop before it."""
        functions = self.functions
        if functions is None or not functions.loops:
            return True
        return functions.loop_back <= self.loaded_layers - self.loop_floor

    def _finish_layer(self) -> None:
        layer = self.descriptor
        entry = LayerEntry(
            in_rows=layer.in_rows,
            out_rows=layer.out_rows,
            first_row=layer.first_row,
            shift=layer.shift,
            relu=layer.relu,
            keep=layer.keep,
            bias_scale=layer.bias_scale,
            pointer_base=self.pointer_base,
            bias_base=self.bias_base,
            map=self.map,
            functions=self.functions,
        )
        self.table.write(self.loaded_layers, entry)
        self.loaded_layers += 1
        if entry.functions is not None and entry.functions.loops:
            self.loop_floor = self.loaded_layers
        self.pointer_base += self.columns + 1
        self.bias_base += self.biases
        self.state = LoaderState.HEADER
