"""Stages B to Q of a PE: a broadcast activation meets the slice of its column."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits, broadcast_layout, write_layout
from hw.map_layouts import place_layout
from hw.pe.activation_queue import queue_layout
from hw.pe.pointer_memory import PointerMemory, pointer_word_layout
from model.config import ArrayConfig


class SliceReader(wiring.Component):
    """Reads a column's two pointers and makes of them what the queue holds; EIE section IV, pointer read unit.

    Latency: two cycles, from the broadcast register (B) over P to the queue's input (Q). Throughput: one activation per
    cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    write : one pointer, at its address.
    broadcast : a lane of the broadcast register; place : with `maps`: its coordinate.
    p_valid, q_valid : an activation is in the stage.
    push, slice : stage Q, what enters the queue now.
    skipped : stage Q, an empty slice that does not enter, with `skip_empty_slices`.
    pointer_error, parity_error : stage Q, the slice ends before it begins; a pointer has changed.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "write": In(write_layout(bits(config.pointer_depth), config.pointer_bits)),
                "broadcast": In(broadcast_layout(config)),
                "p_valid": Out(1),
                "q_valid": Out(1),
                "push": Out(1),
                "slice": Out(queue_layout(config)),
                "skipped": Out(1),
                "pointer_error": Out(1),
                "parity_error": Out(1),
                **({"place": In(place_layout())} if config.maps else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.pointers = pointers = PointerMemory(config)
        p_activation = Signal(config.activation_bits)
        q_activation = Signal(config.activation_bits)
        q_start = Signal(pointer_word_layout(config))
        q_end = Signal(pointer_word_layout(config))
        m.d.comb += [
            pointers.write.eq(self.write),
            pointers.read_enable.eq(self.broadcast.valid),
            pointers.read_address.eq(self.broadcast.pointer),
        ]
        m.d.sync += [
            self.p_valid.eq(self.broadcast.valid),
            p_activation.eq(self.broadcast.activation),
            self.q_valid.eq(self.p_valid),
            q_activation.eq(p_activation),
            q_start.eq(pointers.start),
            q_end.eq(pointers.end),
        ]

        if config.maps:
            p_place = Signal(place_layout())
            q_place = Signal(place_layout())
            m.d.sync += [p_place.eq(self.place), q_place.eq(p_place)]
            m.d.comb += [self.slice.place.eq(q_place), pointers.even_address.eq(self.broadcast.even)]
        start, end = q_start.pointer.as_value(), q_end.pointer
        backwards = Signal()
        parity_wrong = Signal()
        empty = Signal()
        if config.parity:
            m.d.comb += parity_wrong.eq(q_start.as_value().xor() | q_end.as_value().xor())
        if config.maps:
            # One comparison and an equality off its way, instead of both one after the other.
            no_entries = Signal(attrs={"keep": 1})
            m.d.comb += [
                no_entries.eq(end.as_value() <= start),
                backwards.eq(no_entries & (end.as_value() != start)),
                empty.eq(no_entries | parity_wrong),
            ]
        else:
            m.d.comb += [
                backwards.eq(end.as_value() < start),
                empty.eq(backwards | (end.as_value() == start) | parity_wrong),
            ]
        m.d.comb += [
            self.pointer_error.eq(self.q_valid & backwards),
            self.parity_error.eq(self.q_valid & parity_wrong),
            self.slice.activation.eq(q_activation),
            self.slice.start.eq(start),
            *([self.slice.empty.eq(empty)] if "empty" in dict(queue_layout(config)) else []),
        ]
        if config.entries_per_row == 1 << config.slot_bits:
            m.d.comb += self.slice.final.as_value().eq(end.as_value() - 1)
        else:
            at_row_begin = end.slot == 0
            m.d.comb += [
                self.slice.final.slot.eq(Mux(at_row_begin, config.entries_per_row - 1, end.slot - 1)),
                self.slice.final.row.eq(end.row - at_row_begin),
            ]
        if config.skip_empty_slices:
            m.d.comb += [self.push.eq(self.q_valid & ~empty), self.skipped.eq(self.q_valid & empty)]
        else:
            m.d.comb += self.push.eq(self.q_valid)
        return m
