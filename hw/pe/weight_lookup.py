"""Stages D and W of a PE: the local row of an entry, and its weight out of the codebook."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.block_memory import BlockMemory
from hw.interfaces import bits, write_layout
from hw.map_layouts import place_layout
from model.config import ArrayConfig
from model.map_descriptor import MAP_ROW_BITS


class WeightLookup(wiring.Component):
    """Absolute row (previous row + 1 + run) and shared weight of an entry, or row and bias of a write-back.

    EIE section IV, arithmetic unit, first stage: codebook lookup beside address accumulation. Latency: two cycles, from
    stage D to stage X. Throughput: one operation per cycle. Fillers move the row and come out as nothing, and so do
    entries in a row past the layer's last. With `maps` the row is not an accumulator yet: the operation leaves from
    stage W, after one cycle, to `AddressStages`.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    constant_write : codebooks and biases.
    layer, out_rows : number of the layer being run, which selects the codebook, and its local rows.
    valid, write_back, first, code, run, row, address, operand : the operation in stage D (`issue.operation_layout`).
    filler : the operation in stage D is a filler.
    w_valid : an operation other than a filler is in stage W.
    row_error : stage W, an entry lies in a row past the layer's last, and is dropped.
    x_valid, x_write_back, x_row, x_operand, x_constant : the operation in stage X, with its weight or bias.
    (with `maps` no row: the write-backs of a layer count, with code and run 0.)
    place, w_write_back, w_row, w_place, w_operand, w_constant : only with `maps`, then without out_rows, row_error and
        those of stage X: coordinate of the operation in stage D; the operation in stage W.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        rows = bits(config.accumulators)
        out_of_x = {
            "row_error": Out(1),
            "x_valid": Out(1),
            "x_write_back": Out(1),
            "x_row": Out(rows),
            "x_operand": Out(config.activation_bits),
            "x_constant": Out(16),
        }
        out_of_w = {
            "place": In(place_layout()),
            "w_write_back": Out(1),
            "w_row": Out(MAP_ROW_BITS),
            "w_place": Out(place_layout()),
            "w_operand": Out(config.activation_bits),
            "w_constant": Out(16),
        }
        super().__init__(
            {
                "constant_write": In(write_layout(bits(config.constant_depth), 16)),
                "layer": In(bits(config.layers)),
                **({} if config.maps else {"out_rows": In(bits(config.activation_depth + 1))}),
                "valid": In(1),
                "write_back": In(1),
                "first": In(1),
                "code": In(config.code_bits),
                "run": In(config.index_bits),
                **({} if config.maps else {"row": In(rows)}),
                "address": In(bits(config.constant_depth)),
                "operand": In(config.activation_bits),
                "filler": Out(1),
                "w_valid": Out(1),
                **(out_of_w if config.maps else out_of_x),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.constants = constants = BlockMemory(depth=config.constant_depth, width=16)
        if config.maps:
            w_write_back, w_row, w_operand = self.w_write_back, self.w_row, self.w_operand
        else:
            w_write_back = Signal()
            w_row = Signal(max(len(self.row), config.index_bits) + 1)
            w_operand = Signal.like(self.operand)
        m.d.comb += [
            constants.write.eq(self.constant_write),
            self.filler.eq(self.valid & ~self.write_back & (self.code == 0)),
            constants.read_enable.eq(self.valid),
            constants.read_address.eq(Mux(self.write_back, self.address, Cat(self.code, self.layer))),
        ]
        if config.maps:
            m.d.comb += self.w_constant.eq(constants.read_data)
        else:
            m.d.comb += self.row_error.eq(self.w_valid & ~w_write_back & (w_row >= self.out_rows))
        m.d.sync += [
            self.w_valid.eq(self.valid & ~self.filler),
            w_write_back.eq(self.write_back),
            w_operand.eq(self.operand),
        ]
        if config.maps:
            m.d.sync += self.w_place.eq(self.place)
        else:
            m.d.sync += [
                self.x_valid.eq(self.w_valid & ~self.row_error),
                self.x_write_back.eq(w_write_back),
                self.x_row.eq(w_row),
                self.x_operand.eq(w_operand),
                self.x_constant.eq(constants.read_data),
            ]
        # w_row is also the "previous row": it keeps its value through bubbles between the entries of a slice.
        with m.If(self.valid):
            if config.maps:
                m.d.sync += w_row.eq(Mux(self.first, self.run, w_row + self.run + 1))
            else:
                with m.If(self.write_back):
                    m.d.sync += w_row.eq(self.row)
                with m.Elif(self.first):
                    m.d.sync += w_row.eq(self.run)
                with m.Else():
                    m.d.sync += w_row.eq(w_row + self.run + 1)
        return m
