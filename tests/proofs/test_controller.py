"""The central control unit: states are legal, broadcasts come when they may and only then, no state lasts for ever."""

import pytest
from amaranth.hdl import Cat, Mux, Signal

from hw.control import broadcast, controller
from hw.control.leading_nonzero import LeadingNonzero
from model.config import PRESETS
from model.layouts import FLUSH_CYCLES, ControlState
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

ROWS = 3
CYCLES = 40  # two short layers one after the other take about that
LONG = 400  # by property-directed reachability; unbounded it has not ended


def config(lanes: int):
    return PRESETS["tiny4"].with_(
        pes=2, activation_depth=ROWS, layers=2, pointer_depth=16, broadcasts_per_cycle=lanes, code_bits=1
    )


def control(unit, lanes: int):
    """With the leading-nonzero tree, pending bits as the PEs keep them, and queues that do anything."""
    sizes = config(lanes)
    ccu = unit.Controller(sizes)
    proof = bench(ccu)
    m = proof.m
    m.submodules.tree = tree = LeadingNonzero(sizes.pes, lanes)
    pending, nonzero = Signal(sizes.pes), proof.free(sizes.pes)
    m.d.sync += pending.eq(Mux(ccu.take, nonzero, pending & ~ccu.clear))
    m.d.comb += [tree.pending.eq(pending), ccu.nonzero.eq(tree.o), ccu.chosen.eq(tree.chosen)]
    # What the loader lets through.
    entry = ccu.layer_write.entry
    in_range = (entry.in_rows - 1 < ROWS) & (entry.in_rows != 0) & (entry.out_rows != 0) & (entry.out_rows <= ROWS)
    m_first = entry.first_row + entry.in_rows <= ROWS
    proof.assume(~ccu.layer_write.valid | (in_range & m_first & ccu.waiting & (ccu.layer_write.address < sizes.layers)))
    written = Signal(sizes.layers, reset_less=True)
    with m.If(ccu.layer_write.valid):
        m.d.sync += written.eq(written | (1 << ccu.layer_write.address))
    in_rows, out_rows = (
        [Signal(range(ROWS + 1), reset_less=True, name=f"{name}_{number}") for number in range(sizes.layers)]
        for name in ("in_rows", "out_rows")
    )
    for number in range(sizes.layers):
        with m.If(ccu.layer_write.valid & (ccu.layer_write.address == number)):
            m.d.sync += [in_rows[number].eq(entry.in_rows), out_rows[number].eq(entry.out_rows)]
    proof.assume(ccu.layers <= sizes.layers)
    for number in range(sizes.layers):
        proof.assume((ccu.layers <= number) | written[number])
    proof.assume(ccu.waiting | (ccu.layers == proof.before(ccu.layers)) | proof.before(ccu.waiting))
    proof.assume(~proof.before(ccu.accepted) | (ccu.layers == proof.before(ccu.layers)))

    proof.assume(~ccu.row_done | ccu.unload_row)

    state = ccu.state
    broadcasting = state == ControlState.BROADCAST
    valid = Cat(lane.valid for lane in ccu.selected.lanes)
    # For each number of activations selected meanwhile, whether a queue was full in the cycle before.
    fullness = Cat(Cat(full[behind] for full in ccu.full).any() for behind in range(2 * lanes + 1))
    free = ~proof.before(fullness >> ccu.coming).bit_select(ccu.coming, 1)
    may = broadcasting & pending.any() & free
    # A selection happens exactly when something is pending and no queue is full: what waits is never forgotten.
    proof.require(valid.any() == proof.before(may))
    proof.require(ccu.clear.any() == may)
    proof.require((ccu.clear & ~pending) == 0)
    if lanes == 2:
        proof.require(~valid[1] | valid[0])
        proof.require(valid.all() == proof.before(may & pending.all()))
    proof.require(~(proof.before(broadcasting) & ~broadcasting) | ~pending.any())
    proof.require(~(proof.before(broadcasting & ~ccu.take)) | (pending == proof.before(pending & ~ccu.clear)))

    legal = Cat(state == known for known in ControlState)
    proof.require(legal.any())
    proof.require(ccu.running | ccu.unloading | (state == ControlState.IDLE) | (state == ControlState.CLEAR))
    proof.require(ccu.row < ROWS)
    proof.require(~ccu.write_back.valid | (ccu.write_back.row < ROWS))
    proof.require(~ccu.start | (state == ControlState.IDLE))
    proof.require((ccu.accepted | ccu.start_refused) == ccu.start_strobe)
    proof.require(~(ccu.accepted & ccu.start_refused))
    sent = Cat(lane.valid for lane in ccu.broadcast)
    proof.require(sent == proof.before(valid))
    proof.require(~(ccu.begin_layer & (valid.any() | sent.any())))  # what the PEs forget is not in use
    # What is selected is still there when it is fetched, a cycle later: `current` moves behind `take`.
    proof.require(~ccu.shift | ccu.read)
    proof.require(ccu.shift | ~proof.before(ccu.take))

    # As many rows are broadcast, and written back, as the layer has.
    for at, rows in ((ControlState.BROADCAST, in_rows), (ControlState.WRITE_BACK, out_rows)):
        left = proof.before(state == at) & (state != at)
        layer_rows = Mux(proof.before(ccu.layer_number)[0], rows[1], rows[0])
        proof.require(~left | (proof.before(ccu.row) + 1 == layer_rows))

    # Every state is left: after so many of its cycles in which nobody else holds it up.
    proof.at_most(ROWS, state == ControlState.CLEAR)
    for short in (ControlState.PREFETCH_0, ControlState.PREFETCH_1, ControlState.PREFETCH_2, ControlState.PREFETCH_3):
        proof.at_most(1, state == short)
    proof.at_most(ROWS, state == ControlState.WRITE_BACK)
    proof.at_most(FLUSH_CYCLES, state == ControlState.FLUSH)
    proof.at_most(2 * ROWS, broadcasting & free)
    proof.at_most(2, (state == ControlState.DRAIN) & ccu.queue_empty.all())
    proof.at_most(ROWS, (state == ControlState.UNLOAD) & ccu.row_done)
    return proof


