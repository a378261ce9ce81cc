"""Every loop over layers ends: it goes back loop_count - 1 times, whatever layers lie inside of it."""

import pytest
from amaranth.hdl import Mux, Signal

from hw.control import loop_counter
from model.config import PRESETS
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

CONFIG = PRESETS["tiny4"].with_(maps=True, functions=True, accumulator_depth=24, activation_depth=4, pointer_depth=128)
ITERATION_BITS = 4  # of a copy of the unit: the solver counts along


def loop(unit):
    """One loop of any loop_count, layers that end no loop in any number before its last one, starts at any time."""
    dut = unit.LoopCounter(CONFIG)
    proof = bench(dut)
    m = proof.m
    count, inner = proof.fixed(ITERATION_BITS), proof.free(1)
    steps = [proof.fixed(len(dut.source_offset)) for _ in range(2)]
    proof.assume(count >= 2)
    m.d.comb += [
        dut.functions.loop_count.eq(Mux(inner, proof.free(1), count)),
        dut.functions.source_step.eq(steps[0]),
        dut.functions.result_step.eq(steps[1]),
    ]
    # A layer takes longer than two cycles: the cycle before its end is its own.
    same = proof.before(dut.functions.loop_count) == dut.functions.loop_count
    quiet = ~proof.before(dut.ends, init=1) & ~proof.before(dut.clear, init=1)
    proof.assume(~dut.ends | (same & quiet & ~dut.clear))
    gone_back = Signal(ITERATION_BITS)
    with m.If(dut.clear):
        m.d.sync += gone_back.eq(0)
    with m.Elif(dut.ends & (dut.functions.loop_count == count)):
        m.d.sync += gone_back.eq(Mux(dut.again, gone_back + 1, 0))
    proof.require(dut.iteration == gone_back)
    proof.require(gone_back < count)
    proof.require(~(dut.ends & dut.again) | (dut.functions.loop_count == count))
    proof.require(~(dut.ends & ~dut.again & (dut.functions.loop_count == count)) | (gone_back == count - 1))
    proof.require((gone_back != 0) | ((dut.source_offset == 0) & (dut.result_offset == 0)))
    return proof


def test_every_loop_ends():
    assert prove(loop(planted(loop_counter, ITERATION_BITS=ITERATION_BITS))) == PROVED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.ends & is_loop & ~self.again", "self.ends & ~self.again"),
        ("self.iteration + 1 < functions.loop_count", "self.iteration < functions.loop_count"),
        ("with m.If(self.ends & self.again):", "with m.If(self.ends):"),
        ("self.clear | (self.ends", "(self.ends"),
    ],
)
def test_a_fault_is_found(old: str, new: str):
    assert prove(loop(planted(loop_counter, old, new, ITERATION_BITS=ITERATION_BITS))) == FAILED
