"""sim/timeline/pe_load.py: the load of the PEs, against the schedule walked through cycle by cycle."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from model.config import PRESETS
from model.schedule import LayerSchedule, LayerWork
from sim.timeline.pe_load import BINS, busy_until, timeline


def random_work(seed: int, columns: int = 40, pes: int = 4, skip: bool = False) -> LayerWork:
    random = np.random.default_rng(seed)
    active = np.flatnonzero(random.random(columns) < 0.6)
    counts = random.poisson(1.5, (columns, pes)).astype(np.int32)
    return LayerWork(
        name="fc",
        in_rows=-(-columns // pes),
        out_rows=3,
        columns=active,
        rows=active // pes,
        activations=np.ones(active.size, np.int16),
        counts=counts,
        nonzeros=counts,
        config=PRESETS["tiny4"].with_(skip_empty_slices=skip),
    )


def walked(schedule: LayerSchedule) -> NDArray[np.int64]:
    """(pes, cycles) 1 where a PE works on a slice."""
    working = np.zeros((schedule.pes, schedule.cycles), np.int64)
    for (number, pe), busy in np.ndenumerate(schedule.busy):
        start = schedule.starts[number, pe]
        working[pe, start : start + busy] += 1
    assert working.max(initial=0) <= 1
    return working


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_busy_until_every_cycle(seed: int, skip: bool) -> None:
    schedule = random_work(seed, skip=skip).schedule(2)
    working = walked(schedule)
    expected = np.concatenate([np.zeros((schedule.pes, 1), np.int64), np.cumsum(working, axis=1)], axis=1)
    assert (busy_until(schedule, np.arange(schedule.cycles + 1)) == expected).all()


@pytest.mark.parametrize("skip", [False, True])
def test_runs_stand_one_after_the_other(skip: bool) -> None:
    works = [random_work(seed, columns=160, skip=skip) for seed in range(5)]
    found = timeline(works, 3)
    working = np.concatenate([walked(work.schedule(3)) for work in works], axis=1)
    assert working.shape[1] > BINS
    edges = np.arange(BINS + 1) * working.shape[1] // BINS
    share = np.stack([working[:, a:b].mean(axis=1) for a, b in pairwise(edges.tolist())], axis=1)
    assert found.load.dtype == np.uint8
    assert (found.load == np.rint(100 * share)).all()
    assert found.queues.runs == 5
    assert found.queues.cycles == working.shape[1]


def test_a_short_layer_has_a_bin_per_cycle() -> None:
    work = random_work(1, columns=8)
    found = timeline([work], 8)
    assert (found.load == 100 * walked(work.schedule(8))).all()


def test_a_layer_without_a_broadcast() -> None:
    work = random_work(1)
    nothing = LayerWork(
        name="fc",
        in_rows=work.in_rows,
        out_rows=3,
        columns=work.columns[:0],
        rows=work.rows[:0],
        activations=work.activations[:0],
        counts=work.counts,
        nonzeros=work.nonzeros,
        config=PRESETS["tiny4"],
    )
    assert not timeline([nothing], 8).load.any()
