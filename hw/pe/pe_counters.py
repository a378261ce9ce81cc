"""The counters of a PE: what the energy model and the statistics are computed from."""

from amaranth import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from model.layouts import COUNTER_BITS
from model.registers import PeCounter


class PeCounters(wiring.Component):
    """One register per `PeCounter`; each changes at the end of the cycle in which its event happens, and wraps.

    Latency: `value` follows `select` in the same cycle.

    Parameters
    ----------
    most : the largest number of events of a kind in a cycle.

    Members
    -------
    events : how often each event happens now, in the order of `PeCounter`, at most `most` times.
    start : clears all but DECODED_SYMBOLS; wins over events.
    load : clears DECODED_SYMBOLS; wins over events.
    select, value : the counter that is read; 0 for a number without a counter.
    entries .. decoded_symbols : all counters, by name in lower case.
    """

    def __init__(self, most: int = 1):
        super().__init__(
            {
                "events": In(data.ArrayLayout(range(most + 1), len(PeCounter))),
                "start": In(1),
                "load": In(1),
                "select": In(bits(len(PeCounter))),
                "value": Out(COUNTER_BITS),
                **{counter.name.lower(): Out(COUNTER_BITS) for counter in PeCounter},
            }
        )

    def elaborate(self, platform):
        m = Module()
        with m.Switch(self.select):
            for counter in PeCounter:
                register = getattr(self, counter.name.lower())
                with m.Case(counter.value):
                    m.d.comb += self.value.eq(register)
        for counter in PeCounter:
            register = getattr(self, counter.name.lower())
            with m.If(self.load if counter is PeCounter.DECODED_SYMBOLS else self.start):
                m.d.sync += register.eq(0)
            with m.Elif(self.events[counter].any()):
                m.d.sync += register.eq(register + self.events[counter])
        return m
