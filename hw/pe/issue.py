"""Issue, stage A of a PE: walks the oldest slice of the activation queue, one entry per cycle."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits, layer_layout, write_back_layout
from hw.map_layouts import place_layout
from hw.pe.activation_queue import queue_layout
from hw.pe.pointer_memory import pointer_layout
from model.config import ArrayConfig


def operation_layout(config: ArrayConfig) -> data.StructLayout:
    """An operation on its way to the arithmetic unit: an entry, or with `write_back` the write-back of a row.

    `first` (of its slice) and `slot` belong to entries; `row` and the constant-memory `address` of the bias to
    write-backs; `operand` is the entry's activation or the write-back's bias scale. With `maps` there is the entry's
    `place`, and no `row`: the write-backs of a layer follow one another from row 0, so they count like entries without
    zeros between them, of which `first` marks the first.
    """
    return data.StructLayout(
        {
            "write_back": 1,
            "first": 1,
            "slot": config.slot_bits,
            "operand": config.activation_bits,
            **({} if config.maps else {"row": bits(config.accumulators)}),
            "address": bits(config.constant_depth),
            **({"place": place_layout()} if config.maps else {}),
        }
    )


class Issue(wiring.Component):
    """Issues the entries of the queue's slices in order, and write-back operations while the queue is empty.

    Latency: a slice that is taken from the queue issues its first entry in the next cycle. Throughput: one operation
    per cycle; an empty slice takes a cycle of its own.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    available, head, pop : the activation queue.
    begin_layer : forget which sparse-matrix row is held.
    layer, write_back : the layer being run and the write-back operation of this cycle; only without a slice.
    row_enable, row_address : sparse-matrix row to be read.
    valid, operation : the operation issued in this cycle.
    entry, empty_slice, done : what this cycle did: `done` with a slice, be it empty or not.
    slice_valid, slice_empty, row, slot : the issue register; with `maps` also place.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "available": In(1),
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
                "done": Out(1),
                "slice_valid": Out(1),
                "slice_empty": Out(1),
                "row": Out(config.row_address_bits),
                "slot": Out(config.slot_bits),
                **({"place": Out(place_layout())} if config.maps else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        last_slot = config.entries_per_row - 1
        activation = Signal(config.activation_bits)
        final = Signal(pointer_layout(config))
        first = Signal()
        at_final = Signal()
        next_row = Signal(config.row_address_bits)
        next_slot = Signal(config.slot_bits)
        free = Signal()
        held_row = Signal(config.row_address_bits)
        held_valid = Signal()
        if config.entries_per_row == 1 << config.slot_bits:
            m.d.comb += [
                at_final.eq(Cat(self.slot, self.row) == final.as_value()),
                Cat(next_slot, next_row).eq(Cat(self.slot, self.row) + 1),
            ]
        else:
            # A pointer that is not to be trusted may name a slot past the last one.
            at_last_slot = Signal()
            m.d.comb += [
                at_last_slot.eq(self.slot >= last_slot),
                at_final.eq((self.row == final.row) & ((self.slot == final.slot) | at_last_slot)),
                next_slot.eq(Mux(at_last_slot, 0, self.slot + 1)),
                next_row.eq(self.row + at_last_slot),
            ]
        m.d.comb += [
            free.eq(~self.slice_valid | self.slice_empty | at_final),
            self.pop.eq(free & self.available),
            self.entry.eq(self.slice_valid & ~self.slice_empty),
            self.empty_slice.eq(self.slice_valid & self.slice_empty),
            self.done.eq(self.slice_valid & free),
            self.row_enable.eq(self.entry & ~(held_valid & (self.row == held_row))),
            self.row_address.eq(self.row),
            self.valid.eq(self.entry | self.write_back.valid),
            self.operation.write_back.eq(self.write_back.valid),
            *([] if config.maps else [self.operation.first.eq(first)]),
            self.operation.slot.eq(self.slot),
            self.operation.operand.eq(Mux(self.write_back.valid, self.layer.bias_scale, activation)),
            *([] if config.maps else [self.operation.row.eq(self.write_back.row)]),
            self.operation.address.eq(self.write_back.address),
        ]
        # A free issue register follows the head of the queue, whether there is one or not.
        m.d.sync += [
            self.slot.eq(Mux(free, self.head.start.slot, next_slot)),
            self.row.eq(Mux(free, self.head.start.row, next_row)),
            first.eq(free),
        ]
        with m.If(free):
            m.d.sync += [
                self.slice_valid.eq(self.available),
                *([self.slice_empty.eq(self.head.empty)] if "empty" in dict(queue_layout(config)) else []),
                activation.eq(self.head.activation),
                final.eq(self.head.final),
            ]
            if config.maps:
                m.d.sync += self.place.eq(self.head.place)
        if config.maps:
            was_write_back = Signal()
            m.d.sync += was_write_back.eq(self.write_back.valid)
            m.d.comb += [
                self.operation.place.eq(self.place),
                self.operation.first.eq(Mux(self.write_back.valid, ~was_write_back, first)),
            ]
        with m.If(self.entry):
            m.d.sync += [held_row.eq(self.row), held_valid.eq(1)]
        with m.If(self.begin_layer):
            m.d.sync += held_valid.eq(0)
        return m
