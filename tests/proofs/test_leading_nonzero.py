"""Leading-nonzero detection names exactly the lowest pending PEs, in order, and says whether there are more."""

import pytest
from amaranth.hdl import Const, Mux, Signal

from hw.control import leading_nonzero
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove


def lowest(unit, pes: int, broadcasts: int):
    """Against a search from PE 0 on, as it would be written without a tree."""
    tree = unit.LeadingNonzero(pes, broadcasts)
    proof = bench(tree)
    found = Const(0, 2)
    chosen = []
    right = Const(1)
    for pe in range(pes):
        bit = tree.pending[pe]
        chosen.append(bit & (found < broadcasts))
        for number, lane in enumerate(tree.o.lanes):
            named = lane.valid & (lane.index == pe)
            right &= ~(bit & (found == number)) | named
        following = Signal(2, name=f"found_{pe}")
        proof.m.d.comb += following.eq(Mux(bit & (found != 3), found + 1, found))
        found = following
    for number, lane in enumerate(tree.o.lanes):
        right &= lane.valid == (found > number)
    right &= tree.o.more == (found > broadcasts)
    for pe, bit in enumerate(chosen):
        right &= tree.chosen[pe] == bit
    # A register behind the answer: the prover wants a state.
    proof.require(proof.before(right, init=1))
    return proof


@pytest.mark.parametrize("broadcasts", [1, 2])
@pytest.mark.parametrize("pes", [2, 3, 4, 5, 11, 16])
def test_the_lowest_are_named(pes: int, broadcasts: int):
    assert prove(lowest(leading_nonzero, pes, broadcasts)) == PROVED


@pytest.mark.parametrize(
    ("broadcasts", "old", "new"),
    [
        (1, "below.index + number * self._span", "below.index + number"),
        (1, "low.more | high.more | overflow", "low.more | overflow"),
        (1, "overflow = low.lanes[0].valid & high.lanes[0].valid", "overflow = low.lanes[0].valid"),
        (2, "(low.lanes[0].valid & high.lanes[1].valid)", "(low.lanes[1].valid & high.lanes[1].valid)"),
        (2, "both.lanes[1].eq(high.lanes[0])", "both.lanes[1].eq(high.lanes[1])"),
        (2, "a[1] | b[1] | (a[0] & b[0])", "a[1] | b[1]"),
    ],
)
def test_a_fault_is_found(broadcasts: int, old: str, new: str):
    assert prove(lowest(planted(leading_nonzero, old, new), 16, broadcasts)) == FAILED
