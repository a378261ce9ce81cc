"""The activation queue: broadcast activations, with their slices, wait here for their PE."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from hw.pointer_memory import pointer_layout
from model.config import ArrayConfig
from model.layouts import ACTIVATION_BITS


def queue_layout(config: ArrayConfig) -> data.StructLayout:
    """An activation and the slice it multiplies: entries from `start` up to, not including, `end`."""
    return data.StructLayout(
        {"activation": ACTIVATION_BITS, "start": pointer_layout(config), "end": pointer_layout(config)}
    )


class ActivationQueue(wiring.Component):
    """A first-in first-out queue of `queue_depth` activations; EIE section IV, activation queue.

    Latency: one cycle from `push` to `head`. Throughput: a push and a pop per cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    push, tail : `tail` enters; only with count < queue_depth.
    pop : the head leaves; only with count > 0.
    head : the oldest activation; unspecified with count = 0.
    count : activations in the queue.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "push": In(1),
                "tail": In(queue_layout(config)),
                "pop": In(1),
                "head": Out(queue_layout(config)),
                "count": Out(config.queue_depth.bit_length()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self._config.queue_depth
        slots = memory.Memory(shape=queue_layout(self._config).size, depth=depth, init=[])
        m.submodules.slots = slots
        read = slots.read_port(domain="comb")
        write = slots.write_port()
        read_at = Signal(bits(depth))
        write_at = Signal(bits(depth))
        m.d.comb += [
            read.addr.eq(read_at),
            self.head.as_value().eq(read.data),
            write.en.eq(self.push),
            write.addr.eq(write_at),
            write.data.eq(self.tail),
        ]
        with m.If(self.push):
            m.d.sync += write_at.eq(Mux(write_at == depth - 1, 0, write_at + 1))
        with m.If(self.pop):
            m.d.sync += read_at.eq(Mux(read_at == depth - 1, 0, read_at + 1))
        m.d.sync += self.count.eq(self.count + self.push - self.pop)
        return m
