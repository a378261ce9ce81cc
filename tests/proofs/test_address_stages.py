"""With `maps` no operation leaves accumulators or constants, whatever a descriptor that CHECK lets through says."""

import pytest
from amaranth.hdl import Mux, Signal

from hw.control import write_back_sequence
from hw.pe import address_stages
from model.config import PRESETS
from tests.support.hw.formal import FAILED, PROVED, bench, planted, prove

CONFIG = PRESETS["tiny4"].with_(maps=True, accumulator_depth=24, activation_depth=64)
SMALL = CONFIG.with_(layers=1, code_bits=1, constant_depth=12, accumulator_depth=5, activation_depth=2)


def stages(unit):
    """Any geometry, any entries; write-backs of any accumulator, as state CLEAR gives them before there is a layer."""
    dut = unit.AddressStages(CONFIG)
    proof = bench(dut)
    geometry, out_rows = proof.fixed(dut.geometry.shape()), proof.fixed(len(dut.out_rows))
    proof.m.d.comb += [dut.geometry.eq(geometry), dut.out_rows.eq(out_rows)]
    proof.assume(out_rows <= CONFIG.accumulators)
    proof.assume(~dut.w_valid | ~dut.w_write_back | (dut.w_row < CONFIG.accumulators))
    proof.require(~dut.x_valid | (dut.x_row < Mux(dut.x_write_back, CONFIG.accumulators, out_rows)))
    # A write-back is never dropped and keeps its accumulator.
    given = dut.w_valid & dut.w_write_back
    row = dut.w_row
    for _ in range(5):
        given, row = proof.before(given), proof.before(row)
    proof.require(~given | (dut.x_valid & dut.x_write_back & (dut.x_row == row)))
    proof.require(~(dut.x_valid & dut.x_write_back) | given)
    write_back = dut.w_write_back
    for _ in range(4):
        write_back = proof.before(write_back)
    proof.require(~dut.row_error | (dut.u_valid & ~write_back))
    return proof


def test_no_accumulator_past_the_layers_last():
    assert prove(stages(address_stages)) == PROVED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("u_address[:most] >= self.out_rows", "u_address[:most] > self.out_rows"),
        ("self.x_valid.eq(self.u_valid & ~self.row_error)", "self.x_valid.eq(self.u_valid)"),
        ("self.u_valid & ~u_write_back & past", "self.u_valid & past"),
        ("(on_map | t_write_back)", "on_map"),
        pytest.param("m.d.sync += [t_y.eq(0), t_x.eq(0)]", "m.d.sync += t_y.eq(0)", marks=pytest.mark.slow),
        ("(geometry.channel_mask | self.w_write_back.replicate(MAP_ROW_BITS))", "geometry.channel_mask"),
    ],
)
def test_a_fault_of_the_stages_is_found(old: str, new: str):
    assert prove(stages(planted(address_stages, old, new))) == FAILED


def write_backs(unit):
    """Layers one after the other, each with any out_channels and any bias base."""
    dut = unit.WriteBackSequence(SMALL)
    proof = bench(dut)
    m = proof.m
    proof.assume(~(dut.begin & dut.advance))
    # The layer's numbers change only when it begins.
    begun = Signal()
    last, base = Signal.like(dut.scan.last_out_channel), Signal.like(dut.bias_base)
    with m.If(dut.begin):
        m.d.sync += [begun.eq(1), last.eq(dut.scan.last_out_channel), base.eq(dut.bias_base)]
        proof.assume(dut.bias_base + dut.scan.last_out_channel < SMALL.constant_depth)
    with m.Else():
        proof.assume((dut.scan.last_out_channel == last) & (dut.bias_base == base))
    proof.require(~begun | ((dut.address >= base) & (dut.address <= base + last)))
    return proof


def test_no_bias_past_the_layers_last():
    assert prove(write_backs(write_back_sequence)) == PROVED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("channel == scan.last_out_channel", "channel > scan.last_out_channel"),
        ("with m.If(self.begin):", "with m.If(0):"),
        ("self.address.eq(self.address + 1)", "self.address.eq(self.address + 2)"),
    ],
)
def test_a_fault_of_the_write_backs_is_found(old: str, new: str):
    assert prove(write_backs(planted(write_back_sequence, old, new))) == FAILED
