"""The counters of a PE: what the energy model and the statistics are computed from."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from model.layouts import COUNTER_BITS
from model.registers import PeCounter


class PeCounters(wiring.Component):
    """One register per `PeCounter`; each changes at the end of the cycle in which its event happens, and wraps.

    Latency: `value` follows `select` in the same cycle.

    Members
    -------
    events : one bit per counter, in the order of `PeCounter`.
    start : clears all but DECODED_SYMBOLS; wins over events.
    load : clears DECODED_SYMBOLS; wins over events.
    select, value : the counter that is read; 0 for a number without a counter.
    entries .. decoded_symbols : all counters, by name in lower case.
    """

    def __init__(self):
        super().__init__(
            {
                "events": In(len(PeCounter)),
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
            with m.Elif(self.events[counter]):
                m.d.sync += register.eq(register + 1)
        return m
