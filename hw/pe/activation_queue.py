"""The activation queue: broadcast activations, with their slices, wait here for their PE."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from hw.map_layouts import place_layout
from hw.pe.pointer_memory import pointer_layout
from model.config import ArrayConfig


def queue_layout(config: ArrayConfig) -> data.StructLayout:
    """An activation and the slice it multiplies: entries from `start` to `final`, unless it is `empty`.

    With `maps` also the coordinate that it carries; no `empty` then, if empty slices are skipped anyway.
    """
    empty = {} if config.maps and config.skip_empty_slices else {"empty": 1}
    return data.StructLayout(
        {
            "activation": config.activation_bits,
            "start": pointer_layout(config),
            "final": pointer_layout(config),
            **empty,
            **({"place": place_layout()} if config.maps else {}),
        }
    )


class ActivationQueue(wiring.Component):
    """A first-in first-out queue of `queue_depth` activations; EIE section IV, activation queue.

    Latency: one cycle from `push` to `head`. Throughput: `broadcasts_per_cycle` pushes and a pop per cycle. Two pushes
    per cycle go to two memories, of the even and of the odd slots.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    push, tails : a bit and an element per lane; lane 0 enters before lane 1. Only while there is room.
    pop : the head leaves; only with `available`.
    head : the oldest activation; unspecified without `available`.
    available : there is one in the queue. stored : with `maps`, how many.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        lanes = config.broadcasts_per_cycle
        super().__init__(
            {
                "push": In(lanes),
                "tails": In(data.ArrayLayout(queue_layout(config), lanes)),
                "pop": In(1),
                "head": Out(queue_layout(config)),
                "available": Out(1),
                **({"stored": Out(range(config.queue_depth + 1))} if config.maps else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self._config.queue_depth
        stored = self.stored if self._config.maps else Signal(range(depth + 1))
        pushes = sum(self.push[lane] for lane in range(len(self.push)))
        m.d.sync += stored.eq(stored + pushes - self.pop)
        m.d.comb += self.available.eq(stored.any())
        if self._config.broadcasts_per_cycle == 1:
            write_at = self._place(m, "write_at", depth, self.push)
            read_at = self._place(m, "read_at", depth, self.pop)
            m.d.comb += self.head.eq(self._slots(m, "slots", depth, self.push, write_at, self.tails[0], read_at))
            return m

        one = Signal()
        two = Signal()
        write_odd = Signal()
        read_odd = Signal()
        m.d.comb += [one.eq(self.push.xor()), two.eq(self.push.all())]
        m.d.sync += [write_odd.eq(write_odd ^ one), read_odd.eq(read_odd ^ self.pop)]
        write_pair = self._place(m, "write_pair", depth // 2, two | (one & write_odd))
        next_pair = Mux(write_pair == depth // 2 - 1, 0, write_pair + 1)
        read_pair = self._place(m, "read_pair", depth // 2, self.pop & read_odd)
        heads = []
        for name, odd in (("even", 0), ("odd", 1)):
            # A lane 0 that enters takes the next slot; everything else that enters this memory is lane 1.
            is_next = write_odd == odd
            enable = Mux(is_next, one | two, two)
            tail = Mux(is_next & self.push[0], self.tails[0].as_value(), self.tails[1].as_value())
            at = write_pair if odd else Mux(write_odd, next_pair, write_pair)
            heads.append(self._slots(m, name, depth // 2, enable, at, tail, read_pair))
        m.d.comb += self.head.as_value().eq(Mux(read_odd, heads[1], heads[0]))
        return m

    def _place(self, m, name, depth, advance):
        """A slot number that advances and wraps."""
        at = Signal(bits(depth), name=name)
        with m.If(advance):
            m.d.sync += at.eq(Mux(at == depth - 1, 0, at + 1))
        return at

    def _slots(self, m, name, depth, enable, write_at, tail, read_at):
        """A memory that is read in the same cycle, as FPGAs build it of look-up tables; gives the read word."""
        slots = memory.Memory(shape=queue_layout(self._config).size, depth=depth, init=[])
        m.submodules[name] = slots
        read = slots.read_port(domain="comb")
        write = slots.write_port()
        m.d.comb += [read.addr.eq(read_at), write.en.eq(enable), write.addr.eq(write_at), write.data.eq(tail)]
        return read.data
