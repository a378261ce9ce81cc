"""sim/energy/area_check.py: the area model on the paper's machine comes back to Table II."""

from dataclasses import replace

import pytest

from sim.energy.area_check import (
    FITTED,
    PAPER_KINDS_UM2,
    PAPER_PE_UM2,
    PAPER_QUEUE_BITS,
    PAPER_UNITS_UM2,
    SHARES,
    AreaRow,
    check_area,
)
from sim.energy.check import PAPER_MEMORIES, TAKEN
from sim.energy.technology import Figure, Technology, load_technology

EXPLAINED = {"pointer read": -0.079, "sparse-matrix read": 0.010, "activation read/write": 0.254}  # docs/energy.md


def rows(technology: Technology | None = None) -> dict[str, AreaRow]:
    return {row.part: row for row in check_area(technology or load_technology())}


def test_table_ii_adds_up() -> None:
    filler = PAPER_KINDS_UM2["filler cells"]
    assert sum(PAPER_KINDS_UM2.values()) == PAPER_PE_UM2
    assert sum(PAPER_UNITS_UM2.values()) + filler == PAPER_PE_UM2


def test_total_and_parts_come_back_to_the_paper() -> None:
    found = rows()
    assert found["PE"].model == pytest.approx(638_024, rel=1e-5)
    assert found["array of 64 PEs"].model == pytest.approx(40.84, abs=0.005)
    for part, row in found.items():
        if part in EXPLAINED:
            assert row.deviation == pytest.approx(EXPLAINED[part], abs=0.001), part
        else:
            assert abs(row.deviation) < 0.002, part


def test_units_and_kinds_both_sum_to_the_pe() -> None:
    found = rows()
    assert sum(found[part].model for part in PAPER_KINDS_UM2) == pytest.approx(found["PE"].model)
    units = sum(found[part].model for part in PAPER_UNITS_UM2)
    assert units + found["filler cells"].model == pytest.approx(found["PE"].model)


def test_figures_of_the_technology_are_what_their_sources_say() -> None:
    technology = load_technology()
    banks = (PAPER_MEMORIES.sparse_matrix, *[PAPER_MEMORIES.pointer_bank] * 2, PAPER_MEMORIES.activation)
    cacti = sum(technology.sram(memory.bytes, memory.bits)[0].area_um2 for memory in banks)
    assert cacti == pytest.approx(538_757, abs=1)
    assert technology.area("memory_scale") == pytest.approx(594_786 / cacti, abs=5e-4)
    assert technology.area("queue_bit") == pytest.approx(758 / PAPER_QUEUE_BITS, abs=5e-4)
    assert technology.area("other_logic") == 866 + 9_465 + 8_946 - 758 - 3_110
    assert technology.area("filler_share") == pytest.approx(23_961 / (638_024 - 23_961), abs=5e-6)


def test_what_is_fitted_or_taken_is_said() -> None:
    found = rows()
    assert {part for part, row in found.items() if row.rests_on == FITTED} == {"PE", "memory", "array of 64 PEs"}
    assert {part for part, row in found.items() if row.rests_on == SHARES} == set(EXPLAINED)
    assert all(row.rests_on in (FITTED, SHARES, TAKEN) for row in found.values())


def test_without_the_fitted_factor_the_model_is_nine_percent_small() -> None:
    technology = load_technology()
    area = {**technology.figures["area"], "memory_scale": Figure(1.0, "ratio", "None.")}
    found = rows(replace(technology, figures={**technology.figures, "area": area}))
    assert found["PE"].deviation == pytest.approx(-0.091, abs=0.001)
    assert found["memory"].deviation == pytest.approx(-0.094, abs=0.001)
    assert found["logic"].model == pytest.approx(rows()["logic"].model)
