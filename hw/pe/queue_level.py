"""How full a PE's activation queue is, and whether another broadcast would fit."""

from amaranth import C, Cat, Module, Mux, Signal, signed
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
    pushed, skipped : slices that enter the queue now, or leave stage Q without entering it. With `maps` there is no
        pushed, and no count: nothing but the debug port asks for it, which has it from the queue.
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
                **({} if config.maps else {"pushed": In(lanes)}),
                "skipped": In(lanes),
                "done": In(1),
                **({} if config.maps else {"count": Out(range(config.queue_depth + 1))}),
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
        if self._maps:
            self._elaborate_maps(m, level)
            return m
        reached = Signal(range(depth + 1))
        m.d.comb += reached.eq(level + self.coming - self.skipped)
        m.d.sync += [
            self.count.eq(self.count + self.pushed - self.done),
            level.eq(reached - self.done),
            self.empty.eq(reached == self.done),
        ]
        for behind, full in enumerate(self.full):
            room = self._room(behind)
            m.d.sync += full.eq(Mux(self.done, reached > room + 1, reached > room))
        return m

    def _elaborate_maps(self, m: Module, level: Signal):
        """What leaves in this cycle is known late: all levels that may follow are made ready, and chosen from.

        As tables: these small numbers take fewer cells so than as sums and comparisons, which become carry chains.
        """
        lanes = self._config.broadcasts_per_cycle
        reached = Signal.like(level, attrs={"keep": 1})
        leaves = Signal(range(lanes + 2))
        change = Signal(signed(len(level) + 1))
        coming = len(self.coming)
        m.d.comb += [
            change.eq(
                _table(Cat(self.coming, self.missed), len(change), lambda n: (n & (1 << coming) - 1) - (n >> coming))
            ),
            reached.eq(level + change),
            leaves.eq(
                _table(Cat(self.skipped, self.done), len(leaves), lambda n: (n & (1 << coming) - 1) + (n >> coming))
            ),
        ]

        def after(width, value_of):
            """`value_of` the level of this cycle's end, `width` bits."""
            choices = [_table(reached, width, lambda n, gone=gone: value_of(n - gone)) for gone in range(lanes + 2)]
            chosen = choices[0]
            for gone, choice in enumerate(choices[1:], start=1):
                chosen = Mux(leaves == gone, choice, chosen)
            return chosen

        m.d.sync += [
            level.eq(after(len(level), lambda n: n)),
            self.empty.eq(after(1, lambda n: n == 0)),
        ]
        for behind, full in enumerate(self.full):
            room = self._room(behind)
            m.d.sync += full.eq(after(1, lambda n, room=room: n > room))


def _table(number, width: int, value_of):
    """`value_of` of a number of few bits."""
    count = 1 << len(number)
    values = [int(value_of(n)) & (1 << width) - 1 for n in range(count)]
    return Cat(
        C(sum((value >> bit & 1) << n for n, value in enumerate(values)), count).bit_select(number, 1)
        for bit in range(width)
    )
