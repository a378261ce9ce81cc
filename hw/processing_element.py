"""A processing element (PE): the units of this package, put in a row."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring

from hw.activation_memory import ActivationMemory
from hw.activation_queue import ActivationQueue
from hw.arithmetic_unit import ArithmeticUnit
from hw.huffman_decoder import HuffmanDecoder
from hw.interfaces import ProcessingElementSignature
from hw.issue import Issue, operation_layout
from hw.pe_counters import PeCounters
from hw.pointer_memory import PointerMemory
from hw.sparse_matrix_memory import SparseMatrixMemory
from hw.weight_lookup import WeightLookup
from model.config import ArrayConfig
from model.layouts import ACTIVATION_BITS
from model.registers import PeCounter


class ProcessingElement(wiring.Component):
    """One PE of the array; docs/architecture.md sections 5 and 7, EIE section IV.

    Latency: nine cycles from a write-back operation to the write of its output (stages A to O), two from the broadcast
    register to the queue. Throughput: an entry, or a write-back operation, per cycle; a symbol per cycle while loading.
    `counter` follows `counter_select` in the same cycle; without `pe_counters` it is 0.

    Parameters
    ----------
    config : sizes of the array.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(ProcessingElementSignature(config))

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.decoder = decoder = HuffmanDecoder(config)
        m.submodules.pointers = pointers = PointerMemory(config)
        m.submodules.queue = queue = ActivationQueue(config)
        m.submodules.issue = issue = Issue(config)
        m.submodules.sparse_matrix = sparse_matrix = SparseMatrixMemory(config)
        m.submodules.lookup = lookup = WeightLookup(config)
        m.submodules.arithmetic = arithmetic = ArithmeticUnit(config)
        m.submodules.activations = activations = ActivationMemory(config)

        wiring.connect(m, wiring.flipped(self.word), decoder.word)
        m.d.comb += [
            decoder.tables.eq(self.tables),
            decoder.symbol_write.eq(self.symbol_write),
            decoder.load.eq(self.load),
            decoder.begin_codes.eq(self.begin_codes),
            decoder.columns.eq(self.columns),
            decoder.stream_ended.eq(self.stream_ended),
            self.decoder_busy.eq(decoder.busy),
            self.decoder_error.eq(decoder.error),
            pointers.write.eq(decoder.pointer_write),
            sparse_matrix.write.eq(decoder.row_write),
            lookup.constant_write.eq(self.constant_write),
        ]

        p_valid = Signal()
        p_activation = Signal(ACTIVATION_BITS)
        p_skipped = Signal()
        if config.skip_empty_slices:
            m.d.comb += p_skipped.eq(p_valid & (pointers.start == pointers.end))
        m.d.comb += [
            pointers.read_enable.eq(self.broadcast.valid),
            pointers.read_address.eq(self.broadcast.pointer),
            queue.push.eq(p_valid & ~p_skipped),
            queue.tail.activation.eq(p_activation),
            queue.tail.start.eq(pointers.start),
            queue.tail.end.eq(pointers.end),
            self.full.eq(queue.count + p_valid + self.broadcast.valid >= config.queue_depth),
            self.queue_empty.eq((queue.count == 0) & ~p_valid),
        ]
        m.d.sync += [p_valid.eq(self.broadcast.valid), p_activation.eq(self.broadcast.activation)]

        m_valid = Signal()
        s_valid = Signal()
        d_valid = Signal()
        m_operation = Signal(operation_layout(config))
        s_operation = Signal(operation_layout(config))
        d_operation = Signal(operation_layout(config))
        m.d.comb += [
            issue.count.eq(queue.count),
            issue.head.eq(queue.head),
            queue.pop.eq(issue.pop),
            issue.begin_layer.eq(self.begin_layer),
            issue.layer.eq(self.layer),
            issue.write_back.eq(self.write_back),
            sparse_matrix.row_enable.eq(issue.row_enable),
            sparse_matrix.row_address.eq(issue.row_address),
            sparse_matrix.slot.eq(s_operation.slot),
        ]
        m.d.sync += [
            m_valid.eq(issue.valid),
            m_operation.eq(issue.operation),
            s_valid.eq(m_valid),
            s_operation.eq(m_operation),
            d_valid.eq(s_valid),
            d_operation.eq(s_operation),
        ]

        m.d.comb += [
            lookup.layer.eq(self.layer.layer),
            lookup.valid.eq(d_valid),
            lookup.write_back.eq(d_operation.write_back),
            lookup.first.eq(d_operation.first),
            lookup.code.eq(sparse_matrix.code),
            lookup.run.eq(sparse_matrix.run),
            lookup.row.eq(d_operation.row),
            lookup.address.eq(d_operation.address),
            lookup.operand.eq(d_operation.operand),
            arithmetic.valid.eq(lookup.x_valid),
            arithmetic.write_back.eq(lookup.x_write_back),
            arithmetic.row.eq(lookup.x_row),
            arithmetic.operand.eq(lookup.x_operand),
            arithmetic.constant.eq(lookup.x_constant),
            arithmetic.shift.eq(self.layer.shift),
            arithmetic.relu.eq(self.layer.relu),
            arithmetic.clear_overflow.eq(self.start),
            self.overflow.eq(arithmetic.overflow),
        ]

        m.d.comb += [
            activations.bank.eq(self.layer.bank),
            activations.input_write.eq(self.activation_write),
            activations.output_write.valid.eq(arithmetic.o_valid),
            activations.output_write.address.eq(arithmetic.o_row),
            activations.output_write.data.eq(arithmetic.o_value),
            activations.read.eq(self.read),
            activations.read_row.eq(self.read_row),
            activations.take.eq(self.take),
            activations.clear.eq(self.clear),
            self.pending.eq(activations.pending),
            self.current.eq(activations.current),
        ]

        debug = {
            **{
                f"decoder_{name}": getattr(decoder, name)
                for name in (
                    "running",
                    "high_valid",
                    "low_valid",
                    "position",
                    "alphabet",
                    "row",
                    "slot",
                    "pointer",
                    "error",
                )
            },
            "pending": activations.pending,
            "current": activations.current,
            "p_valid": p_valid,
            "queue_count": queue.count,
            "issue_started": issue.started,
            "issue_row": issue.row,
            "issue_slot": issue.slot,
            "m_valid": m_valid,
            "s_valid": s_valid,
            "d_valid": d_valid,
            "w_valid": lookup.w_valid,
            "x_valid": lookup.x_valid,
            **{name: getattr(arithmetic, name) for name in ("r_valid", "c_valid", "k_valid", "k_row", "k_sum")},
            **{name: getattr(arithmetic, name) for name in ("o_valid", "o_row", "o_value", "overflow")},
        }
        if config.pe_counters:
            m.submodules.counters = counters = PeCounters()
            events = {
                PeCounter.ENTRIES: issue.entry,
                PeCounter.FILLERS: lookup.filler,
                PeCounter.STARVED_CYCLES: self.computing & (queue.count == 0),
                PeCounter.EMPTY_SLICES: issue.empty_slice | p_skipped,
                PeCounter.ROW_READS: issue.row_enable,
                PeCounter.POINTER_READS: self.broadcast.valid,
                PeCounter.ACCUMULATOR_READS: lookup.x_valid,
                PeCounter.ACCUMULATOR_WRITES: arithmetic.k_valid,
                PeCounter.DECODED_SYMBOLS: decoder.decoded,
            }
            m.d.comb += [
                counters.events.eq(Cat(*(events[counter] for counter in PeCounter))),
                counters.start.eq(self.start),
                counters.load.eq(self.load),
                counters.select.eq(self.counter_select),
                self.counter.eq(counters.value),
            ]
            debug |= {counter.name.lower(): getattr(counters, counter.name.lower()) for counter in PeCounter}
        m.d.comb += [getattr(self.debug, name).eq(value) for name, value in debug.items()]
        return m
