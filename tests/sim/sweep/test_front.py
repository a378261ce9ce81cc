"""sim/sweep/front.py: which points no other beats, over one layer and over several."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config import PRESETS
from sim.energy.technology import load_technology
from sim.metrics.metrics import Metrics
from sim.sweep.front import Candidate, candidates, mark_front, pareto_front, varied_fields
from sim.sweep.points import points
from sim.sweep.results import Row, row
from sim.sweep.work import Record
from sim.terminal.output import Output
from sim.terminal.sweep_tables import show_front
from tests.support.tools.sweep import record

TECHNOLOGY = load_technology()


def rows(records: dict[str, list[Record]]) -> list[Row]:
    """Of points that differ in the depth of the queue, 1, 2, ...: deeper is larger."""
    depths = range(1, 1 + max(map(len, records.values())))
    space = points(PRESETS["eie64"], {"queue_depth": tuple(depths)})
    return [
        row(point, layer, found[number], TECHNOLOGY)
        for number, point in enumerate(space)
        for layer, found in records.items()
    ]


def test_on_the_front_is_what_no_other_beats() -> None:
    made = rows({"L": [record(1000), record(1000), record(900), record(950, reads=0), record(800, reads=10**6)]})
    front = mark_front(made)
    # The second costs what the first does and is larger; every other one is best in something.
    assert [candidate.fields["queue_depth"] for candidate in front] == [5, 3, 4, 1]
    assert [cells["pareto"] for cells in made] == [True, False, True, True, True]


@dataclass(frozen=True)
class Priced:
    costs: tuple[int, int, int]


COSTS = st.tuples(*[st.integers(0, 4)] * 3)


@given(st.lists(COSTS, max_size=30))
def test_the_front_is_that_of_the_definition(costs: list[tuple[int, int, int]]) -> None:
    def beaten(mine: tuple[int, int, int]) -> bool:
        return any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in costs)

    priced: Any = [Priced(each) for each in costs]
    assert [candidate.costs for candidate in pareto_front(priced)] == sorted(each for each in costs if not beaten(each))


def test_a_machine_is_measured_over_all_layers() -> None:
    made = rows({"L": [record(1000), record(4000)], "M": [record(9000, sparse_matrix_depth=20000), record(1000)]})
    first, second = candidates(made)
    assert first.value(Metrics.microseconds) == pytest.approx(sqrt(1000 * 9000) / 800)
    assert second.value(Metrics.microseconds) == pytest.approx(sqrt(4000 * 1000) / 800)
    assert first.value(Metrics.energy_nj) == pytest.approx(sqrt(made[0]["energy_nj"] * made[1]["energy_nj"]))
    assert first.value(Metrics.area_mm2) == made[1]["area_mm2"] > made[0]["area_mm2"]
    assert first.value(Metrics.useful_efficiency) == pytest.approx(1000 / 64 / sqrt(1000 * 9000))


def test_a_point_that_skipped_a_layer_is_not_compared() -> None:
    made = rows({"L": [record(1), record(1000)], "M": [{"reason": "too small"}, record(1000)]})
    assert [candidate.fields["queue_depth"] for candidate in mark_front(made)] == [2]
    assert [cells["pareto"] for cells in made] == [False, False, True, True]


def test_no_useful_weight_is_no_error() -> None:
    made = record(1000)
    made["events"]["useful_macs"] = 0.0
    (candidate,) = candidates(rows({"L": [made]}))
    assert candidate.value(Metrics.useful_efficiency) == 0
    assert candidate.value(Metrics.pj_per_useful_mac) is None


def test_table_names_what_was_varied(capsys: pytest.CaptureFixture[str]) -> None:
    made = rows({"L": [record(1000), record(900), record(2000)]})
    show_front(Output(as_json=False), made, mark_front(made))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Pareto front of time, energy and area: 2 of 3 points"
    assert lines[1].split() == ["queue_depth", "us", "useful", "mm2", "total", "nJ", "mW", "nJ", "x", "us"]
    assert [line.split()[:2] for line in lines[3:5]] == [["2", "1.12"], ["1", "1.25"]]
    assert varied_fields(made) == ["queue_depth"]
    made = rows({"L": [record(1000)], "M": [record(4000)]})
    show_front(Output(as_json=False), made, mark_front(made))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("1 of 1 points, geometric means of 2 layers")
    assert lines[3].split()[:2] == ["eie64", "2.50"]


def test_a_front_without_points_is_an_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    made = rows({"L": [{"reason": "too small"}]})
    assert mark_front(made) == []
    show_front(Output(as_json=False), made, [])
    assert "0 of 1 points" in capsys.readouterr().out


def test_machine_is_what_its_rows_say() -> None:
    made = rows({"L": [record(800)]})
    assert Candidate(rows=made).costs == (1.0, made[0]["energy_nj"], made[0]["area_mm2"])
