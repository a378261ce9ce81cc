"""How full a PE's activation queue is, and whether the next broadcast fits."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from model.config import ArrayConfig


class QueueLevel(wiring.Component):
    """Counts the slices in the queue, its issue register included, and those on their way to it.

    Latency: `full` follows `arriving` in the same cycle, everything else comes out of registers. Whether the queue
    would be full is worked out a cycle ahead, for each number of activations that may arrive.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    arriving : activations in the broadcast register.
    pushed, skipped : slices that enter the queue now, or leave stage Q without entering it.
    done : the issue register's slice is done with.
    count : slices in the queue.
    full : no room for `broadcasts_per_cycle` more activations behind all those in the queue and on their way.
    empty : nothing in the queue or in stages P and Q.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        lanes = range(config.broadcasts_per_cycle + 1)
        super().__init__(
            {
                "arriving": In(lanes),
                "pushed": In(lanes),
                "skipped": In(lanes),
                "done": In(1),
                "count": Out(range(config.queue_depth + 1)),
                "full": Out(1),
                "empty": Out(1, init=1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth, lanes = self._config.queue_depth, self._config.broadcasts_per_cycle
        level = Signal(range(depth + 1))
        reached = Signal(range(depth + 1))
        m.d.comb += reached.eq(level + self.arriving - self.skipped)
        m.d.sync += [
            self.count.eq(self.count + self.pushed - self.done),
            level.eq(reached - self.done),
            self.empty.eq(reached == self.done),
        ]
        with m.Switch(self.arriving):
            for arriving in range(lanes + 1):
                room = depth - lanes - arriving
                full = Signal(init=room < 0, name=f"full_{arriving}")
                m.d.sync += full.eq(Mux(self.done, reached > room + 1, reached > room))
                with m.Case(arriving):
                    m.d.comb += self.full.eq(full)
        return m
