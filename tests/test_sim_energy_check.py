"""sim/energy_check.py: the model on the paper's activity against Table II, within the stated bounds."""

from dataclasses import replace

import pytest

from sim.energy_check import BOTH, EVENTS, PAPER_KINDS_MW, PAPER_UNITS_MW, TAKEN, CheckRow, check
from sim.technology import Figure, Technology, load_technology

WITHIN_TOTAL, WITHIN_PART = 0.10, 0.25
EXPLAINED = {"pointer read": 0.451}  # docs/energy.md


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
        elif part in EXPLAINED:
            assert row.deviation == pytest.approx(EXPLAINED[part], abs=0.001), part
        else:
            assert abs(row.deviation) < WITHIN_PART, part


def test_figures_by_hand() -> None:
    found = rows()
    pointer, matrix, queue = 2 * 9.17274 / 8 * 0.8, 32.2859 / 8 * 0.8, 0.935 / 8 * 0.8
    arithmetic, accumulators = (0.05 + 0.6 + 0.1 + 0.359279) * 0.8, (0.359279 + 0.576069) * 0.8
    leakage = 0.00937484 + 2 * 0.00130728 + 0.00018898 + 2 * 0.00001528
    events = pointer + matrix + queue + arithmetic + accumulators
    total = events + leakage + 1.874 + 1.026
    assert found["PE"].model_mw == pytest.approx(total)
    assert found["array of 64 PEs"].model_mw == pytest.approx(64 * total + 21 * 0.023)
    assert found["memory"].model_mw == pytest.approx(pointer + matrix + queue + accumulators + leakage)
    assert found["combinational"].model_mw == pytest.approx(arithmetic)
    assert found["sparse-matrix read"].model_mw == pytest.approx(matrix * total / events)


def test_units_and_kinds_both_sum_to_the_pe() -> None:
    found = rows()
    for parts in (PAPER_KINDS_MW, PAPER_UNITS_MW):
        assert sum(found[part].model_mw for part in parts) == pytest.approx(found["PE"].model_mw)


def test_what_is_taken_from_table_ii_is_said_and_nothing_else_equals_it() -> None:
    for row in check(load_technology()):
        assert row.rests_on in (EVENTS, TAKEN, BOTH)
        assert (abs(row.deviation) < 1e-9) == (row.rests_on == TAKEN), row.part


@pytest.mark.parametrize(
    ("event", "part"), [("multiply", "combinational"), ("queue_write", "memory"), ("queue_read", "activation queue")]
)
def test_an_events_energy_moves_its_parts(event: str, part: str) -> None:
    before, after = rows(), rows(changed("event", event, 2))
    assert after[part].model_mw > before[part].model_mw
    assert after["PE"].deviation > before["PE"].deviation
    assert after["clock"] == before["clock"]
