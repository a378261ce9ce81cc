"""Stages W to U of a PE with `maps`: from an entry's local row to the accumulator that its tap reaches."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.interfaces import bits
from hw.map_layouts import STEP_X_BITS, geometry_layout, place_layout
from model.config import ArrayConfig
from model.map_descriptor import COORDINATE_BITS, MAP_ROW_BITS, STEP_Y_BITS


class AddressStages(wiring.Component):
    """Steps, edges of the map, accumulator; docs/contract/architecture.md, section 12. Write-backs pass unchanged.

    Latency: five cycles, from stage W to stage X, whose row and validity are registers. Throughput: one operation per
    cycle. An entry off the map comes out as nothing, and so does one at or past out_rows, which is an error.

    Parameters
    ----------
    config : sizes of the array, with `maps`.

    Members
    -------
    geometry, out_rows : of the layer being run.
    w_valid, w_write_back, w_row, w_place, w_operand, w_constant : the operation in stage W; of a write-back, the
        accumulator in w_row.
    e_valid, t_valid, v_valid, u_valid : an operation is in the stage.
    row_error : stage U, an entry lies past the layer's last accumulator, and is dropped.
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
                "w_operand": In(config.activation_bits),
                "w_constant": In(16),
                **dict.fromkeys(("e_valid", "t_valid", "v_valid", "u_valid"), Out(1)),
                "row_error": Out(1),
                "x_valid": Out(1),
                "x_write_back": Out(1),
                "x_row": Out(bits(config.accumulators)),
                "x_operand": Out(config.activation_bits),
                "x_constant": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        channel, step_y, step_x = self._digits(m)
        e_write_back = Signal()
        e_channel = Signal(MAP_ROW_BITS)
        e_step_y = Signal(STEP_Y_BITS)
        e_step_x = Signal(STEP_X_BITS)
        e_place = Signal(place_layout())
        m.d.sync += [
            self.e_valid.eq(self.w_valid),
            e_write_back.eq(self.w_write_back),
            e_channel.eq(channel),
            e_step_y.eq(step_y),
            e_step_x.eq(step_x),
            e_place.eq(self.w_place),
        ]

        t_write_back = Signal()
        t_channel = Signal(MAP_ROW_BITS)
        t_y = Signal(COORDINATE_BITS)
        t_x = Signal(COORDINATE_BITS)
        m.d.sync += [
            self.t_valid.eq(self.e_valid),
            t_write_back.eq(e_write_back),
            t_channel.eq(e_channel),
            t_y.eq(e_place.y - e_step_y),
            t_x.eq(e_place.x - e_step_x),
        ]
        # A write-back has its accumulator in the place of the channel: nothing is added to it.
        with m.If(e_write_back):
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
        v_position = Signal(MAP_ROW_BITS, attrs={"keep": 1})
        u_write_back = Signal()
        u_address = Signal(MAP_ROW_BITS)
        m.d.comb += v_position.eq(v_line + v_column)
        m.d.sync += [
            self.u_valid.eq(self.v_valid),
            u_write_back.eq(v_write_back),
            u_address.eq(v_position + v_channel),
        ]

        past = Signal()
        most = len(self.out_rows)
        m.d.comb += [
            past.eq(u_address[most:].any() | (u_address[:most] >= self.out_rows)),
            self.row_error.eq(self.u_valid & ~u_write_back & past),
        ]
        m.d.sync += [
            self.x_valid.eq(self.u_valid & ~self.row_error),
            self.x_write_back.eq(u_write_back),
            self.x_row.eq(u_address),
        ]

        for name, of_x in (("operand", self.x_operand), ("constant", self.x_constant)):
            value = getattr(self, f"w_{name}")
            for stage in "etvu":
                register = Signal.like(of_x, name=f"{stage}_{name}")
                m.d.sync += register.eq(value)
                value = register
            m.d.sync += of_x.eq(value)
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
