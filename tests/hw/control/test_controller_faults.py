"""Upset registers and layer tables: the control unit comes to an end whatever they say (architecture.md, 6)."""

import pytest

from hw.control.controller import Controller
from model.config import ArrayConfig
from model.layouts import ControlState, patience_bits
from tests.support.hw.units import simulate

CONFIG = ArrayConfig(
    pes=2,
    queue_depth=2,
    row_bits=16,
    sparse_matrix_depth=3,
    pointer_depth=8,
    activation_depth=5,
    constant_depth=70,
    stream_bits=32,
    layers=4,
)
# A run of the most layers of the most rows, each of them with its fixed cycles, unloaded at once.
ENOUGH = CONFIG.layers * (2 * CONFIG.activation_depth + 30) + 2 * CONFIG.activation_depth


def run(in_rows=1, out_rows=1, layers=1, full=0, queue_empty=-1, pending=0):
    """Cycles from the start to IDLE, and in which states, after the start was accepted with one layer in the table."""
    dut = Controller(CONFIG)
    states, faults = [], []

    async def testbench(ctx):
        ctx.set(dut.layer_write, {"valid": 1, "entry": {"in_rows": in_rows, "out_rows": out_rows}})
        ctx.set(dut.full, [0b111 if full >> pe & 1 else 0 for pe in range(CONFIG.pes)])
        ctx.set(dut.queue_empty, queue_empty & 0b11)
        ctx.set(dut.nonzero, {"lanes": [{"valid": pending}]})
        for address in range(CONFIG.layers):
            ctx.set(dut.layer_write.address, address)
            await ctx.tick()
        await ctx.tick().until(dut.waiting)
        ctx.set(dut.layer_write.valid, 0)
        ctx.set(dut.layers, 1)
        ctx.set(dut.loader_waiting, 1)
        ctx.set(dut.start_strobe, 1)
        await ctx.tick()
        ctx.set(dut.start_strobe, 0)
        ctx.set(dut.layers, layers)
        limit = ENOUGH + (1 << patience_bits(CONFIG))
        while ctx.get(dut.state) != ControlState.IDLE:
            states.append(ctx.get(dut.state))
            faults.append(ctx.get(dut.fault))
            assert len(states) < limit, "the control unit does not come to an end"
            ctx.set(dut.row_done, ctx.get(dut.unload_row))
            await ctx.tick()
        assert ctx.get(dut.done) == (not any(faults))

    simulate(dut, testbench)
    return states, faults


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 6, 7])
def test_any_number_of_source_rows_ends(rows):
    states, faults = run(in_rows=rows)
    assert not any(faults)
    assert states.count(ControlState.BROADCAST) == min(max(rows, 1), CONFIG.activation_depth)


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 6, 7])
def test_any_number_of_output_rows_ends(rows):
    states, faults = run(out_rows=rows)
    assert not any(faults)
    ended = min(max(rows, 1), CONFIG.activation_depth)
    assert states.count(ControlState.WRITE_BACK) == ended
    assert states.count(ControlState.UNLOAD) == 2 * ended - 1  # a cycle between rows


@pytest.mark.parametrize(("layers", "ended"), [(0, 1), (1, 1), (2, 2), (4, 4), (7, 4)])
def test_any_number_of_layers_ends(layers, ended):
    states, faults = run(layers=layers)
    assert not any(faults)
    assert states.count(ControlState.PREFETCH_0) == ended


def test_a_queue_that_never_empties_is_given_up():
    states, faults = run(queue_empty=0b01)
    assert states.count(ControlState.DRAIN) == 1 << patience_bits(CONFIG)
    assert (states[-1], faults.index(1)) == (ControlState.DRAIN, len(states) - 1)


def test_a_queue_that_stays_full_is_given_up():
    states, faults = run(full=0b10, pending=1)
    assert states.count(ControlState.BROADCAST) == 1 << patience_bits(CONFIG)
    assert (states[-1], faults.index(1)) == (ControlState.BROADCAST, len(states) - 1)
