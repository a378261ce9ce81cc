"""Schedules of map layers and model/push_schedule.py: each cycle is the stepped model's, each sum the engine's."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine import Engine, run_image
from model.image import NetworkImage
from model.loops import executions
from model.registers import PeCounter
from model.schedule import PREFETCH_CYCLES, LayerSchedule
from tests.support.hw.queues import Seen, slices_of, watch
from tests.support.images.function_programs import with_functions
from tests.support.images.map_programs import KINDS, random_map_network
from tests.support.images.maps import map_config
from tests.support.images.random_images import random_activations


def made(
    seed: int, kinds: list[str], density: float, activity: float, **changes: Any
) -> tuple[NetworkImage, np.ndarray]:
    """A random network of these kinds of layers, and an input."""
    rng = np.random.default_rng(seed)
    config = map_config(accumulator_depth=512, activation_depth=1024, **changes)
    image = random_map_network(rng, config, kinds, density)
    return image, random_activations(rng, image, activity)


def check(schedule: LayerSchedule, seen: Seen) -> None:
    """All of a schedule against the stepped model."""
    cycles = schedule.drained + 1
    assert len(seen.counts) == cycles
    np.testing.assert_array_equal(schedule.occupancy(0, cycles), np.array(seen.counts).T)
    np.testing.assert_array_equal(schedule.full(0, cycles), np.array(seen.full).T)
    assert schedule.broadcasts.tolist() == np.repeat(np.arange(cycles) - 1, seen.selected).tolist()
    for pe in range(schedule.pes):
        queued = schedule.busy[:, pe] > 0
        spans = zip(schedule.starts[queued, pe].tolist(), schedule.finishes[queued, pe].tolist(), strict=True)
        assert list(spans) == slices_of([issued[pe] for issued in seen.issued])


@settings(max_examples=40)
@given(
    pes=st.sampled_from([1, 2, 3, 4]),
    queue=st.one_of(
        st.tuples(st.sampled_from([1, 2, 3, 8]), st.just(1)), st.tuples(st.sampled_from([4, 6]), st.just(2))
    ),
    skip=st.booleans(),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=2),
    density=st.sampled_from([0.1, 0.5, 1.0]),
    activity=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 1 << 16),
)
def test_every_cycle_is_the_stepped_models(pes, queue, skip, kinds, density, activity, seed):
    changes = {"pes": pes, "queue_depth": queue[0], "broadcasts_per_cycle": queue[1], "skip_empty_slices": skip}
    image, activations = made(seed, kinds, density, activity, **changes)
    (works,) = Engine(image).work(activations[None])
    for work, seen in zip(works, watch(image, activations), strict=True):
        check(work.schedule(queue[0]), seen)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_figures_are_the_engines(seed, skip):
    image, activations = made(seed, list(KINDS), 0.6, 0.6, pes=1 + seed % 4, skip_empty_slices=skip)
    (run,) = run_image(image, activations[None])
    (works,) = Engine(image).work(activations[None])
    assert len(works) == len(image.layers)
    for work, result in zip(works, run.layers, strict=True):
        schedule = work.schedule(image.config.queue_depth)
        assert (schedule.cycles, schedule.stalls) == (result.cycles, result.stalls)
        assert (schedule.exhausted, schedule.drained) == (
            result.compute_cycles - 1,
            result.compute_cycles + result.drain_cycles - 1,
        )
        assert int((schedule.broadcasts - schedule.ready)[schedule.leads].sum()) == result.stalls
        assert (0 if work.own is not None else len(schedule.broadcasts)) == result.broadcasts
        assert schedule.busy.sum(axis=0).tolist() == result.busy_cycles.tolist()
        assert work.entries.sum(axis=0).tolist() == result.counters[PeCounter.ENTRIES].tolist()
        fillers = (work.entries - work.weights).sum(axis=0)
        assert fillers.tolist() == result.counters[PeCounter.FILLERS].tolist()
        starved = schedule.drained + 1 - PREFETCH_CYCLES - schedule.busy.sum(axis=0)
        assert starved.tolist() == result.counters[PeCounter.STARVED_CYCLES].tolist()


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("kind", ["depthwise", "maximum", "convolution"])
def test_cycles_at_any_depth_are_those_of_an_array_of_that_depth(kind, skip):
    image, activations = made(3, [kind], 1.0, 0.8, pes=3, skip_empty_slices=skip)
    ((work,),) = Engine(image).work(activations[None])
    cycles = []
    for depth in (1, 2, 3, 5, 8, 20, 100):
        (run,) = run_image(replace(image, config=image.config.with_(queue_depth=depth)), activations[None])
        assert work.cycles(depth) == work.schedule(depth).cycles == run.cycles
        cycles.append(run.cycles)
    assert cycles == sorted(cycles, reverse=True)
    unbounded = work.schedule(work.unbounded_depth)
    assert (unbounded.stalls, unbounded.cycles) == (0, cycles[-1])
    assert not unbounded.full(0, unbounded.drained + 1).any()


@pytest.mark.parametrize("seed", range(4))
def test_layers_of_a_loop_come_as_often_as_they_run(seed):
    rng = np.random.default_rng(seed)
    config = map_config(pes=2, accumulator_depth=512, activation_depth=1024, functions=True)
    image = with_functions(rng, random_map_network(rng, config, ["depthwise", "convolution"], 0.6, 200, (3, 3, 2)))
    activations = random_activations(rng, image, 0.7)
    (works,) = Engine(image).work(activations[None])
    assert [work.name for work in works] == [image.layers[n].name for n, _ in executions(config, image.layers)]
    for work, seen in zip(works, watch(image, activations), strict=True):
        check(work.schedule(config.queue_depth), seen)
