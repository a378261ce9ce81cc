"""sim/timeline/queue_figures.py: what is counted of the queues, against counting cycle by cycle."""

import numpy as np
import pytest

from model.engine import Engine, run_image
from model.registers import PeCounter
from sim.timeline import queue_figures as module
from sim.timeline.queue_figures import PARTS, queue_figures
from tests.support.images.random_images import random_activations, random_network_image, small_config

DEPTH = 3


def runs_of_a_layer(seed: int, skip: bool = False, inputs: int = 1, columns: int = 60):
    """Schedules of a random layer, one per input, and the engine's results."""
    rng = np.random.default_rng(seed)
    config = small_config(pes=5, queue_depth=DEPTH, skip_empty_slices=skip)
    image = random_network_image(rng, config, [columns, 50], 0.3)
    batch = np.stack([random_activations(rng, image, 0.7) for _ in range(inputs)])
    schedules = [work.schedule(DEPTH) for (work,) in Engine(image).work(batch)]
    return schedules, [run.layers[0] for run in run_image(image, batch)]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("window", [7, 1 << 14])
def test_counts_of_every_cycle(monkeypatch, skip, window):
    monkeypatch.setattr(module, "WINDOW", window)
    (schedule,), (result,) = runs_of_a_layer(1, skip)
    figures = queue_figures(schedule)
    held = schedule.occupancy(4, schedule.drained + 1).T.tolist()
    levels = [level for row in held for level in row]
    assert (figures.runs, figures.cycles, figures.stalls) == (1, result.cycles, result.stalls)
    assert figures.computing == len(held) == result.compute_cycles - 4 + result.drain_cycles
    assert figures.histogram.tolist() == [levels.count(level) for level in range(DEPTH + 1)]
    # A slice that enters an empty queue is issued from the cycle after: its PE starves a cycle longer.
    assert 0 < figures.histogram[0] < result.counters[PeCounter.STARVED_CYCLES].sum()
    assert figures.shares.sum() == pytest.approx(1)
    assert figures.mean == pytest.approx(np.mean(levels))
    assert figures.fullest == pytest.approx(np.mean([max(row) for row in held]))
    assert figures.most == max(levels) == DEPTH
    decided, before = schedule.broadcasts, schedule.occupancy(3, schedule.drained).max(axis=0).tolist()
    coming = [sum(cycle - 5 <= at < cycle for at in decided) for cycle in range(4, schedule.drained + 1)]
    full = [held + more >= DEPTH for held, more in zip(before, coming, strict=True)]
    assert figures.full == sum(full)
    assert figures.full_share == sum(full) / len(full)
    assert figures.stalls <= figures.full < figures.computing


@pytest.mark.parametrize("columns", [5, 60])
def test_over_time_in_equal_parts(columns):
    """Fewer cycles than parts, and more."""
    (schedule,), _ = runs_of_a_layer(2, columns=columns)
    figures = queue_figures(schedule)
    held = schedule.occupancy(4, schedule.drained + 1)
    cycles = held.shape[1]
    assert (cycles < PARTS) == (columns == 5)
    for part in range(PARTS):
        first = part * cycles // PARTS
        last = max((part + 1) * cycles // PARTS, first + 1)
        assert figures.mean_parts[part] == pytest.approx(held[:, first:last].mean())
        assert figures.highest_parts[part] == pytest.approx(held[:, first:last].max(axis=0).mean())


def test_runs_add_up():
    schedules, results = runs_of_a_layer(3, inputs=3)
    one, two, three = (queue_figures(schedule) for schedule in schedules)
    total = one + two + three
    assert total.runs == 3
    assert total.cycles == sum(result.cycles for result in results)
    assert total.stalls == sum(result.stalls for result in results)
    assert total.histogram.sum() == 5 * total.computing
    empty = sum(int(figures.histogram[0]) for figures in (one, two, three))
    assert total.shares[0] == pytest.approx(empty / (5 * total.computing))
    assert total.mean_parts == pytest.approx(one.mean_parts + two.mean_parts + three.mean_parts)
    parts = [figures.fullest * figures.computing for figures in (one, two, three)]
    assert total.fullest == pytest.approx(sum(parts) / total.computing)


def test_nothing_active():
    image = random_network_image(np.random.default_rng(0), small_config(), [12, 9], 0.5)
    ((work,),) = Engine(image).work(np.zeros((1, 12), dtype=np.int16))
    figures = queue_figures(work.schedule(4))
    assert (figures.most, figures.mean, figures.fullest, figures.full) == (0, 0, 0, 0)
    assert figures.shares.tolist() == [1, 0, 0, 0, 0]
    assert not figures.mean_parts.any()
