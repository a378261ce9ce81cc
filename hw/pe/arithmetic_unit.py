"""The arithmetic unit, stages X to O of a PE: multiply, accumulate with bypass, round on write-back."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.hdl import C, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.block_memory import BlockMemory
from hw.interfaces import bits, largest_activation
from hw.pe.rounding import shift_halves
from model.config import ArrayConfig
from model.layouts import SHIFT_BITS, VALUE_BITS


class ArithmeticUnit(wiring.Component):
    """b_x = b_x + S_v * a_j (EIE section IV), one multiplier and one accumulator adder.

    With `maps` also b_x = max(b_x, S_v * a_j), and outputs that are limited; docs/contract/architecture.md, section 12.

    Latency: five cycles from stage X to `o_valid`. Throughput: one operation per cycle in any order of rows: a sum that
    is not yet in the accumulator memory is taken from the pipeline.

    Parameters
    ----------
    config : sizes of the array.

    Members
    -------
    valid, write_back, row, operand, constant : the operation in stage X. Entry: activation and weight; write-back: bias
        scale (a power of two up to 2**(activation_bits - 2)) and bias. Four other cycles lie between a write-back and
        any operation on the same row after it.
    shift, relu : how the write-back in stage K leaves; shift < accumulator_bits.
    clear_overflow, overflow : sticky, a sum left the range of the accumulators (it wraps).
    r_valid, c_valid, k_valid : an operation is in the stage.
    k_row, k_sum : its row and sum, while k_valid.
    o_valid, o_row, o_value : a write-back's output, one cycle after k_valid.
    o_nonzero : o_value is not 0; known earlier than the value.
    maximum, limit, clearing : only with `maps`, which has no o_row: entries are for a maximum; outputs are at most
        `limit` >= 1; no output comes of the write-back in stage K.
    """

    def __init__(self, config: ArrayConfig):
        self._config = config
        rows = bits(config.accumulators)
        maps = {"maximum": In(1), "limit": In(config.activation_bits - 1), "clearing": In(1)}
        super().__init__(
            {
                "valid": In(1),
                "write_back": In(1),
                "row": In(rows),
                "operand": In(signed(config.activation_bits)),
                "constant": In(signed(VALUE_BITS)),
                "shift": In(SHIFT_BITS),
                "relu": In(1),
                "clear_overflow": In(1),
                "overflow": Out(1),
                "r_valid": Out(1),
                "c_valid": Out(1),
                "k_valid": Out(1),
                "k_row": Out(rows),
                "k_sum": Out(signed(config.accumulator_bits)),
                "o_valid": Out(1),
                **(maps if config.maps else {"o_row": Out(rows)}),
                "o_value": Out(signed(config.activation_bits)),
                "o_nonzero": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        k_write_back = self._elaborate_accumulate(m)
        narrowed, unfit = self._elaborate_shift(m)
        self._elaborate_saturate(m, k_write_back, narrowed, unfit)
        return m

    def _elaborate_accumulate(self, m: Module) -> Signal:
        """Stages X to C. Gives whether the operation in stage K is a write-back."""
        width = self._config.accumulator_bits
        m.submodules.accumulators = accumulators = BlockMemory(depth=self._config.accumulators, width=width)

        # A sum is written at the end of C. The sum of the operation ahead by one is in K when this one is in C. That of
        # the one ahead by two is in K when this one is in R, and was written while this one's read was under way.
        r_row = Signal.like(self.row)
        r_write_back = Signal()
        r_product = Signal(signed(self._config.activation_bits + VALUE_BITS))
        r_from_k = Signal()
        c_row = Signal.like(self.row)
        c_write_back = Signal()
        c_product = Signal.like(r_product)
        c_operand = Signal(signed(width))
        c_from_k = Signal()
        c_sum = Signal(signed(width + 1))
        k_write_back = Signal()

        m.d.comb += [
            accumulators.read_enable.eq(self.valid),
            accumulators.read_address.eq(self.row),
        ]
        m.d.sync += [
            self.r_valid.eq(self.valid),
            r_row.eq(self.row),
            r_write_back.eq(self.write_back),
            r_product.eq(self.operand * self.constant),
            r_from_k.eq(self.c_valid & (c_row == self.row)),
        ]

        m.d.sync += [
            self.c_valid.eq(self.r_valid),
            c_row.eq(r_row),
            c_write_back.eq(r_write_back),
            c_product.eq(r_product),
            c_operand.eq(Mux(r_from_k, self.k_sum, accumulators.read_data.as_signed())),
            c_from_k.eq(self.c_valid & (c_row == r_row)),
        ]

        c_addend = Mux(c_from_k, self.k_sum, c_operand)
        c_result = c_sum
        if self._config.maps:
            # For a maximum the product is offered apart, and what is added is 0: the sum is the operand, and fits.
            c_offered = Signal(VALUE_BITS)
            c_takes_larger = Signal()
            m.d.sync += [
                c_offered.eq(Cat(r_product[: VALUE_BITS - 1], ~r_product[VALUE_BITS - 1])),
                c_takes_larger.eq(self.maximum & ~r_write_back),
            ]
            with m.If(self.maximum & ~r_write_back):
                m.d.sync += c_product.eq(0)
            c_is_larger = Signal(attrs={"keep": 1})
            m.d.comb += c_is_larger.eq(c_takes_larger & (c_offered > c_addend[:VALUE_BITS]))
            c_result = Cat(Mux(c_is_larger, c_offered, c_sum[:VALUE_BITS]), c_sum[VALUE_BITS:])
        m.d.comb += [
            c_sum.eq(c_addend + c_product),
            accumulators.write.valid.eq(self.c_valid),
            accumulators.write.address.eq(c_row),
            accumulators.write.data.eq(Mux(c_write_back, 0, c_result)),
        ]
        m.d.sync += [
            self.k_valid.eq(self.c_valid),
            self.k_row.eq(c_row),
            k_write_back.eq(c_write_back),
            self.k_sum.eq(c_result),
        ]
        with m.If(self.c_valid & (c_sum[width] != c_sum[width - 1])):
            m.d.sync += self.overflow.eq(1)
        with m.If(self.clear_overflow):
            m.d.sync += self.overflow.eq(0)
        return k_write_back

    def _elaborate_shift(self, m: Module) -> tuple[Value, list[Value]]:
        """Stage K: the shifted sum with one fraction bit; the sum does not fit if one of the list is 1."""
        return shift_halves(m, self.k_sum, self.shift, self._config.activation_bits, "k")

    def _elaborate_saturate(self, m: Module, k_write_back: Signal, halves: Value, unfit: list[Value]):
        """Stage O: rounded, clipped by ReLU, saturated."""
        width = self._config.activation_bits
        negative = self.k_sum[-1]
        o_halves = Signal(signed(width + 1))
        o_negative = Signal()
        o_clipped = Signal()
        o_fits = Signal()
        output = self.k_valid & k_write_back
        m.d.sync += [
            self.o_valid.eq(output & ~self.clearing if self._config.maps else output),
            *([] if self._config.maps else [self.o_row.eq(self.k_row)]),
            o_halves.eq(halves),
            o_negative.eq(negative),
            o_clipped.eq(negative & self.relu),
            o_fits.eq(~Cat(*unfit).any()),
        ]
        rounded = Signal(signed(width + 1))
        m.d.comb += [
            rounded.eq((o_halves + 1) >> 1),
            # A sum that fits rounds to 0 from 0 and from minus one half.
            self.o_nonzero.eq(~o_clipped & ~(o_fits & (o_halves.all() | ~o_halves.any()))),
        ]
        if self._config.maps:
            # Rounding, which drops the bit below, leads past the limit from one half above it.
            passes = o_halves[:width] >= Cat(C(1, 1), self.limit)
            most = self.limit
        else:
            passes = rounded[width - 1]
            most = largest_activation(self._config)
        with m.If(o_clipped):
            m.d.comb += self.o_value.eq(0)
        with m.Elif(o_negative & ~o_fits):
            m.d.comb += self.o_value.eq(-1 << width - 1)
        with m.Elif(~o_negative & (~o_fits | passes)):
            m.d.comb += self.o_value.eq(most)
        with m.Else():
            m.d.comb += self.o_value.eq(rounded)
