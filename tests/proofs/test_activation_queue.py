"""The activation queue never holds more than its depth or less than nothing, and keeps the order; `full` means room."""

import pytest
from amaranth.hdl import Mux, Signal

from hw.control import any_full
from hw.pe import activation_queue, queue_level
from model.config import PRESETS
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

DEPTH = 4


def config(lanes: int, depth: int = DEPTH):
    # The narrowest elements there are: what is in them does not matter.
    return PRESETS["tiny4"].with_(
        pes=1,
        queue_depth=depth,
        broadcasts_per_cycle=lanes,
        code_bits=1,
        index_bits=1,
        row_bits=4,
        sparse_matrix_depth=2,
        activation_bits=8,
    )


def order(unit, lanes: int):
    """A marked push comes out as the same element, after those that were in the queue before it and no others."""
    queue = unit.ActivationQueue(config(lanes))
    proof = bench(queue)
    m = proof.m
    count = Signal(range(DEPTH + 1))
    pushes = sum(queue.push[lane] for lane in range(lanes))
    m.d.sync += count.eq(count + pushes - queue.pop)
    proof.assume(count + pushes <= DEPTH)
    proof.assume(~queue.pop | queue.available)
    proof.require(queue.available == (count != 0))

    mark, lane = proof.free(1), proof.free(1)  # this cycle's push is the marked one; on which lane
    tracked = Signal()
    ahead = Signal(range(DEPTH + 1))
    tails = [queue.tails[number].as_value() for number in range(lanes)]
    element = Signal.like(tails[0])
    marks = mark & ~tracked & (queue.push[0] if lanes == 1 else queue.push.bit_select(lane, 1))
    behind = lane & queue.push[0] if lanes == 2 else 0  # a lane 0 that is pushed beside it
    leaves = tracked & queue.pop & (ahead == 0)
    with m.If(marks):
        m.d.sync += [
            tracked.eq(1),
            element.eq(tails[0] if lanes == 1 else Mux(lane, tails[1], tails[0])),
            ahead.eq(count - queue.pop + behind),
        ]
    with m.Elif(leaves):
        m.d.sync += tracked.eq(0)
    with m.Elif(queue.pop):
        m.d.sync += ahead.eq(ahead - 1)
    proof.require(~leaves | (queue.head.as_value() == element))
    return proof


def room(level_unit, full_unit, lanes: int, depth: int):
    """Broadcasts that stop at `is_full` never find the queue without room, whatever is skipped and when it is done."""
    level = level_unit.QueueLevel(config(lanes, depth))
    proof = bench(level)
    m = proof.m
    m.submodules.any_full = any_full = full_unit.AnyFull(config(lanes, depth))
    fire = proof.free(range(lanes + 1))
    proof.assume(fire <= Mux(any_full.is_full, 0, lanes))
    selected, b_count, p_count, q_count = (
        Signal(range(lanes + 1), name=name) for name in ("selected", "b_count", "p_count", "q_count")
    )
    m.d.sync += [selected.eq(fire), b_count.eq(selected), p_count.eq(b_count), q_count.eq(p_count)]
    m.d.comb += [level.coming.eq(selected), any_full.coming.eq(selected), any_full.full[0].eq(level.full)]
    skipped = proof.free(range(lanes + 1))
    proof.assume(skipped <= q_count)
    m.d.comb += [level.skipped.eq(skipped), level.pushed.eq(q_count - skipped)]
    proof.assume(~level.done | (level.count != 0))
    taken = level.count + selected + b_count + p_count + q_count
    proof.require(taken <= depth)
    # Full is what was so in the cycle before, with what has been selected since.
    proof.require(any_full.is_full == (proof.before(taken) + selected + lanes > depth))
    proof.require(level.empty == (level.count + b_count + p_count + q_count == 0))
    return proof


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 2])
def test_order_is_kept(lanes: int):
    assert prove(order(activation_queue, lanes)) == PROVED


@pytest.mark.parametrize(
    ("lanes", "old", "new"),
    [
        (1, "stored.eq(stored + pushes - self.pop)", "stored.eq(stored + pushes)"),
        (1, "at == depth - 1, 0, at + 1", "at == depth - 1, 1, at + 1"),
        (2, "is_next & self.push[0], self.tails[0]", "is_next & self.push[1], self.tails[0]"),
        (2, "self.pop & read_odd", "self.pop"),
    ],
)
def test_a_wrong_order_is_found(lanes: int, old: str, new: str):
    assert prove(order(planted(activation_queue, old, new), lanes)) == FAILED


@pytest.mark.parametrize(("lanes", "depth"), [(1, 1), (1, 3), (1, 8), (2, 4), (2, 8)])
def test_full_means_room(lanes: int, depth: int):
    assert prove(room(queue_level, any_full, lanes, depth)) == PROVED


@pytest.mark.parametrize(
    ("lanes", "old", "new"),
    [
        (2, "full.eq(Mux(self.done, reached > room + 1, reached > room))", "full.eq(reached > room + self.done + 1)"),
        (2, "Mux(self.done, reached > room + 1", "Mux(self.done, reached > room + 2"),
        (2, "self.empty.eq(reached == self.done)", "self.empty.eq(reached == 0)"),
        (1, "level + self.coming - self.skipped", "level + self.coming"),
    ],
)
def test_an_overflow_is_found(lanes: int, old: str, new: str):
    assert prove(room(planted(queue_level, old, new), any_full, lanes, 4 if lanes == 2 else 1)) == FAILED


@pytest.mark.parametrize(
    ("lanes", "old", "new"),
    [
        (1, "self.is_full.eq(is_full_after[coming])", "self.is_full.eq(is_full_after[0])"),
        (2, "any_full[coming : coming + len(counts)]", "any_full[: len(counts)]"),
    ],
)
def test_a_forgotten_selection_is_found(lanes: int, old: str, new: str):
    assert prove(room(queue_level, planted(any_full, old, new), lanes, 4 if lanes == 2 else 1)) == FAILED
