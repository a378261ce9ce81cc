"""sim/energy/check.py: the model on the paper's activity against Table II, within the stated bounds."""

from dataclasses import replace

import pytest

from sim.energy.check import (
    BOTH,
    DEALT,
    EVENTS,
    PAPER_KINDS_MW,
    PAPER_UNITS_MW,
    PAPER_UNITS_UM2,
    TAKEN,
    CheckRow,
    check,
    unit_power,
)
from sim.energy.technology import Figure, Technology, load_technology

WITHIN_TOTAL, WITHIN_PART = 0.05, 0.25


def rows(technology: Technology | None = None) -> dict[str, CheckRow]:
    return {row.part: row for row in check(technology or load_technology())}


def changed(part: str, name: str, factor: float) -> Technology:
    technology = load_technology()
    figure = technology.figures[part][name]
    other = Figure(figure.value * factor, figure.unit, figure.source)
    figures = {**technology.figures, part: {**technology.figures[part], name: other}}
    return replace(technology, figures=figures)


def test_table_ii_adds_up() -> None:
    assert sum(PAPER_KINDS_MW.values()) == pytest.approx(9.157)
    assert sum(PAPER_UNITS_MW.values()) == pytest.approx(9.157, abs=0.002)


def test_total_and_parts_come_back_to_the_paper() -> None:
    for part, row in rows().items():
        if part in ("PE", "array of 64 PEs"):
            assert abs(row.deviation) < WITHIN_TOTAL, part
        else:
            assert abs(row.deviation) < WITHIN_PART, part


def test_figures_by_hand() -> None:
    found = rows()
    pointer, matrix = 2 * 9.17274 / 8 * 0.8 + 2 * 0.00130728, 32.2859 / 8 * 0.8 + 0.00937484
    arithmetic = (0.05 + 0.6 + 0.1 + 0.359279) * 0.8 + 0.00001528
    clock, registers = 1.874 / 614_063, 1.026 / (240 + 2048)
    activation = 0.00018898
    total = pointer + matrix + arithmetic + activation + 1.874 + 1.026
    assert found["PE"].model_mw == pytest.approx(total)
    assert found["array of 64 PEs"].model_mw == pytest.approx(64 * total + 21 * 0.023)
    assert found["memory"].model_mw == pytest.approx(pointer + matrix + activation)
    assert found["combinational"].model_mw == pytest.approx(arithmetic)
    assert found["activation queue"].model_mw == pytest.approx(758 * clock + 240 * registers)
    assert found["pointer read"].model_mw == pytest.approx(pointer + 121_849 * clock)
    assert found["sparse-matrix read"].model_mw == pytest.approx(matrix + 469_412 * clock)
    assert found["arithmetic unit"].model_mw == pytest.approx(arithmetic + 3_110 * clock)
    assert found["activation read/write"].model_mw == pytest.approx(activation + 18_934 * clock + 2048 * registers)
    accesses = (0.359279 + 0.576069) / 8 * 0.8 + (0.359279 + 0.576069) * 0.8
    assert found["registers as events"].model_mw == pytest.approx(accesses, abs=1e-4)


def test_what_is_dealt_out_is_all_there_is() -> None:
    units, _, _ = unit_power(load_technology())
    assert list(units) == list(PAPER_UNITS_MW) == list(PAPER_UNITS_UM2)
    assert sum(unit.clock for unit in units.values()) == pytest.approx(1.874)
    assert sum(unit.registers for unit in units.values()) == pytest.approx(1.026)


def test_units_and_kinds_both_sum_to_the_pe() -> None:
    found = rows()
    for parts in (PAPER_KINDS_MW, PAPER_UNITS_MW):
        assert sum(found[part].model_mw for part in parts) == pytest.approx(found["PE"].model_mw)


def test_what_is_taken_from_table_ii_is_said_and_nothing_else_equals_it() -> None:
    for row in check(load_technology()):
        assert row.rests_on in (EVENTS, TAKEN, BOTH, DEALT)
        assert (abs(row.deviation) < 1e-9) == (row.rests_on == TAKEN), row.part


def test_an_events_energy_moves_its_parts() -> None:
    before, after = rows(), rows(changed("event", "multiply", 2))
    moved = {part for part, row in after.items() if row != before[part]}
    assert moved == {"PE", "combinational", "arithmetic unit", "array of 64 PEs"}
    assert after["PE"].model_mw == pytest.approx(before["PE"].model_mw + 0.6 * 0.8)


@pytest.mark.parametrize("event", ["queue_write", "queue_read"])
def test_accesses_to_registers_are_not_counted_twice(event: str) -> None:
    before, after = rows(), rows(changed("event", event, 2))
    assert {part for part, row in after.items() if row != before[part]} == {"registers as events"}
