"""The layer table: what the central control unit needs to know of each loaded layer."""

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.function_layouts import functions_layout
from hw.interfaces import bits
from hw.map_layouts import geometry_layout, scan_layout
from model.config import ArrayConfig
from model.layouts import BIAS_SCALE_BITS, SHIFT_BITS


def layer_entry_layout(config: ArrayConfig) -> data.StructLayout:
    """One entry; `pointer_base` and `bias_base` are the layer's first addresses in those memories of every PE."""
    maps = {"scan": scan_layout(config), "geometry": geometry_layout(config)} if config.maps else {}
    functions = {"functions": functions_layout(config)} if config.functions else {}
    return data.StructLayout(
        {
            "in_rows": bits(config.activation_depth + 1),
            "out_rows": bits(config.accumulators + 1),
            "first_row": bits(config.activation_depth),
            "pointer_base": bits(config.pointer_depth),
            "bias_base": bits(config.constant_depth),
            "shift": SHIFT_BITS,
            "relu": 1,
            "keep": 1,
            "bias_scale": BIAS_SCALE_BITS,
            **maps,
            **functions,
        }
    )


def layer_write_layout(config: ArrayConfig) -> data.StructLayout:
    """A write of one entry; address and entry are valid while `valid` is one."""
    return data.StructLayout({"valid": 1, "address": bits(config.layers), "entry": layer_entry_layout(config)})


class LayerTable(wiring.Component):
    """`layers` entries. A read takes 1 cycle; without `read` the output holds.

    Members
    -------
    write : In(layer_write_layout(config)).
    read, address : In.
    entry : Out(layer_entry_layout(config)).
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "write": In(layer_write_layout(config)),
                "read": In(1),
                "address": In(bits(config.layers)),
                "entry": Out(layer_entry_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = max(2, self._config.layers)  # a memory of one word would have no address bits
        m.submodules.memory = memory = Memory(shape=layer_entry_layout(self._config), depth=depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.en.eq(self.write.valid),
            write.addr.eq(self.write.address),
            write.data.eq(self.write.entry),
            read.en.eq(self.read),
            read.addr.eq(self.address),
            self.entry.eq(read.data),
        ]
        return m
