"""Streams keep what they offer until it is taken, lose nothing and double nothing."""

import pytest
from amaranth.hdl import Mux, Signal

from hw.bus import axi_stream
from hw.control import unloader
from model.config import PRESETS
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

CONFIG = PRESETS["tiny4"].with_(pes=1, stream_bits=32)


def skid(unit):
    """A marked word comes out behind those that were inside before it."""
    buffer = unit.SkidBuffer(4)
    proof = bench(buffer)
    m = proof.m
    i, o = buffer.i, buffer.o
    accepted, leaves = i.valid & i.ready, o.valid & o.ready
    inside, ahead = Signal(range(4)), Signal(range(4))
    m.d.sync += inside.eq(inside + accepted - leaves)
    proof.require((inside <= 2) & (o.valid == (inside != 0)))
    proof.stable(o.valid, o.ready, o.payload)
    proof.at_most(1, ~i.ready & ~proof.before(~o.ready))  # room returns at once

    mark, tracked, word = proof.free(1), Signal(), Signal(4)
    with m.If(mark & accepted & ~tracked):
        m.d.sync += [tracked.eq(1), word.eq(i.payload), ahead.eq(inside - leaves)]
    with m.Elif(tracked & leaves):
        m.d.sync += [ahead.eq(ahead - 1), tracked.eq(ahead != 0)]
    proof.require(~(tracked & leaves & (ahead == 0)) | (o.payload == word))
    return proof


def frames(unit):
    """Frames stay whole in a soft reset: what was begun gets a last word, once, and nothing offered is taken back."""
    buffer = unit.OutputFrames(CONFIG)
    proof = bench(buffer)
    m = proof.m
    i, o = buffer.i, buffer.o
    # The array's output: stable, but a soft reset takes it back.
    offered = proof.before(i.valid & ~i.ready & ~buffer.soft_reset)
    proof.assume(~offered | (i.valid & (i.payload.as_value() == proof.before(i.payload))))
    proof.assume(~proof.before(buffer.soft_reset) | ~i.valid)
    proof.stable(o.valid, o.ready, o.payload)

    # Frames that were begun, by words that came in, and that were ended, by words that went out.
    entered, leaves = i.valid & i.ready, o.valid & o.ready
    is_open, open_now = Signal(), Signal()
    begun, ended = Signal(3), Signal(3)
    m.d.comb += open_now.eq(Mux(entered, ~i.payload.last, is_open))
    m.d.sync += [
        is_open.eq(open_now & ~buffer.soft_reset),
        begun.eq(begun + (entered & ~is_open)),
        ended.eq(ended + (leaves & o.payload.last)),
    ]
    # With nothing on the way, all of them were ended, each once, but one that can go on.
    quiet = Signal(range(6))
    with m.If(o.valid | i.valid | buffer.soft_reset):
        m.d.sync += quiet.eq(0)
    with m.Elif(quiet != 5):
        m.d.sync += quiet.eq(quiet + 1)
    proof.require((quiet != 5) | (begun == (ended + is_open)[:3]))
    proof.at_most(4, o.ready & i.valid & ~i.ready & ~buffer.soft_reset)
    return proof


def unloading(unit):
    """Words of a row, the lowest PEs first, each until it is taken; the last word of the last row is marked."""
    config = PRESETS["tiny4"].with_(pes=6, stream_bits=32)
    sender = unit.Unloader(config)
    proof = bench(sender)
    m = proof.m
    o = sender.o
    # The PEs hold a row, and the controller stays, until the row is done.
    waiting = proof.before(sender.active & ~sender.row_done)
    held = (sender.current.as_value() == proof.before(sender.current)) & (
        sender.last_row == proof.before(sender.last_row)
    )
    proof.assume(~waiting | (sender.active & held))
    proof.stable(o.valid, o.ready, o.payload)
    group = Signal(range(config.groups))
    last = group == config.groups - 1
    taken = o.valid & o.ready
    with m.If(taken):
        m.d.sync += group.eq(Mux(last, 0, group + 1))
    proof.require(o.valid == sender.active)
    proof.require(sender.row_done == (taken & last))
    for number in range(config.groups):
        low, high = sender.current[2 * number], sender.current[2 * number + 1]
        right = (o.payload.data[:16] == low) & (o.payload.data[16:] == high)
        proof.require(~o.valid | (group != number) | right)
    proof.require(~o.valid | (o.payload.last == (sender.last_row & last)))
    return proof


CASES = {"skid": (skid, axi_stream), "frames": (frames, axi_stream), "unloading": (unloading, unloader)}


@pytest.mark.parametrize("name", CASES)
def test_streams_keep_their_words(name: str):
    build, unit = CASES[name]
    assert prove(build(unit)) == PROVED


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("skid", "free = ~self.o.valid | self.o.ready", "free = self.o.ready"),
        ("skid", "free | ~(skid_valid | accept)", "free | ~skid_valid"),
        ("skid", "Mux(skid_valid, skid, self.i.payload)", "self.i.payload"),
        ("skid", "                skid_valid.eq(0),\n", ""),
        ("frames", "self.soft_reset & begun_now", "self.soft_reset & begun"),
        ("frames", "begun_now.eq(~buffer.i.payload.last)", "begun_now.eq(1)"),
        ("frames", "buffer.i.ready & ~cut", "buffer.i.ready"),
        ("frames", "buffer.i.payload.data.eq(0), buffer.i.payload.last.eq(1)", "buffer.i.payload.data.eq(0)"),
        ("unloading", "self.last_row & last_group", "self.last_row"),
        ("unloading", "m.Elif(self.active & self.o.ready)", "m.Elif(self.active)"),
        ("unloading", "m.d.sync += group.eq(0)", "pass"),
    ],
)
def test_a_fault_is_found(name: str, old: str, new: str):
    build, unit = CASES[name]
    assert prove(build(planted(unit, old, new))) == FAILED
