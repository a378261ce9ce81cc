"""A processing element (PE): the units of this package, put in a row."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring

from hw.interfaces import ProcessingElementSignature, driven_alike, layer_layout
from hw.pe.activation_memory import ActivationMemory
from hw.pe.activation_queue import ActivationQueue
from hw.pe.address_stages import AddressStages
from hw.pe.arithmetic_unit import ArithmeticUnit
from hw.pe.function_stages import FunctionStages
from hw.pe.huffman_decoder import HuffmanDecoder
from hw.pe.issue import Issue, operation_layout
from hw.pe.own_activation import OwnActivation
from hw.pe.pe_counters import PeCounters
from hw.pe.queue_level import QueueLevel
from hw.pe.slice_reader import SliceReader
from hw.pe.sparse_matrix_memory import SparseMatrixMemory
from hw.pe.weight_lookup import WeightLookup
from model.config import ArrayConfig
from model.registers import PeCounter, PeError


class ProcessingElement(wiring.Component):
    """One PE of the array; docs/contract/architecture.md sections 5 and 7, EIE section IV.

    Latency: nine cycles from a write-back operation to the write of its output (stages A to O), with `maps` fourteen,
    with `functions` nineteen (to Z); four from the broadcast register to the first entry. Throughput: an entry, or a
    write-back operation, per cycle; a bit of the code stream per cycle while loading. `counter` follows
    `counter_select` in the same cycle; without `pe_counters` it is 0.

    Parameters
    ----------
    config : sizes of the array.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(ProcessingElementSignature(config))
        self._decoder = HuffmanDecoder(config)
        self._readers = [SliceReader(config) for _ in range(config.broadcasts_per_cycle)]
        self._queue = ActivationQueue(config)
        self._level = QueueLevel(config)
        self._issue = Issue(config)
        self._sparse_matrix = SparseMatrixMemory(config)
        self._lookup = WeightLookup(config)
        self._arithmetic = ArithmeticUnit(config)
        self._activations = ActivationMemory(config)
        self._layer = self.layer
        if config.maps:
            self._own = OwnActivation(config)
            self._address = AddressStages(config)
        if config.functions:
            self._functions = FunctionStages(config)

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.decoder = self._decoder
        for lane, reader in enumerate(self._readers):
            m.submodules[f"slices_{lane}"] = reader
        m.submodules.queue = self._queue
        m.submodules.level = self._level
        m.submodules.issue = self._issue
        m.submodules.sparse_matrix = self._sparse_matrix
        m.submodules.lookup = self._lookup
        m.submodules.arithmetic = self._arithmetic
        m.submodules.activations = self._activations
        if config.maps:
            # It lies still while anything is under way, but where it comes from is far.
            self._layer = Signal(layer_layout(config), name="held_layer")
            m.d.sync += self._layer.eq(self.layer)
            m.submodules.own = self._own
            m.submodules.address_stages = self._address
            self._connect_own(m)
        if config.functions:
            m.submodules.function_stages = self._functions

        self._connect_decoder(m)
        arriving, skipped = self._connect_queue(m)
        valids = self._connect_pipeline(m)
        self._connect_activations(m)
        error = self._elaborate_error(m)
        debug = self._debug_values(error, valids)
        if config.pe_counters:
            debug |= self._elaborate_counters(m, arriving, skipped)
        m.d.comb += [getattr(self.debug, name).eq(value) for name, value in debug.items()]
        return m

    def _connect_decoder(self, m: Module):
        decoder = self._decoder
        wiring.connect(m, wiring.flipped(self.word), decoder.word)
        m.d.comb += [
            decoder.tree_write.eq(self.tree_write),
            decoder.load.eq(self.load),
            decoder.begin_codes.eq(self.begin_codes),
            decoder.columns.eq(self.columns),
            decoder.stream_ended.eq(self.stream_ended),
            self.decoder_busy.eq(decoder.busy),
            self._sparse_matrix.write.eq(decoder.row_write),
            self._lookup.constant_write.eq(self.constant_write),
        ]

    def _connect_queue(self, m: Module):
        """Stages B to Q. Gives two numbers: activations in stage B, slices that leave stage Q without entering."""
        lanes, queue, level, maps = len(self._readers), self._queue, self._level, self._config.maps
        arriving = Signal(range(lanes + 1))
        skipped = Signal(range(lanes + 1))
        for lane, reader in enumerate(self._readers):
            m.d.comb += [
                reader.write.eq(self._decoder.pointer_write),
                reader.broadcast.eq(self._own.lane if maps and lane == 0 else self.broadcast[lane]),
                queue.push[lane].eq(reader.push),
                queue.tails[lane].eq(reader.slice),
            ]
            if maps:
                m.d.comb += reader.place.eq(self.place)
        acting = [reader.broadcast.valid for reader in self._readers]
        m.d.comb += [
            arriving.eq(sum(acting if maps else (self.broadcast[lane].valid for lane in range(lanes)))),
            skipped.eq(sum(reader.skipped for reader in self._readers)),
            level.coming.eq(self.coming),
            *([] if maps else [level.pushed.eq(sum(reader.push for reader in self._readers))]),
            level.skipped.eq(skipped),
            level.done.eq(self._issue.done),
            self.full.eq(level.full),
            self.queue_empty.eq(level.empty),
        ]
        return arriving, skipped

    def _connect_own(self, m: Module):
        """Local mode: what stage B works on in place of the broadcast."""
        own = self._own
        m.d.comb += [
            own.local.eq(self._layer.geometry.local),
            own.selected.eq(self.clear),
            own.current.eq(self._activations.current),
            own.coming.eq(self.coming.any()),
            own.broadcast.eq(self.broadcast[0]),
            self._level.missed.eq(own.missed),
        ]

    def _connect_pipeline(self, m: Module) -> dict[str, Signal]:
        """Stages A to O. Gives which of the stages M, S, D hold an operation, by the names of the debug port."""
        config = self._config
        issue, sparse_matrix, lookup, arithmetic = self._issue, self._sparse_matrix, self._lookup, self._arithmetic
        m_valid = Signal()
        s_valid = Signal()
        d_valid = Signal()
        m_operation = Signal(operation_layout(config))
        s_operation = Signal(operation_layout(config))
        d_operation = Signal(operation_layout(config))
        m.d.comb += [
            issue.available.eq(self._queue.available),
            issue.head.eq(self._queue.head),
            self._queue.pop.eq(issue.pop),
            issue.begin_layer.eq(self.begin_layer),
            issue.layer.eq(self._layer),
            issue.write_back.eq(self.write_back),
            sparse_matrix.row_enable.eq(issue.row_enable),
            sparse_matrix.row_address.eq(issue.row_address),
            sparse_matrix.slot.eq(m_operation.slot),
            *([sparse_matrix.none.eq(m_operation.write_back)] if config.maps else []),
        ]
        m.d.sync += [
            m_valid.eq(issue.valid),
            m_operation.eq(issue.operation),
            s_valid.eq(m_valid),
            s_operation.eq(m_operation),
            d_valid.eq(s_valid),
            d_operation.eq(s_operation),
        ]
        operations = self._connect_address(m, d_operation) if config.maps else lookup
        m.d.comb += [
            lookup.layer.eq(self._layer.layer),
            *([] if config.maps else [lookup.out_rows.eq(self._layer.out_rows)]),
            lookup.valid.eq(d_valid),
            lookup.write_back.eq(d_operation.write_back),
            lookup.first.eq(d_operation.first),
            lookup.code.eq(sparse_matrix.code),
            lookup.run.eq(sparse_matrix.run),
            *([] if config.maps else [lookup.row.eq(d_operation.row)]),
            lookup.address.eq(d_operation.address),
            lookup.operand.eq(d_operation.operand),
            arithmetic.valid.eq(operations.x_valid),
            arithmetic.write_back.eq(operations.x_write_back),
            arithmetic.row.eq(operations.x_row),
            arithmetic.operand.eq(operations.x_operand),
            arithmetic.constant.eq(operations.x_constant),
            arithmetic.shift.eq(self._layer.shift),
            arithmetic.relu.eq(self._layer.relu),
            arithmetic.clear_overflow.eq(self.start),
            self.overflow.eq(arithmetic.overflow),
        ]
        return {"m_valid": m_valid, "s_valid": s_valid, "d_valid": d_valid}

    def _connect_address(self, m: Module, d_operation) -> AddressStages:
        """Stages W to U of `maps`."""
        lookup, address, geometry = self._lookup, self._address, self._layer.geometry
        passed = ("w_valid", "w_write_back", "w_row", "w_place", "w_operand", "w_constant")
        m.d.comb += [
            lookup.place.eq(d_operation.place),
            *driven_alike(passed, lookup, address),
            address.geometry.eq(geometry),
            address.out_rows.eq(self._layer.out_rows),
            self._arithmetic.maximum.eq(geometry.maximum),
            self._arithmetic.limit.eq(geometry.limit),
            self._arithmetic.clearing.eq(self.clearing),
        ]
        return address

    def _connect_activations(self, m: Module):
        activations, arithmetic = self._activations, self._arithmetic
        geometry = self._layer.geometry if self._config.maps else None
        valid, value, nonzero = arithmetic.o_valid, arithmetic.o_value, arithmetic.o_nonzero
        if self._config.functions:
            stages = self._functions
            m.d.comb += [
                stages.o_valid.eq(valid),
                stages.o_value.eq(value),
                stages.ending.eq(self.ending),
                stages.second.eq(activations.read_data),
            ]
            valid, value, nonzero = stages.l_valid, stages.l_value, stages.l_nonzero
        m.d.comb += [
            activations.bank.eq(self._layer.bank) if geometry is None else activations.positive.eq(geometry.positive),
            *([] if geometry is None else [activations.maximum.eq(geometry.maximum)]),
            activations.input_write.eq(self.activation_write),
            activations.output_write.valid.eq(valid),
            *([activations.output_write.address.eq(arithmetic.o_row)] if geometry is None else []),
            activations.output_write.data.eq(value),
            activations.output_nonzero.eq(nonzero),
            activations.read.eq(self.read),
            activations.read_row.eq(self.read_row),
            activations.shift.eq(self.shift),
            activations.take.eq(self.take),
            activations.clear.eq(self.clear),
            self.pending.eq(activations.pending),
            self.current.eq(activations.current),
        ]

    def _elaborate_error(self, m: Module) -> Signal:
        """The error register: of several causes in a cycle the one with the lowest number is kept."""
        decoder, sparse_matrix, readers = self._decoder, self._sparse_matrix, self._readers
        causes = {
            PeError.CODE: decoder.code_error,
            PeError.MEMORY: decoder.memory_error,
            PeError.STREAM: decoder.stream_error,
            PeError.ROW: self._address.row_error if self._config.maps else self._lookup.row_error,
            PeError.POINTER: Cat(reader.pointer_error for reader in readers).any(),
            PeError.PARITY: Cat(sparse_matrix.parity_error, *(reader.parity_error for reader in readers)).any(),
        }
        error = Signal(PeError)
        m.d.comb += self.error.eq(error)
        for cause in reversed(causes):
            with m.If((error == PeError.NONE) & causes[cause]):
                m.d.sync += error.eq(cause)
        return error

    def _elaborate_counters(self, m: Module, arriving, skipped) -> dict[str, Signal]:
        """The counters; gives their registers, by the names of the debug port."""
        issue, lookup = self._issue, self._lookup
        operations = self._address if self._config.maps else lookup
        m.submodules.counters = counters = PeCounters(most=len(self._readers))
        events = {
            PeCounter.ENTRIES: issue.entry,
            PeCounter.FILLERS: lookup.filler,
            PeCounter.STARVED_CYCLES: self.computing & ~issue.slice_valid,
            PeCounter.EMPTY_SLICES: issue.empty_slice + skipped,
            PeCounter.ROW_READS: issue.row_enable,
            PeCounter.POINTER_READS: arriving,
            PeCounter.ACCUMULATOR_READS: operations.x_valid,
            PeCounter.ACCUMULATOR_WRITES: self._arithmetic.k_valid,
            PeCounter.DECODED_SYMBOLS: self._decoder.decoded,
        }
        m.d.comb += [
            *(counters.events[counter].eq(events[counter]) for counter in PeCounter),
            counters.start.eq(self.start),
            counters.load.eq(self.load),
            counters.select.eq(self.counter_select),
            self.counter.eq(counters.value),
        ]
        return {counter.name.lower(): getattr(counters, counter.name.lower()) for counter in PeCounter}

    def _debug_values(self, error: Signal, valids: dict[str, Signal]) -> dict[str, Signal]:
        """The registers that the debug port shows, by their names there."""
        decoder, issue, arithmetic = self._decoder, self._issue, self._arithmetic
        if self._config.maps:
            own, address = self._own, self._address
            maps = {
                "own_valid": own.own_valid,
                "own_activation": own.own_activation,
                "issue_y": issue.place.y,
                "issue_x": issue.place.x,
                **{f"{stage}_valid": getattr(address, f"{stage}_valid") for stage in "etvu"},
                "x_valid": address.x_valid,
            }
        else:
            maps = {"x_valid": self._lookup.x_valid}
        o_row = self.activation_write.address if self._config.maps else arithmetic.o_row
        stored = {}
        if self._config.functions:
            stored = {
                "z_valid": self._functions.z_valid,
                "z_row": self._activations.stored_row,
                "z_value": self._activations.stored,
            }
            o_row = self.ending.row
        return {
            "decoder_running": decoder.busy,
            **{
                f"decoder_{name}": getattr(decoder, name)
                for name in ("bits_left", "fresh", "walked", "alphabet", "row", "slot", "pointer")
            },
            "error": error,
            "pending": self._activations.pending,
            "current": self._activations.current,
            **{
                f"{stage}_valid_{lane}": getattr(reader, f"{stage}_valid")
                for stage in "pq"
                for lane, reader in enumerate(self._readers)
            },
            "queue_count": self._queue.stored + issue.slice_valid if self._config.maps else self._level.count,
            "issue_valid": issue.slice_valid,
            "issue_empty": issue.slice_empty,
            "issue_row": issue.row,
            "issue_slot": issue.slot,
            **valids,
            "w_valid": self._lookup.w_valid,
            **maps,
            **{name: getattr(arithmetic, name) for name in ("r_valid", "c_valid", "k_valid", "k_row", "k_sum")},
            "o_valid": arithmetic.o_valid,
            "o_row": o_row,
            **stored,
            **{name: getattr(arithmetic, name) for name in ("o_value", "overflow")},
        }
