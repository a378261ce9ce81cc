"""The central control unit with `maps`: the same as in test_controller.py, and a row of local mode goes at once."""

import pytest
from amaranth.hdl import Cat, Mux, Signal

from hw.control import broadcast, controller
from hw.control.leading_nonzero import LeadingNonzero
from model.config import PRESETS
from model.layouts import ControlState, flush_cycles
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

ROWS, SUMS = 4, 3  # depths of activation memory and accumulators
CYCLES = 48  # after CLEAR a layer and the beginning of another

CONFIG = PRESETS["tiny4"].with_(
    pes=2, activation_depth=ROWS, accumulator_depth=SUMS, layers=2, pointer_depth=16, code_bits=1, maps=True
)


def control(unit):
    """With the leading-nonzero tree, pending bits as the PEs keep them, and queues that do anything."""
    ccu = unit.Controller(CONFIG)
    proof = bench(ccu)
    m = proof.m
    m.submodules.tree = tree = LeadingNonzero(CONFIG.pes, 1)
    pending, nonzero = Signal(CONFIG.pes), proof.free(CONFIG.pes)
    m.d.sync += pending.eq(Mux(ccu.take, nonzero, pending & ~ccu.clear))
    m.d.comb += [tree.pending.eq(pending), ccu.nonzero.eq(tree.o), ccu.chosen.eq(tree.chosen), ccu.pending.eq(pending)]
    # What the loader lets through.
    entry, written = ccu.layer_write.entry, Signal(CONFIG.layers, reset_less=True)
    in_range = (entry.in_rows != 0) & (entry.in_rows <= ROWS) & (entry.out_rows != 0) & (entry.out_rows <= SUMS)
    proof.assume(~ccu.layer_write.valid | (in_range & ccu.waiting & (ccu.layer_write.address < CONFIG.layers)))
    in_rows, out_rows = (
        [Signal(range(ROWS + 1), reset_less=True, name=f"{name}_{number}") for number in range(CONFIG.layers)]
        for name in ("in_rows", "out_rows")
    )
    with m.If(ccu.layer_write.valid):
        m.d.sync += written.eq(written | (1 << ccu.layer_write.address))
    for number in range(CONFIG.layers):
        with m.If(ccu.layer_write.valid & (ccu.layer_write.address == number)):
            m.d.sync += [in_rows[number].eq(entry.in_rows), out_rows[number].eq(entry.out_rows)]
        proof.assume((ccu.layers <= number) | written[number])
    proof.assume(ccu.layers <= CONFIG.layers)
    proof.assume(ccu.waiting | (ccu.layers == proof.before(ccu.layers)) | proof.before(ccu.waiting))
    proof.assume(~proof.before(ccu.accepted) | (ccu.layers == proof.before(ccu.layers)))
    proof.assume(~ccu.row_done | ccu.unload_row)

    state, local = ccu.state, ccu.layer.geometry.local
    broadcasting = state == ControlState.BROADCAST
    valid = Cat(lane.valid for lane in ccu.selected.lanes)
    fullness = Cat(Cat(full[behind] for full in ccu.full).any() for behind in range(3))
    free = ~proof.before(fullness >> ccu.coming).bit_select(ccu.coming, 1)
    may = broadcasting & pending.any() & free
    # Something is selected exactly when something is pending and no queue is full; in local mode all that is pending.
    proof.require(valid.any() == proof.before(may))
    proof.require(ccu.clear.any() == may)
    proof.require((ccu.clear & ~pending) == 0)
    proof.require(~(may & local) | (ccu.clear == pending))
    proof.require(~proof.before(may & local & ~ccu.take) | ~broadcasting)  # one cycle, then the next row
    proof.require(~may | local | (ccu.clear == (pending & (~pending + 1))))
    proof.require(~(proof.before(broadcasting) & ~broadcasting) | ~pending.any())
    proof.require(~proof.before(broadcasting & ~ccu.take) | (pending == proof.before(pending & ~ccu.clear)))

    proof.require(Cat(state == known for known in ControlState).any())
    proof.require(ccu.running | ccu.unloading | (state == ControlState.IDLE) | (state == ControlState.CLEAR))
    proof.require(ccu.row < ROWS)
    # PEs count accumulators from 0 while operations follow each other: there are never more than accumulators.
    operations = Signal(range(SUMS + 1))
    m.d.sync += operations.eq(Mux(ccu.write_back.valid, operations + 1, 0))
    proof.require(~ccu.write_back.valid | (operations < SUMS))
    proof.require((ccu.accepted | ccu.start_refused) == ccu.start_strobe)
    proof.require(Cat(lane.valid for lane in ccu.broadcast) == proof.before(valid))
    proof.require(~(ccu.begin_layer & valid.any()))
    proof.require(~ccu.shift | ccu.read)
    proof.require(ccu.shift | ~proof.before(ccu.take))
    # As many rows are scanned, and written back, as the layer has.
    for at, rows in ((ControlState.BROADCAST, in_rows), (ControlState.WRITE_BACK, out_rows)):
        left = proof.before(state == at) & (state != at)
        layer_rows = Mux(proof.before(ccu.layer_number)[0], rows[1], rows[0])
        proof.require(~left | (proof.before(ccu.row) + 1 == layer_rows))

    # Every state is left: after so many of its cycles in which nobody else holds it up.
    proof.at_most(SUMS + flush_cycles(CONFIG), state == ControlState.CLEAR)
    for short in (ControlState.PREFETCH_0, ControlState.PREFETCH_1, ControlState.PREFETCH_2, ControlState.PREFETCH_3):
        proof.at_most(1, state == short)
    proof.at_most(SUMS, state == ControlState.WRITE_BACK)
    proof.at_most(flush_cycles(CONFIG), state == ControlState.FLUSH)
    proof.at_most(2 * ROWS, broadcasting & free)
    proof.at_most(2, (state == ControlState.DRAIN) & ccu.queue_empty.all())
    proof.at_most(SUMS, (state == ControlState.UNLOAD) & ccu.row_done)
    return proof


@pytest.mark.slow
def test_control_goes_on():
    assert prove(control(controller), CYCLES) == PROVED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.row != self._config.accumulators - 1", "self.row != self._config.accumulators"),
        ("flush != flush_cycles(self._config)", "flush != flush_cycles(self._config) + 1"),
    ],
)
def test_a_fault_is_found(old: str, new: str):
    assert prove(control(planted(controller, old, new)), CYCLES) == FAILED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("~nonzero.more | local if", "~nonzero.more if"),
        ("ccu.chosen | (ccu.pending & local.replicate(config.pes))", "ccu.chosen"),
    ],
)
def test_a_wrong_push_is_found(old: str, new: str):
    decide = planted(broadcast, old, new).decide_broadcasts
    assert prove(control(planted(controller, decide_broadcasts=decide)), CYCLES) == FAILED
