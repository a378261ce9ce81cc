"""Stages F to Z of a PE with `functions`: sigmoid or tanh of an output, and its product with another activation."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.hdl import C, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.function_layouts import ending_layout
from hw.pe.rounding import shift_halves
from model.config import ArrayConfig
from model.fixed_point import INT16_MAX, INT16_MIN
from model.function_table import BASE_BITS, NODE_BITS, SLOPE_BITS, TABLE_FRACTION_BITS, TABLE_WORDS, function_table
from model.layouts import VALUE_BITS

TABLE_WORD = data.StructLayout({"base": BASE_BITS, "slope": SLOPE_BITS})


class FunctionStages(wiring.Component):
    """What stands between the rounded sum and the activation memory; docs/contract/architecture.md, section 13.

    Latency: five cycles, from stage O to stage L; what leaves L waits in stage Z, registers that the activation memory
    has at its inputs. Throughput: an output per cycle. The table is a memory of 512 words that nothing writes; its
    address is a register.

    The line between two nodes is 64 * base + slope * rest. Of a negative argument it is wanted negated, and for tanh
    less one half: so the rest and the base are negated before they are multiplied and added, and what the result is
    rounded by is added to the base with the constant that it needs anyway. There is one sum of the results' width.

    Parameters
    ----------
    config : sizes of the array, with `functions`.

    Members
    -------
    o_valid, o_value : the output in stage O; ending : In(ending_layout(config)), what is to become of it.
    second : the second operand, in the cycle in which the output is in stage H.
    l_valid, l_value : what is to be stored, five cycles after stage O; the value comes out of logic.
    l_nonzero : l_value is not 0; known earlier than the value.
    z_valid : l_valid of the cycle before.
    """

    def __init__(self, config: ArrayConfig):
        super().__init__(
            {
                "o_valid": In(1),
                "o_value": In(signed(VALUE_BITS)),
                "ending": In(ending_layout(config)),
                "second": In(VALUE_BITS),
                "l_valid": Out(1),
                "l_value": Out(signed(VALUE_BITS)),
                "l_nonzero": Out(1),
                "z_valid": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # Validity and what becomes of an output travel with it; the letter is that of the stage that uses the register.
        valid, ending = self.o_valid, self.ending
        endings = {}
        for stage in "fghjl":
            stage_valid = self.l_valid if stage == "l" else Signal(name=f"{stage}_valid")
            endings[stage] = Signal(ending.shape(), name=f"{stage}_ending", reset_less=True)
            m.d.sync += [stage_valid.eq(valid), endings[stage].eq(ending)]
            valid, ending = stage_valid, endings[stage]
        m.d.sync += self.z_valid.eq(valid)

        h_value = self._elaborate_table(m, endings)
        self._elaborate_product(m, endings, h_value)
        return m

    def _elaborate_table(self, m: Module, endings) -> Signal:
        """Stages O to H. Gives the value that the product is made of."""
        m.submodules.table = table = memory.Memory(
            shape=TABLE_WORD,
            depth=TABLE_WORDS,
            init=[{"base": base, "slope": slope} for base, slope in function_table()],
        )
        read = table.read_port()
        magnitude = Signal(VALUE_BITS)
        argument = Signal(VALUE_BITS)
        is_last = argument[-1]  # 16, the end of the last line
        f_node = Signal(range(TABLE_WORDS), reset_less=True)
        f_rest = Signal(NODE_BITS + 1, reset_less=True)
        f_value = Signal(signed(VALUE_BITS), reset_less=True)
        m.d.comb += [
            magnitude.eq(abs(self.o_value)),
            argument.eq(magnitude),
        ]
        with m.If(self.ending.is_tanh):
            m.d.comb += argument.eq(Mux(magnitude[-2:].any(), 1 << VALUE_BITS - 1, magnitude << 1))
        m.d.sync += [
            f_node.eq(argument[NODE_BITS:-1] | is_last.replicate(len(f_node))),
            f_rest.eq(Cat(argument[:NODE_BITS], is_last)),
            f_value.eq(self.o_value),
        ]

        g_rest = Signal(signed(NODE_BITS + 2), reset_less=True)
        g_value = Signal(signed(VALUE_BITS), reset_less=True)
        m.d.comb += [read.en.eq(endings["f"].function), read.addr.eq(f_node)]
        m.d.sync += [g_rest.eq(Mux(f_value[-1], -f_rest, f_rest)), g_value.eq(f_value)]

        # In units of 64 of the sum; a unit is half of what tanh is rounded to, a quarter of that for sigmoid.
        one = 1 << TABLE_FRACTION_BITS
        constants = {"sigmoid": (2, one + 2), "tanh": (1 - one // 2, one // 2 + 1)}  # of positive and negative ones
        negative = g_value[-1]
        g_constant = Signal(signed(BASE_BITS + 1))
        h_base = Signal(signed(BASE_BITS + 1), reset_less=True)
        h_line = Signal(signed(SLOPE_BITS + NODE_BITS + 2), reset_less=True)
        h_value = Signal(signed(VALUE_BITS), reset_less=True)
        # Minus the base is all its bits turned around, and one more.
        positive_constant, negative_constant = (
            Mux(endings["g"].is_tanh, C(of_tanh, signed(BASE_BITS + 1)), C(of_sigmoid, signed(BASE_BITS + 1)))
            for of_sigmoid, of_tanh in zip(constants["sigmoid"], constants["tanh"], strict=True)
        )
        m.d.comb += g_constant.eq(Mux(negative, negative_constant, positive_constant))
        turned = Signal(signed(BASE_BITS + 1))
        m.d.comb += turned.eq(Cat(read.data.base, 0) ^ negative.replicate(BASE_BITS + 1))
        m.d.sync += [
            h_base.eq(turned + g_constant + negative),
            h_line.eq(read.data.slope * g_rest),
            h_value.eq(g_value),
        ]

        h_sum = Signal(signed(BASE_BITS + 1 + NODE_BITS))
        m.d.comb += h_sum.eq((h_base << NODE_BITS) + h_line)
        scaled = Signal(signed(VALUE_BITS + 2))
        result = Signal(signed(VALUE_BITS))
        m.d.comb += [
            scaled.eq(Mux(endings["h"].is_tanh, h_sum >> 7, h_sum >> 8)),
            result.eq(scaled),
        ]
        with m.If(~scaled[-1] & scaled[VALUE_BITS - 1]):
            m.d.comb += result.eq(INT16_MAX)  # rounded up to 1
        with m.If(~endings["h"].function):
            m.d.comb += result.eq(h_value)
        return result

    def _elaborate_product(self, m: Module, endings, h_value: Signal):
        """Stages H to L. What is not multiplied is multiplied by 1."""
        j_value = Signal(signed(VALUE_BITS), reset_less=True)
        j_second = Signal(signed(VALUE_BITS), reset_less=True)
        l_product = Signal(signed(2 * VALUE_BITS), reset_less=True)
        l_shift = Signal.like(endings["j"].product_shift, reset_less=True)
        product = endings["h"].product
        m.d.sync += [
            j_value.eq(h_value),
            j_second.eq(Mux(product, self.second, 1)),
            l_product.eq(j_value * j_second),
            l_shift.eq(Mux(endings["j"].product, endings["j"].product_shift, 0)),
        ]

        halves, unfit = shift_halves(m, l_product, l_shift, VALUE_BITS, "l")
        negative = l_product[-1]
        fits = Signal()
        rounded = Signal(signed(VALUE_BITS + 1))
        m.d.comb += [
            fits.eq(~Cat(*unfit).any()),
            rounded.eq((halves.as_signed() + 1) >> 1),
            self.l_value.eq(rounded),
            # A product that fits rounds to 0 from 0 and from minus one half.
            self.l_nonzero.eq(~(fits & (halves.all() | ~halves.any()))),
        ]
        with m.If(negative & ~fits):
            m.d.comb += self.l_value.eq(INT16_MIN)
        with m.Elif(~negative & (~fits | rounded[VALUE_BITS - 1])):
            m.d.comb += self.l_value.eq(INT16_MAX)
