"""sim/energy/area.py: what each part of an array takes, and how it grows."""

import pytest

from model.config import PRESETS
from sim.energy.area import NARROW, array_area, estimate
from sim.energy.memories import Memory
from sim.energy.technology import load_technology

TECHNOLOGY = load_technology()
SCALE = 1.104
FILLER = 1.03902


def test_parts_by_hand() -> None:
    area = array_area(PRESETS["eie64"].with_(pointer_depth=1024, queue_depth=4), TECHNOLOGY)
    pointer_bits = 15 + 3
    assert area.pe_um2["activation queue"] == pytest.approx(4 * (16 + 2 * pointer_bits) * 3.158)
    assert area.pe_um2["sparse-matrix read"] == pytest.approx(429589 * SCALE)
    bank = TECHNOLOGY.sram(512 * pointer_bits / 8, pointer_bits)[0].area_um2
    assert area.pe_um2["pointer read"] == pytest.approx(2 * bank * SCALE)
    constant, activation = (TECHNOLOGY.sram(2048, 16)[0].area_um2 for _ in range(2))
    accumulator = TECHNOLOGY.sram(2048, 32)[0].area_um2
    assert area.pe_um2["arithmetic unit"] == pytest.approx(3110 + constant * SCALE)
    assert area.pe_um2["activation read/write"] == pytest.approx((activation + accumulator) * SCALE)
    assert area.pe_um2["other logic"] == 15409
    cells = sum(um2 for part, um2 in area.pe_um2.items() if part != "filler cells")
    assert area.total_pe_um2 == pytest.approx(cells * FILLER)
    assert area.lnzd_um2 == 21 * 189
    assert area.mm2 == pytest.approx((64 * area.total_pe_um2 + 21 * 189) / 1e6)


def test_the_papers_sizes_cost_a_little_more_here() -> None:
    """Accumulators and codebooks are memories, pointers are wider: nothing else differs from the paper's 40.8 mm2."""
    assert array_area(PRESETS["eie64"], TECHNOLOGY).mm2 == pytest.approx(42.86, abs=0.01)


@pytest.mark.parametrize("field", ["queue_depth", "sparse_matrix_depth", "pointer_depth", "activation_depth", "pes"])
def test_more_of_anything_takes_more(field: str) -> None:
    array = PRESETS["eie64"]
    larger = array.with_(**{field: 2 * getattr(array, field)})
    assert array_area(larger, TECHNOLOGY).mm2 > array_area(array, TECHNOLOGY).mm2


def test_what_no_area_depends_on() -> None:
    array = PRESETS["eie64"]
    other = array.with_(clock_mhz=100, skip_empty_slices=True, row_dealing="balanced", name="other")
    assert array_area(other, TECHNOLOGY) == array_area(array, TECHNOLOGY)


def test_a_memory_outside_the_measured_ones_has_the_area_per_bit_of_the_nearest() -> None:
    memories = {"sparse-matrix read": [Memory(8 << 20, 64)], "pointer read": [Memory(16, 16)] * 2}
    area = estimate(TECHNOLOGY, pes=1, queue_bits=0, memories=memories)
    assert area.pe_um2["sparse-matrix read"] == pytest.approx(8 * 3262826 * SCALE)
    assert area.pe_um2["pointer read"] == pytest.approx(2 * 568 / 8 * SCALE)
    assert area.pe_um2["activation queue"] == 0
    assert area.memory_um2 == area.pe_um2["sparse-matrix read"] + area.pe_um2["pointer read"]
    assert len(area.remarks) == 2
    assert area.remarks[1].startswith("sparse-matrix read: a memory of 8,388,608 bytes, 64 bits wide, lies outside")
    assert not array_area(PRESETS["eie64"], TECHNOLOGY).remarks


def test_functions_take_a_table() -> None:
    array = PRESETS["mcu16"]
    before, after = (array_area(array.with_(functions=functions), TECHNOLOGY) for functions in (False, True))
    table = TECHNOLOGY.sram(512 * 29 / 8, 29)[0].area_um2 * SCALE
    assert after.pe_um2["arithmetic unit"] - before.pe_um2["arithmetic unit"] == pytest.approx(table)
    assert [remark for remark in after.remarks if "function unit" in remark]
    assert not [remark for remark in before.remarks if "function unit" in remark]


def test_8_bit_activations_take_half_their_memory_and_the_multiplier_is_the_paper_s():
    before = array_area(PRESETS["eie64"], TECHNOLOGY)
    after = array_area(PRESETS["eie64"].with_(activation_bits=8), TECHNOLOGY)
    assert NARROW in after.remarks
    smaller = {unit for unit, um2 in before.pe_um2.items() if after.pe_um2[unit] < um2}
    assert {"activation queue", "activation read/write"} <= smaller
    assert after.pe_um2["arithmetic unit"] == before.pe_um2["arithmetic unit"]
