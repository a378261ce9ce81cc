"""Whether any PE's activation queue is too full for another broadcast."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import fullness_bits
from model.config import ArrayConfig


class AnyFull(wiring.Component):
    """Gathers what the PEs say of their queues; docs/contract/architecture.md, section 6.

    Latency: one cycle from the PEs' `full`. What is selected in that cycle comes too late for the PEs, so it is
    counted here: `is_full` holds for it too.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    full : In(ArrayLayout(fullness_bits(config), pes)), as in `hw.pe.queue_level`.
    coming : In, activations in the select register.
    is_full : Out(1), nothing may be selected in this cycle.
    """

    def __init__(self, config: ArrayConfig):
        self._lanes = config.broadcasts_per_cycle
        self._outcomes = fullness_bits(config)
        super().__init__(
            {
                "full": In(data.ArrayLayout(self._outcomes, config.pes)),
                "coming": In(range(self._lanes + 1)),
                "is_full": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        counts = range(self._lanes + 1)
        any_full = Cat(Cat(full[behind] for full in self.full).any() for behind in range(self._outcomes))
        is_full_after = Signal(len(counts))  # for each number of activations selected meanwhile
        with m.Switch(self.coming):
            for coming in counts:
                with m.Case(coming):
                    m.d.sync += is_full_after.eq(any_full[coming : coming + len(counts)])
        with m.Switch(self.coming):
            for coming in counts:
                with m.Case(coming):
                    m.d.comb += self.is_full.eq(is_full_after[coming])
        return m
