"""Stages W to V of a PE with `maps`: from an entry's local row to the accumulator that its tap reaches."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from hw.map_layouts import STEP_X_BITS, geometry_layout, place_layout
from model.config import ArrayConfig
from model.layouts import ACTIVATION_BITS
from model.map_descriptor import COORDINATE_BITS, MAP_ROW_BITS, STEP_Y_BITS


class AddressStages(wiring.Component):
    """Steps, edges of the map, accumulator; docs/contract/architecture.md, section 12. Write-backs pass unchanged.

    Latency: three cycles, from stage W to stage X, whose row and validity are registers. Throughput: one operation per
    cycle. An entry off the map comes out as nothing, and so does one at or past out_rows, which is an error.

    Parameters
    ----------
    config : sizes of the array, with `maps`.

    Members
    -------
    geometry, out_rows : of the layer being run.
    w_valid, w_write_back, w_row, w_place, w_operand, w_constant : the operation in stage W; of a write-back, the
        accumulator in w_row.
    t_valid, v_valid : an operation is in the stage.
    row_error : stage V, an entry lies past the layer's last accumulator, and is dropped.
    x_valid, x_write_back, x_row, x_operand, x_constant : the operation in stage X.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        super().__init__(
            {
                "geometry": In(geometry_layout(config)),
                "out_rows": In(bits(config.accumulators + 1)),
                "w_valid": In(1),
                "w_write_back": In(1),
                "w_row": In(MAP_ROW_BITS),
                "w_place": In(place_layout()),
                "w_operand": In(ACTIVATION_BITS),
                "w_constant": In(16),
                "t_valid": Out(1),
                "v_valid": Out(1),
                "row_error": Out(1),
                "x_valid": Out(1),
                "x_write_back": Out(1),
                "x_row": Out(bits(config.accumulators)),
                "x_operand": Out(ACTIVATION_BITS),
                "x_constant": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        channel, step_y, step_x = self._digits(m)
        t_write_back = Signal()
        t_channel = Signal(MAP_ROW_BITS)
        t_y = Signal(COORDINATE_BITS)
        t_x = Signal(COORDINATE_BITS)
        m.d.sync += [
            self.t_valid.eq(self.w_valid),
            t_write_back.eq(self.w_write_back),
            t_channel.eq(channel),
            t_y.eq(self.w_place.y - step_y),
            t_x.eq(self.w_place.x - step_x),
        ]
        # A write-back has its accumulator in the place of the channel: nothing is added to it.
        with m.If(self.w_write_back):
            m.d.sync += [t_y.eq(0), t_x.eq(0)]

        on_map = Signal()
        v_write_back = Signal()
        v_channel = Signal(MAP_ROW_BITS)
        v_line = Signal(MAP_ROW_BITS)
        v_column = Signal(MAP_ROW_BITS)
        m.d.comb += on_map.eq((t_y < geometry.out_height) & (t_x < geometry.out_width))
        m.d.sync += [
            self.v_valid.eq(self.t_valid & (on_map | t_write_back)),
            v_write_back.eq(t_write_back),
            v_channel.eq(t_channel),
            v_line.eq(t_y * geometry.row_pitch),
            v_column.eq(t_x * geometry.out_channels),
        ]

        # Two adders in a row are smaller than one of three numbers; the attribute keeps them apart.
        address = Signal(MAP_ROW_BITS)
        past = Signal()
        most = len(self.out_rows)
        v_position = Signal(MAP_ROW_BITS, attrs={"keep": 1})
        m.d.comb += [
            v_position.eq(v_line + v_column),
            address.eq(v_position + v_channel),
            past.eq(address[most:].any() | (address[:most] >= self.out_rows)),
            self.row_error.eq(self.v_valid & ~v_write_back & past),
        ]
        m.d.sync += [
            self.x_valid.eq(self.v_valid & ~self.row_error),
            self.x_write_back.eq(v_write_back),
            self.x_row.eq(address),
        ]

        for name, of_x in (("operand", self.x_operand), ("constant", self.x_constant)):
            of_t = Signal.like(of_x, name=f"t_{name}")
            of_v = Signal.like(of_x, name=f"v_{name}")
            m.d.sync += [of_t.eq(getattr(self, f"w_{name}")), of_v.eq(of_t), of_x.eq(of_v)]
        return m

    def _digits(self, m: Module) -> tuple[Signal, Signal, Signal]:
        """Local channel and steps along y and x, as they stand in the local row of stage W."""
        geometry = self.geometry
        channel = Signal(MAP_ROW_BITS)
        steps = Signal(MAP_ROW_BITS)
        step_y = Signal(STEP_Y_BITS)
        step_x = Signal(STEP_X_BITS)
        above = steps >> geometry.column_bits
        m.d.comb += [
            channel.eq(self.w_row & (geometry.channel_mask | self.w_write_back.replicate(MAP_ROW_BITS))),
            steps.eq(self.w_row >> geometry.channel_bits),
            step_y.eq(Mux(geometry.flat, 0, above[:STEP_Y_BITS])),
            step_x.eq(steps & geometry.step_mask),
        ]
        return channel, step_y, step_x
