"""The select and the broadcast register: from the numbers of PEs to their activations on the way to all queues."""

from amaranth.hdl import Module, Mux
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits, broadcast_layout
from hw.map_layouts import place_layout
from model.config import ArrayConfig


def select_layout(config: ArrayConfig) -> data.StructLayout:
    """Which PEs' activations are broadcast next, and the pointer address of PE 0's column in their row.

    With `maps` also the coordinate that they carry.
    """
    lane = data.StructLayout({"valid": 1, "pe": bits(config.pes)})
    return data.StructLayout(
        {
            "lanes": data.ArrayLayout(lane, config.broadcasts_per_cycle),
            "base": bits(config.pointer_depth),
            **({"place": place_layout()} if config.maps else {}),
        }
    )


class Selection(wiring.Component):
    """Fetches the selected PEs' activations; docs/contract/architecture.md, section 6.

    Latency: two cycles from `chosen` to `broadcast`, both registers. Throughput: every lane in every cycle.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    chosen : In(select_layout(config)), selected in this cycle; with `maps` base and place are registers that come a
        cycle later than the lanes.
    current : In(ArrayLayout(activation_bits, pes)), the activations one cycle after they were selected.
    selected, broadcast : Out, registers.
    local, place : with `maps`: In(1), `base` is every PE's column; Out(place_layout()), the broadcast's, a register.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        lanes = config.broadcasts_per_cycle
        super().__init__(
            {
                "chosen": In(select_layout(config)),
                "current": In(data.ArrayLayout(config.activation_bits, config.pes)),
                "selected": Out(select_layout(config)),
                "broadcast": Out(data.ArrayLayout(broadcast_layout(config), lanes)),
                **({"local": In(1), "place": Out(place_layout())} if config.maps else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        selected = self.selected
        if self._config.maps:
            m.d.sync += selected.lanes.eq(self.chosen.lanes)
            m.d.comb += [selected.base.eq(self.chosen.base), selected.place.eq(self.chosen.place)]
        else:
            m.d.sync += selected.eq(self.chosen)
        for broadcast, lane in zip(self.broadcast, selected.lanes, strict=True):
            column = Mux(self.local, 0, lane.pe) if self._config.maps else lane.pe
            m.d.sync += [
                broadcast.valid.eq(lane.valid),
                broadcast.activation.eq(self.current[lane.pe]),
                broadcast.pointer.eq(selected.base + column),
            ]
            if self._config.maps:
                m.d.sync += broadcast.even.eq((selected.base + column + 1)[1:])
        if self._config.maps:
            m.d.sync += self.place.eq(selected.place)
        return m
