"""Shift right and round half up: what is left of a number that may not fit an activation."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.hdl import Value


def shift_halves(m: Module, value: Value, shift: Value, output_bits: int, prefix: str) -> tuple[Value, list[Value]]:
    """The shifted value with one fraction bit, output_bits + 1 of it; it does not fit if one of the list is 1.

    All within the cycle; `prefix` names the signals between. With one fraction bit kept, adding one and dropping it
    rounds half up: shift 0 then needs no case of its own. What fits them can round up past the largest output, but
    never below the smallest. The largest step comes first, so that each leaves only the bits that the smaller ones can
    still move down; those it drops tell what fits.
    """
    width = len(value)
    negative = value[-1]
    halves = Cat(0, value)
    unfit = []
    for step in reversed(range((width - 1).bit_length())):
        kept = output_bits + (1 << step)
        moved = Cat(halves, negative.replicate(1 << step))[1 << step :]
        dropped = halves[kept:]
        unfit.append(~shift[step] & Mux(negative, ~dropped.all(), dropped.any()))
        narrowed = Signal(min(kept, len(halves)), name=f"{prefix}_shifted_{1 << step}")
        m.d.comb += narrowed.eq(Mux(shift[step], moved, halves))
        halves = narrowed
    return halves, [*unfit, halves[-1] ^ negative]
