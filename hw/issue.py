"""Issue, stage A of a PE: walks the slice at the head of the activation queue, one entry per cycle."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.activation_queue import queue_layout
from hw.interfaces import bits, layer_layout, write_back_layout
from hw.pointer_memory import pointer_layout
from model.config import ArrayConfig
from model.layouts import ACTIVATION_BITS


def operation_layout(config: ArrayConfig) -> data.StructLayout:
    """An operation on its way to the arithmetic unit: an entry, or with `write_back` the write-back of a row.

    `first` (of its slice) and `slot` belong to entries; `row` and the constant-memory `address` of the bias to
    write-backs; `operand` is the entry's activation or the write-back's bias scale.
    """
    return data.StructLayout(
        {
            "write_back": 1,
            "first": 1,
            "slot": config.slot_bits,
            "operand": ACTIVATION_BITS,
            "row": bits(config.activation_depth),
            "address": bits(config.constant_depth),
        }
    )


class Issue(wiring.Component):
    """Issues the entries of the queue's slices in order, and write-back operations while the queue is empty.

    Latency: none, `operation` belongs to the queue head of the same cycle. Throughput: one operation per cycle; an
    empty slice takes a cycle of its own.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    count, head, pop : the activation queue.
    begin_layer : forget which sparse-matrix row is held.
    layer, write_back : the layer being run and the write-back operation of this cycle; only with count = 0.
    row_enable, row_address : sparse-matrix row to be read.
    valid, operation : the operation issued in this cycle.
    entry, empty_slice : what this cycle did, for the counters.
    started, row, slot : position inside a slice, for the debug port.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "count": In(config.queue_depth.bit_length()),
                "head": In(queue_layout(config)),
                "pop": Out(1),
                "begin_layer": In(1),
                "layer": In(layer_layout(config)),
                "write_back": In(write_back_layout(config)),
                "row_enable": Out(1),
                "row_address": Out(bits(config.sparse_matrix_depth)),
                "valid": Out(1),
                "operation": Out(operation_layout(config)),
                "entry": Out(1),
                "empty_slice": Out(1),
                "started": Out(1),
                "row": Out(config.row_address_bits),
                "slot": Out(config.slot_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        at = Signal(pointer_layout(config))
        after = Signal(pointer_layout(config))
        held_row = Signal(config.row_address_bits)
        held_valid = Signal()
        not_empty = Signal()
        last = Signal()
        m.d.comb += [
            not_empty.eq(self.count != 0),
            self.empty_slice.eq(not_empty & (self.head.start == self.head.end)),
            self.entry.eq(not_empty & (self.head.start != self.head.end)),
            at.as_value().eq(Mux(self.started, Cat(self.slot, self.row), self.head.start)),
            last.eq(after == self.head.end),
            self.pop.eq(self.empty_slice | (self.entry & last)),
            self.row_enable.eq(self.entry & ~(held_valid & (at.row == held_row))),
            self.row_address.eq(at.row),
            self.valid.eq(self.entry | self.write_back.valid),
            self.operation.write_back.eq(self.write_back.valid),
            self.operation.first.eq(~self.started),
            self.operation.slot.eq(at.slot),
            self.operation.operand.eq(Mux(self.write_back.valid, self.layer.bias_scale, self.head.activation)),
            self.operation.row.eq(self.write_back.row),
            self.operation.address.eq(self.write_back.address),
        ]
        with m.If(at.slot == config.entries_per_row - 1):
            m.d.comb += [after.slot.eq(0), after.row.eq(at.row + 1)]
        with m.Else():
            m.d.comb += [after.slot.eq(at.slot + 1), after.row.eq(at.row)]
        with m.If(self.entry):
            m.d.sync += [self.started.eq(~last), self.row.eq(after.row), self.slot.eq(after.slot)]
            m.d.sync += [held_row.eq(at.row), held_valid.eq(1)]
        with m.If(self.begin_layer):
            m.d.sync += held_valid.eq(0)
        return m
