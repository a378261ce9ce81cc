"""Local mode: a PE's own activation goes to its own queue, together with those of all other PEs."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import broadcast_layout
from model.config import ArrayConfig


class OwnActivation(wiring.Component):
    """What stage B works on: the broadcast, or in local mode the own activation, if there is one.

    Latency: two cycles from `selected`, as for a broadcast. Throughput: an activation per cycle. Whether stage B acts
    comes from a register in both modes.

    Parameters
    ----------
    config : sizes of the array, with `maps`.

    Members
    -------
    local : mode of the layer being run.
    selected : this PE's activation is selected in this cycle; current : in the cycle after, its value.
    coming : lane 0 of the select register is valid.
    broadcast : lane 0 of the broadcast register.
    lane : what stage B works on. missed : the broadcast register is valid, and stage B does nothing.
    own_valid, own_activation : registers for the debug port.
    """

    def __init__(self, config: ArrayConfig):
        super().__init__(
            {
                "local": In(1),
                "selected": In(1),
                "current": In(config.activation_bits),
                "coming": In(1),
                "broadcast": In(broadcast_layout(config)),
                "lane": Out(broadcast_layout(config)),
                "missed": Out(1),
                "own_valid": Out(1),
                "own_activation": Out(config.activation_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        was_selected = Signal()
        acts = Signal()
        m.d.sync += [
            was_selected.eq(self.selected & self.local),
            acts.eq(Mux(self.local, was_selected, self.coming)),
            self.own_activation.eq(self.current),
        ]
        m.d.comb += [
            self.own_valid.eq(acts & self.local),  # the mode changes only while nothing is on its way
            self.missed.eq(self.broadcast.valid & ~acts),
            self.lane.valid.eq(acts),
            self.lane.activation.eq(Mux(self.local, self.own_activation, self.broadcast.activation)),
            self.lane.pointer.eq(self.broadcast.pointer),
            self.lane.even.eq(self.broadcast.even),
        ]
        return m
