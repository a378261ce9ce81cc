"""Central control unit: runs the loaded layers one after the other and sends the outputs."""

from collections.abc import Sequence

from model.config import ArrayConfig
from model.layouts import (
    COUNTER_BITS,
    FUNCTION_STAGES,
    RUNNING_STATES,
    UNLOADING_STATES,
    VALUE_BITS,
    ControlState,
    flush_cycles,
    patience_bits,
)
from model.loops import Offsets
from model.stepped.leading_nonzero import leading_nonzeros
from model.stepped.loader import Loader
from model.stepped.processing_element import ProcessingElement
from model.stepped.scan import ReadGenerator, ScanGenerator
from model.stepped.signals import Broadcast, ControlSignals, HostStrobes, LayerEntry, Selection, WriteBack
from model.stepped.write_back import WriteBackGenerator


class Controller:
    """`settle` gives the wires of this cycle from registers alone; the states are those of contract/architecture.md."""

    def __init__(self, config: ArrayConfig, loader: Loader, pes: Sequence[ProcessingElement]) -> None:
        self._config = config
        self._loader = loader
        self._pes = pes
        self._longest_patience = (1 << patience_bits(config)) - 1
        self._pointer_mask = (1 << (config.pointer_depth - 1).bit_length()) - 1
        self._flush_cycles = flush_cycles(config)
        self._reading = ReadGenerator(config)
        self._scan = ScanGenerator(config)
        self._writing = WriteBackGenerator(config)
        self.reset()

    def reset(self) -> None:
        self.state = ControlState.CLEAR
        self.layer = 0
        self.row = 0
        self.bank = 0
        self.group = 0
        self.flush = 0
        self.descriptor = LayerEntry()
        self.hold = False
        self.iteration = 0
        self.offsets = Offsets()
        self._behind: list[WriteBack | None] = [None] * self._flush_cycles  # of the cycles before
        self.read = False
        self.shift = False
        for generator in (self._reading, self._scan, self._writing):
            generator.reset()
        nothing = (None,) * self._config.broadcasts_per_cycle
        self.selection = Selection(nothing)
        self.broadcasts: tuple[Broadcast | None, ...] = nothing
        self.done = False
        self.cycles = 0
        self.broadcast_count = 0
        self.stalls = 0
        self.patience = 0
        self._signals: ControlSignals | None = None
        self._entry = LayerEntry()
        self._loaded_layers = 0
        self._drained = False
        self._next_selection = self.selection
        self._next_broadcasts = self.broadcasts

    def settle(self, strobes: HostStrobes, o_ready: bool) -> ControlSignals:
        """The wires of a cycle with those strobes and that output ready."""
        signals = ControlSignals(
            self.layer,
            self.bank,
            self.descriptor,
            self.read,
            self._reading.next_row,
            self.shift,
            self.selection,
            self.broadcasts,
            resume=strobes.resume,
            hold=strobes.hold,
            computing=self.state in (ControlState.BROADCAST, ControlState.DRAIN),
        )
        if self._config.functions:
            signals.finishing = self._behind[FUNCTION_STAGES]
        if strobes.start:
            signals.start = self.state == ControlState.IDLE and self._loader.waits and self._loader.loaded_layers > 0
            signals.start_rejected = not signals.start
        match self.state:
            case ControlState.PREFETCH_0:
                signals.begin_layer = True
                signals.table_read = self.layer
            case ControlState.PREFETCH_1:
                signals.then_read = True
            case ControlState.PREFETCH_2 | ControlState.UNLOAD_0 | ControlState.UNLOAD_1:
                signals.then_read = signals.then_shift = True
            case ControlState.PREFETCH_3:
                signals.take = signals.then_read = signals.then_shift = True
            case ControlState.BROADCAST:
                self._settle_broadcast(signals)
            case ControlState.CLEAR:
                signals.stores = not self._config.maps
                if self.flush == 0:
                    signals.write_back = self._writing.clearing(self.row)
            case ControlState.WRITE_BACK:
                signals.write_back = self._writing.operation(self.descriptor, self.row, self.offsets)
            case ControlState.FLUSH:
                signals.then_read = self.becomes_done and not self.hold
            case ControlState.UNLOAD:
                signals.send = self.output_valid and o_ready
                if signals.send and self.group == self._config.groups - 1 and self.row < self.descriptor.out_rows - 1:
                    signals.then_read = signals.then_shift = True
            case _:
                pass
        return signals

    def _settle_broadcast(self, signals: ControlSignals) -> None:
        pending = [pe.activation_memory.pending for pe in self._pes]
        if any(pending):
            signals.stall = any(pe.is_full(self.selection.valid_lanes) for pe in self._pes)
            if not signals.stall:
                most = self._config.pes if signals.local else self._config.broadcasts_per_cycle
                signals.selects = tuple(leading_nonzeros(pending, most))
        signals.exhausted = sum(pending) == len(signals.selects)
        if signals.exhausted and self.row < self.descriptor.in_rows - 1:
            signals.take = signals.then_read = signals.then_shift = True

    @property
    def next_row(self) -> int:
        """The local row that a read in this cycle reads."""
        return self._reading.next_row

    @property
    def _is_local(self) -> bool:
        return self.descriptor.map is not None and self.descriptor.map.local

    @property
    def fault(self) -> bool:
        """Whether the run is given up in this cycle: its queues have not moved for longer than they can take."""
        return self.patience == self._longest_patience

    @property
    def becomes_done(self) -> bool:
        """Whether the last FLUSH cycle of the last layer is now."""
        ends = self.state == ControlState.FLUSH and self.flush == self._flush_cycles - 1 and not self._repeats
        return ends and self.layer == self._loader.loaded_layers - 1

    @property
    def _repeats(self) -> bool:
        """Whether the layer ends a loop that goes on."""
        functions = self.descriptor.functions
        return functions is not None and functions.loops and self.iteration + 1 < functions.loop_count

    @property
    def output_valid(self) -> bool:
        return self.state == ControlState.UNLOAD and not self.shift

    @property
    def output_last(self) -> bool:
        return self.row == self.descriptor.out_rows - 1 and self.group == self._config.groups - 1

    @property
    def output_data(self) -> int:
        """One stream word: lane q in bits 16q+15:16q."""
        lanes = self._config.lanes
        pes = self._pes[self.group * lanes : (self.group + 1) * lanes]
        mask = (1 << VALUE_BITS) - 1
        return sum((pe.activation_memory.current & mask) << VALUE_BITS * lane for lane, pe in enumerate(pes))

    def compute(self, control: ControlSignals) -> None:
        self._signals = control
        if control.table_read is not None:
            self._loader.table.read(control.table_read)
        self._entry = self._loader.table.output
        self._loaded_layers = self._loader.loaded_layers
        coming = self.selection.valid_lanes + sum(broadcast is not None for broadcast in self.broadcasts)
        self._drained = coming == 0 and all(pe.queue_empty for pe in self._pes)
        lanes = control.selects[:1] if control.local else control.selects
        absent = self._config.broadcasts_per_cycle - len(lanes)
        scan = self._scan
        self._next_selection = Selection(lanes + (None,) * absent, scan.base, scan.y, scan.x)
        self._next_broadcasts = tuple(map(self._broadcast_of, self.selection.lanes))

    def _broadcast_of(self, pe: int | None) -> Broadcast | None:
        """What a lane of the select register brings to the broadcast register."""
        if pe is None:
            return None
        base, column = self.selection.base, 0 if self._is_local else pe
        activation = self._pes[pe].activation_memory.current
        return Broadcast(activation, (base + column) & self._pointer_mask, self.selection.y, self.selection.x)

    def commit(self) -> None:
        signals = self._signals
        if signals is None:
            return
        mask = (1 << COUNTER_BITS) - 1
        if self.state in RUNNING_STATES:
            self.cycles = (self.cycles + 1) & mask
        self.stalls = (self.stalls + signals.stall) & mask
        self.broadcast_count = (self.broadcast_count + (0 if signals.local else len(signals.selects))) & mask
        self.selection = self._next_selection
        self.broadcasts = self._next_broadcasts
        if self.read and self.state not in (ControlState.WRITE_BACK, ControlState.FLUSH):
            self._reading.step(self.descriptor, linear=self.state in UNLOADING_STATES)
        self.read, self.shift = signals.then_read, signals.then_shift
        waits = signals.stall or self.state == ControlState.DRAIN
        gives_up = self.fault
        coming = (
            self._behind[FUNCTION_STAGES - 1] if self._config.functions else None
        )  # in stage G from the next cycle on
        self._behind = [*self._behind[1:], signals.write_back]
        self.patience = (self.patience + 1) & self._longest_patience if waits else 0
        self._move(signals)
        if coming is not None and coming.block is not None and coming.block.product:
            self.read = True
            self._reading.point(coming.second)
        if gives_up:
            self.state = ControlState.IDLE

    def _move(self, signals: ControlSignals) -> None:
        """The state and what changes with it."""
        match self.state:
            case ControlState.CLEAR:
                self._clear()
            case ControlState.IDLE:
                if signals.start:
                    self._begin_run(signals)
            case ControlState.PREFETCH_0:
                self.state = ControlState.PREFETCH_1
            case ControlState.PREFETCH_1:
                self.descriptor = self._entry
                self._reading.begin(self._entry, self.offsets.source)
                self._scan.begin(self._entry)
                self.state = ControlState.PREFETCH_2
            case ControlState.PREFETCH_2:
                self.state = ControlState.PREFETCH_3
            case ControlState.PREFETCH_3:
                self.row = 0
                self.state = ControlState.BROADCAST
            case ControlState.BROADCAST:
                if signals.take:
                    self.row += 1
                    self._scan.step(self.descriptor)
                elif signals.exhausted:
                    self.state = ControlState.DRAIN
            case ControlState.DRAIN:
                if self._drained:
                    self.row = self.flush = 0
                    self._writing.begin(self.descriptor)
                    self.state = ControlState.FLUSH if self.descriptor.keep else ControlState.WRITE_BACK
            case ControlState.WRITE_BACK:
                self._writing.step(self.descriptor)
                self._next_write_back(self.descriptor.out_rows, ControlState.FLUSH)
            case ControlState.FLUSH:
                self._flush()
            case ControlState.UNLOAD_0:
                self.state = ControlState.UNLOAD_1
            case ControlState.UNLOAD_1:
                self.state = ControlState.UNLOAD_2
            case ControlState.UNLOAD_2:
                self.row = 0
                self.group = 0
                self.state = ControlState.UNLOAD
            case ControlState.UNLOAD:
                if signals.shift:
                    self.row += 1
                elif signals.send:
                    self._sent(signals)

    def _begin_run(self, signals: ControlSignals) -> None:
        self.state = ControlState.PREFETCH_0
        self.layer = 0
        self.done = False
        self.hold = signals.hold
        self.iteration, self.offsets = 0, Offsets()
        if signals.clears_counters:
            self.bank = 0
            self.cycles = self.broadcast_count = self.stalls = 0

    def _next_write_back(self, rows: int, after: ControlState) -> None:
        if self.row == rows - 1:
            self.state = after
        else:
            self.row += 1

    def _clear(self) -> None:
        """Rows first; with `maps` then until the last operation has left the pipeline."""
        if self.row < self._config.accumulators - 1:
            self.row += 1
        elif self._config.maps and self.flush < self._flush_cycles:
            self.flush += 1
        else:
            self.flush = 0
            self.state = ControlState.IDLE

    def _flush(self) -> None:
        self.flush += 1
        self._reading.rewind(self.descriptor)
        if self.flush < self._flush_cycles:
            return
        if not self.descriptor.keep and not self._config.maps:
            self.bank = 1 - self.bank
        functions = self.descriptor.functions
        if self._repeats and functions is not None:
            depth = self._config.activation_depth
            self.layer -= functions.loop_back
            self.iteration += 1
            self.offsets = Offsets(
                (self.offsets.source + functions.source_step) % depth,
                (self.offsets.result + functions.result_step) % depth,
            )
            self.state = ControlState.PREFETCH_0
            return
        if functions is not None and functions.loops:
            self.iteration, self.offsets = 0, Offsets()
        if self.layer == self._loaded_layers - 1:
            self.done = True
            self.state = ControlState.IDLE if self.hold else ControlState.UNLOAD_0
        else:
            self.layer += 1
            self.state = ControlState.PREFETCH_0

    def _sent(self, signals: ControlSignals) -> None:
        if self.group < self._config.groups - 1:
            self.group += 1
            return
        self.group = 0
        if not signals.then_shift:
            self.state = ControlState.IDLE
