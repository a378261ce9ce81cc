"""How full a PE's activation queue is, and whether another broadcast would fit."""

from amaranth import C, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import fullness_bits
from model.config import ArrayConfig


class QueueLevel(wiring.Component):
    """Counts the slices in the queue, its issue register included, and those broadcast and on their way to it.

    Everything comes out of registers. Whether the queue is full is worked out a cycle ahead, for each number of
    activations that may be selected meanwhile.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    coming : activations in the select register, in the broadcast register in the next cycle.
    pushed, skipped : slices that enter the queue now, or leave stage Q without entering it.
    done : the issue register's slice is done with.
    missed : with `maps`: the broadcast register is valid, and this PE does not act on it.
    count : slices in the queue.
    full : bit s: with s activations behind those that this counts, there is no room for `broadcasts_per_cycle` more.
    empty : nothing in the queue, the broadcast register, or stages P and Q.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        lanes = range(config.broadcasts_per_cycle + 1)
        rooms = [self._room(behind) for behind in range(fullness_bits(config))]
        self._maps = config.maps
        super().__init__(
            {
                **({"missed": In(1)} if config.maps else {}),
                "coming": In(lanes),
                "pushed": In(lanes),
                "skipped": In(lanes),
                "done": In(1),
                "count": Out(range(config.queue_depth + 1)),
                "full": Out(len(rooms), init=sum((room < 0) << behind for behind, room in enumerate(rooms))),
                "empty": Out(1, init=1),
            }
        )

    def _room(self, behind: int) -> int:
        """The most slices that leave room for `broadcasts_per_cycle` more with so many behind them."""
        return self._config.queue_depth - self._config.broadcasts_per_cycle - behind

    def elaborate(self, platform):
        m = Module()
        depth = self._config.queue_depth
        level = Signal(range(depth + 1))
        reached = Signal(range(depth + 1))
        gone = self.skipped + self.missed if self._maps else self.skipped
        m.d.comb += reached.eq(level + self.coming - gone)
        m.d.sync += [
            self.count.eq(self.count + self.pushed - self.done),
            level.eq(reached - self.done),
            self.empty.eq(reached == self.done),
        ]
        for behind, full in enumerate(self.full):
            room = self._room(behind)
            m.d.sync += full.eq(Mux(self.done, self._exceeds(reached, room + 1), self._exceeds(reached, room)))
        return m

    def _exceeds(self, level, room: int):
        """level > room. As a table it takes fewer cells than as a comparison, which becomes a carry chain."""
        if not self._maps:
            return level > room
        levels = range(1 << len(level))
        return C(sum((number > room) << number for number in levels), len(levels)).bit_select(level, 1)
