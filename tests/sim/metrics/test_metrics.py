"""sim/metrics/metrics.py: every figure against the events it is made of, and that one declaration is enough."""

from dataclasses import replace

import pytest

from model.config import PRESETS
from sim.energy.area import array_area
from sim.energy.components import COMPONENTS
from sim.energy.events import Events
from sim.energy.model import EnergyModel
from sim.energy.technology import load_technology
from sim.metrics import metrics as module
from sim.metrics import tables
from sim.metrics.figure import figure
from sim.metrics.metrics import FIGURES, Metrics
from sim.sweep import results

ARRAY = PRESETS["eie64"]
EVENTS = Events(**{name: float(number + 3) for number, name in enumerate(Events.__dataclass_fields__)})


def metrics(events: Events = EVENTS) -> Metrics:
    return Metrics(config=ARRAY, events=events, technology=load_technology())


def test_figures_of_work_by_hand() -> None:
    made, events = metrics(), EVENTS
    assert made.microseconds == events.cycles / 800
    assert made.useful_efficiency == events.useful_macs / events.cycles / 64
    assert made.balance == events.busy_cycles / events.cycles / 64
    assert made.ideal_cycles == events.entries / 64
    assert made.cycles_over_ideal == pytest.approx(64 * events.cycles / events.entries)
    assert metrics(replace(events, entries=0.0)).cycles_over_ideal is None


def test_figures_of_energy_and_area_are_those_of_their_models() -> None:
    made, energy = metrics(), EnergyModel.of_array(ARRAY, load_technology()).energy(EVENTS)
    assert made.energy == energy
    assert made.energy_nj == energy.total_nj
    assert made.energy_delay_nj_us == pytest.approx(energy.total_nj * energy.microseconds)
    assert made.area_mm2 == array_area(ARRAY, load_technology()).mm2
    components = [each.get(made) for each in FIGURES if each.group == "component"]
    assert components == [energy.nanojoules[name] for name in COMPONENTS]


def test_json_has_every_figure_once() -> None:
    found = metrics().payload()
    assert [*found, *found["energy"]] == [
        *(each.name for each in FIGURES if each.group == "work"),
        *("energy", "nanojoules"),
        *(each.name for each in FIGURES if each.group == "energy"),
    ]
    assert len({each.name for each in FIGURES}) == len(FIGURES)
    assert found["energy"]["nanojoules"] == dict(metrics().energy.nanojoules)


def test_one_vector_takes_its_share() -> None:
    each = metrics(replace(EVENTS, vectors=4.0)).each_vector
    assert (each.vectors, each.cycles) == (1, EVENTS.cycles / 4)
    assert each.energy_nj == pytest.approx(metrics().energy_nj / 4)
    assert each.useful_efficiency == pytest.approx(metrics().useful_efficiency)


def test_every_figure_says_what_it_is() -> None:
    for each in FIGURES:
        assert each.meaning.endswith("."), each.name
        assert f"| `{each.name}` | {each.heading} | {each.unit} | {each.meaning} | {each.term} |" in tables.markdown()


def test_a_new_figure_is_one_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every table, JSON and the documentation; a sweep's columns are made from the same list at import."""

    @figure("macs", "", 1, term="operations")
    def macs_per_cycle(made: Metrics) -> float:
        """Multiply-accumulates over cycles."""
        return made.events.macs / made.events.cycles

    for place in (module, tables):
        monkeypatch.setattr(place, "FIGURES", (*FIGURES, macs_per_cycle))
    assert metrics().payload()["macs_per_cycle"] == EVENTS.macs / EVENTS.cycles
    for table in ("run", "bench", "page", "front"):
        shown = tables.columns(table)
        assert tables.headings(shown)[-1] == "macs"
        body, total = tables.rows({"a": metrics()}, shown, metrics())
        assert body[0][-1] == total[-1] == f"{EVENTS.macs / EVENTS.cycles:.2f}"
    assert "| `macs_per_cycle` | macs |  | Multiply-accumulates over cycles. | operations |" in tables.markdown()
    assert [name for name in results.COLUMNS if name in {each.name for each in FIGURES}] == [
        each.name for each in FIGURES
    ]
