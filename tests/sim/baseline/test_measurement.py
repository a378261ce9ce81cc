"""sim/baseline/measurement.py: how often a product runs, what its times become, what is refused."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count, islice

import numpy as np
import pytest

from model.errors import EieError
from sim.baseline.layer_product import LayerMatrix, layer_matrix
from sim.baseline.measurement import Budget, Clock, Library, Meter, Run, no_meter, time_layer, wall_clock
from sim.paper import PAPER_LAYERS


@pytest.fixture(scope="module")
def matrix() -> LayerMatrix:
    return layer_matrix(replace(PAPER_LAYERS["NT-We"], inputs=50, outputs=30), seed=1, batch=4)


def dense(matrix: LayerMatrix, batch: int) -> Run:
    return lambda: matrix.dense @ matrix.operand(batch)


@dataclass
class FakeDevice:
    """Runs everything and says of the k-th run since the last question that it took k times `unit` microseconds."""

    libraries: list[Library]
    unit: float = 1.0
    asked: list[int] = field(default_factory=list)
    meter: Meter = no_meter

    @property
    def clock(self) -> Clock:
        def times(run: Run, runs: int) -> list[float]:
            self.asked.append(runs)
            for _ in range(runs):
                run()
            return [self.unit * number for number in islice(count(1), runs)]

        return times


NUMPY = Library(name="numpy", form="dense", prepare=dense)


def test_times_are_per_frame_with_median_quartiles_and_extremes(matrix: LayerMatrix) -> None:
    device = FakeDevice([NUMPY])
    one, four = time_layer(matrix, device, [1, 4], [1], Budget(repeats=101))
    assert device.asked == [3, 101, 3, 101]
    assert (one.minimum_us, one.lower_quartile_us, one.median_us, one.upper_quartile_us, one.maximum_us) == (
        1,
        26,
        51,
        76,
        101,
    )
    assert (four.batch, four.median_us, four.maximum_us) == (4, 51 / 4, 101 / 4)
    assert (one.library, one.form, one.threads, one.runs) == ("numpy", "dense", 1, 101)
    assert one.microjoules is one.watts is None


@pytest.mark.parametrize(
    ("unit", "repeats", "runs"),
    [(1000, 200, 200), (1000, 700, 500), (100_000, 200, 5), (10_000_000, 200, 5), (10_000_000, 2, 2)],
)
def test_runs_end_with_repeats_or_with_the_seconds(matrix: LayerMatrix, unit: float, repeats: int, runs: int) -> None:
    device = FakeDevice([NUMPY], unit)
    (timing,) = time_layer(matrix, device, [1], [1], Budget(repeats=repeats, seconds=0.5))
    assert timing.runs == runs
    assert device.asked == [3, runs]


def test_threads_are_set_only_where_they_matter(matrix: LayerMatrix) -> None:
    inside: list[int] = []

    @contextmanager
    def threads(wanted: int) -> Generator[int]:
        inside.append(wanted)
        yield min(wanted, 3)

    scaling = replace(NUMPY, threads=threads, scales=True)
    timings = time_layer(matrix, FakeDevice([scaling, NUMPY]), [1], [2, 8], Budget(repeats=1))
    assert inside == [2, 8]
    assert [timing.threads for timing in timings] == [2, 3, 1]


def test_energy_is_that_of_runs_that_fill_the_seconds(matrix: LayerMatrix) -> None:
    runs = 0

    def prepare(matrix: LayerMatrix, batch: int) -> Run:
        def run() -> object:
            nonlocal runs
            runs += 1
            return matrix.dense @ matrix.operand(batch)

        return run

    device = FakeDevice([replace(NUMPY, prepare=prepare)], meter=lambda: 5.0 * runs)
    began = time.perf_counter()
    (timing,) = time_layer(matrix, device, [4], [1], Budget(repeats=1, seconds=0.02))
    elapsed = time.perf_counter() - began
    measured = runs - 1 - 3 - 1  # without the check, the warm-up and the timed run
    assert elapsed >= 0.02
    assert measured >= 100
    assert timing.microjoules == pytest.approx(5e6 / 4)
    assert timing.watts is not None
    assert 5.0 * measured / elapsed <= timing.watts <= 5.0 * measured / 0.02


def test_a_wrong_product_is_not_timed(matrix: LayerMatrix) -> None:
    wrong = replace(NUMPY, name="bad", prepare=lambda matrix, batch: lambda: 2 * dense(matrix, batch)())
    device = FakeDevice([wrong])
    with pytest.raises(EieError, match=r"^bad dense on NT-We, batch 1: wanted the product within"):
        time_layer(matrix, device, [1], [1], Budget())
    assert device.asked == []


def test_a_library_that_fails_is_named_in_one_sentence(matrix: LayerMatrix) -> None:
    def prepare(matrix: LayerMatrix, batch: int) -> Run:
        raise RuntimeError("out of memory\ndetails")

    failing = Library(name="torch", form="CSR", prepare=prepare)
    with pytest.raises(EieError, match=r"^torch CSR cannot compute NT-We: out of memory$"):
        time_layer(matrix, FakeDevice([failing]), [1], [1], Budget())


def test_the_wall_clock_measures_each_call() -> None:
    pauses = iter([0.002, 0.02])
    short, long = wall_clock(lambda: time.sleep(next(pauses)), 2)
    assert short >= 2000
    assert long >= 20_000
    assert np.isfinite([short, long]).all()