@pytest.mark.parametrize("lanes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_control_goes_on(lanes: int):
    assert prove(control(controller, lanes), CYCLES) == PROVED


@pytest.mark.slow
def test_control_goes_on_for_longer():
    assert prove(control(controller, 1), LONG, reached=True) == PROVED


@pytest.mark.slow
def test_a_fault_is_found_in_longer_runs():
    faulty = planted(controller, "self.row + 2 == rows", "self.row + 1 == rows")
    assert prove(control(faulty, 1), LONG, reached=True) == FAILED


@pytest.mark.parametrize(
    ("lanes", "old", "new"),
    [
        (1, "self.row + 2 == rows", "self.row + 1 == rows"),
        (1, "flush == flush_cycles(self._config) - 1", "flush == flush_cycles(self._config)"),
        (1, "self.start_strobe & self.waiting & self.loader_waiting", "self.start_strobe & self.loader_waiting"),
        (1, "self.row == self._config.activation_depth - 1", "self.row == self._config.activation_depth"),
        (1, "init=ControlState.CLEAR", "init=15"),
    ],
)
def test_a_fault_is_found(lanes: int, old: str, new: str):
    assert prove(control(planted(controller, old, new), lanes), CYCLES) == FAILED


@pytest.mark.parametrize(
    ("lanes", "old", "new"),
    [
        (1, "(all_selected & ~is_full)", "all_selected"),
        (1, "fire.eq(nonzero.lanes[0].valid & ~is_full)", "fire.eq(nonzero.lanes[0].valid)"),
        (2, "chosen.valid.eq(alone & lane.valid)", "chosen.valid.eq(alone)"),
        (1, "chosen_pes & fire.replicate(config.pes)", "chosen_pes"),
    ],
)
def test_a_wrong_broadcast_is_found(lanes: int, old: str, new: str):
    decide = planted(broadcast, old, new).decide_broadcasts
    assert prove(control(planted(controller, decide_broadcasts=decide), lanes), CYCLES) == FAILED
