"""sim/metrics/figure.py: numbers keep their digits at any size, columns of counts, what stands for several layers."""

import pytest

from sim.metrics.figure import number
from sim.metrics.metrics import Metrics


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (71_911.4, 0, "71,911"),
        (0.5312, 0, "0.531"),
        (1.26, 0, "1.26"),
        (2.0, 0, "2"),
        (0.0, 0, "0"),
        (0.0, 2, "0.00"),
        (7.283, 2, "7.28"),
        (0.0804, 2, "0.0804"),
        (9_877.84, 1, "9,877.8"),
        (0.000123456, 1, "0.000123"),
        (1.5e-12, 1, "1.50e-12"),
        (-0.0444, 1, "-0.0444"),
    ],
)
def test_three_digits_at_least(value: float, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


def test_counts_are_whole_unless_a_mean_of_the_column_is_not() -> None:
    assert Metrics.cycles.cells([10_444.0, 3.0]) == ["10,444", "3"]
    assert Metrics.cycles.cells([10_444.5, 3.0]) == ["10,444.5", "3.0"]
    assert Metrics.useful_efficiency.cells([0.586, 0.00047, 0.0]) == ["58.6 %", "0.047 %", "0.0 %"]
    assert Metrics.pj_per_useful_mac.cells([None, 1.26]) == ["-", "1.26"]


def test_what_stands_for_several_layers() -> None:
    assert Metrics.cycles.over([100.0, 400.0]) == pytest.approx(200)
    assert Metrics.cycles.over([3.3]) == 3.3
    assert Metrics.stalls.over([0.0, 400.0]) == 0
    assert Metrics.area_mm2.over([1.0, 3.0, 2.0]) == 3
    assert Metrics.pj_per_useful_mac.over([1.0, None]) is None
