"""sim/sweep/recommend.py: the best point within limits, and what stands in the way where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config import PRESETS
from model.errors import EieError
from sim.energy.technology import load_technology
from sim.metrics.metrics import Metrics
from sim.sweep.front import Candidate, candidates
from sim.sweep.points import points
from sim.sweep.recommend import GOALS, Limits, recommend
from sim.sweep.results import row
from tests.support.tools.sweep import record

TECHNOLOGY = load_technology()


def found(*costs: tuple[int, int]) -> list[Candidate]:
    """A point for each pair of cycles and sparse-matrix reads; deeper queues, so larger ones, one after the other."""
    space = points(PRESETS["eie64"], {"queue_depth": tuple(range(1, 1 + len(costs)))})
    rows = [row(point, "L", record(*cost), TECHNOLOGY) for point, cost in zip(space, costs, strict=True)]
    return candidates(rows)


def depth(candidate: Candidate | None) -> int | None:
    return None if candidate is None else candidate.fields["queue_depth"]


def test_every_goal_has_its_point() -> None:
    made = found((1000, 1000), (800, 10**6), (900, 1000))
    best = {goal: depth(recommend(made, goal, Limits()).best) for goal in GOALS}
    assert best == {"time": 2, "energy": 3, "area": 1, "product": 3}


@given(st.lists(st.tuples(st.integers(100, 120), st.integers(0, 3)), min_size=1, max_size=8))
def test_no_point_is_better_than_the_recommended_one(costs: list[tuple[int, int]]) -> None:
    made = found(*costs)
    for goal, figure in GOALS.items():
        best = recommend(made, goal, Limits()).best
        assert best is not None
        assert best.value(figure) == min(each.value(figure) or 0 for each in made)


def test_limits_leave_points_out() -> None:
    made = found((1000, 1000), (800, 10**6), (900, 1000))
    areas = [each.value(Metrics.area_mm2) or 0 for each in made]
    assert areas == sorted(areas)
    small = recommend(made, "time", Limits(mm2=areas[0]))
    assert depth(small.best) == 1
    assert (small.within, small.of) == (1, 3)
    powers = [each.value(Metrics.milliwatts) or 0 for each in made]
    assert powers[1] == max(powers)
    assert depth(recommend(made, "time", Limits(mw=powers[2])).best) == 3
    second = 1e6 / (made[2].value(Metrics.microseconds) or 0)
    assert depth(recommend(made, "area", Limits(fps=second)).best) == 2
    assert depth(recommend(made, "energy", Limits(fps=second)).best) == 3


def test_limits_that_no_point_keeps_together_are_counted_one_by_one() -> None:
    made = found((1000, 1000), (800, 10**6))
    areas = [each.value(Metrics.area_mm2) or 0 for each in made]
    second = 1e6 / (made[1].value(Metrics.microseconds) or 0)
    none = recommend(made, "time", Limits(mm2=areas[0], fps=second))
    assert none.best is None
    assert none.within == 0
    assert list(none.kept_by.values()) == [1, 1]
    assert none.payload()["config"] is None
    nothing = recommend([], "time", Limits(mm2=1))
    assert nothing.best is None
    assert nothing.of == 0


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_limits_are_positive_numbers(value: float) -> None:
    with pytest.raises(EieError, match=r"--max-mw must be a number above 0, got"):
        Limits(mw=value)
