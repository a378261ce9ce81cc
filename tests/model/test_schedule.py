"""model/schedule.py: every broadcast, slice and queue level of every cycle is the stepped model's and the engine's."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine import Engine, run_image
from model.registers import PeCounter
from model.schedule import PREFETCH_CYCLES, LayerSchedule
from tests.support.hw.queues import Seen, slices_of, watch
from tests.support.images.random_images import (
    layer_from_codes,
    network,
    random_activations,
    random_network_image,
    small_config,
)


def check(schedule: LayerSchedule, seen: Seen) -> None:
    """All of a schedule against the stepped model."""
    cycles = schedule.drained + 1
    assert len(seen.counts) == cycles
    np.testing.assert_array_equal(schedule.occupancy(0, cycles), np.array(seen.counts).T)
    np.testing.assert_array_equal(schedule.full(0, cycles), np.array(seen.full).T)
    np.testing.assert_array_equal(schedule.in_flight(0, cycles), seen.in_flight)
    assert schedule.broadcasts.tolist() == np.repeat(np.arange(cycles) - 1, seen.selected).tolist()
    for pe in range(schedule.pes):
        queued = schedule.busy[:, pe] > 0
        spans = zip(schedule.starts[queued, pe].tolist(), schedule.finishes[queued, pe].tolist(), strict=True)
        assert list(spans) == slices_of([issued[pe] for issued in seen.issued])


@settings(max_examples=100)
@given(
    pes=st.sampled_from([1, 2, 3, 4, 5, 8]),
    queue=st.one_of(st.tuples(st.integers(1, 9), st.just(1)), st.tuples(st.sampled_from([4, 6, 8]), st.just(2))),
    index_bits=st.integers(1, 4),
    skip=st.booleans(),
    sizes=st.lists(st.integers(1, 16), min_size=2, max_size=4),
    density=st.sampled_from([0.0, 0.1, 0.4, 1.0]),
    activity=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    seed=st.integers(0, 1 << 16),
)
def test_every_cycle_is_the_stepped_models(pes, queue, index_bits, skip, sizes, density, activity, seed):
    rng = np.random.default_rng(seed)
    queue_depth, broadcasts = queue
    config = small_config(
        pes=pes,
        queue_depth=queue_depth,
        broadcasts_per_cycle=broadcasts,
        index_bits=index_bits,
        skip_empty_slices=skip,
        sparse_matrix_depth=256,
    )
    image = random_network_image(rng, config, sizes, density)
    activations = random_activations(rng, image, activity)
    (works,) = Engine(image).work(activations[None])
    for work, seen in zip(works, watch(image, activations), strict=True):
        check(work.schedule(queue_depth), seen)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_figures_are_the_engines(seed, skip):
    rng = np.random.default_rng(seed)
    config = small_config(pes=int(rng.integers(1, 9)), skip_empty_slices=skip, broadcasts_per_cycle=1 + seed % 2)
    image = random_network_image(rng, config, [40, 60, 9], 0.2)
    activations = random_activations(rng, image, 0.5)
    (run,) = run_image(image, activations[None])
    (works,) = Engine(image).work(activations[None])
    for work, result, layer in zip(works, run.layers, image.layers, strict=True):
        schedule = work.schedule(config.queue_depth)
        assert (schedule.cycles, schedule.stalls) == (result.cycles, result.stalls)
        assert (schedule.exhausted, schedule.drained) == (
            result.compute_cycles - 1,
            result.compute_cycles + result.drain_cycles - 1,
        )
        waited = schedule.broadcasts - schedule.ready
        assert int(waited[schedule.leads].sum()) == result.stalls
        assert schedule.busy.sum(axis=0).tolist() == result.busy_cycles.tolist()
        assert schedule.entries.sum(axis=0).tolist() == result.counters[PeCounter.ENTRIES].tolist()
        fillers = (schedule.entries - work.nonzeros[work.columns]).sum(axis=0)
        assert fillers.tolist() == result.counters[PeCounter.FILLERS].tolist()
        starved = schedule.drained + 1 - PREFETCH_CYCLES - schedule.busy.sum(axis=0)
        assert starved.tolist() == result.counters[PeCounter.STARVED_CYCLES].tolist()
        assert (np.diff(work.columns) > 0).all()
        assert 0 not in work.activations
        assert work.counts.shape == (layer.columns, config.pes)


def test_an_empty_slice_by_hand():
    """Two broadcasts, decided in cycles 4 and 5; PE 1 has nothing of the first, which costs it a cycle or nothing."""
    codes = np.array([[1, 1], [0, 1], [1, 0], [0, 1]])
    for skip, expected in (
        (False, [[(10, 11), (10, 10)], [(12, 12), (11, 12)]]),
        (True, [[(10, 11), None], [(12, 12), (11, 12)]]),
    ):
        config = small_config(pes=2, skip_empty_slices=skip)
        codebook = np.array([0, 3] + [0] * 14, dtype=np.int16)
        image = network(config, [layer_from_codes(config, codes, codebook, [0] * 4)], 2, 4)
        ((work,),) = Engine(image).work(np.array([[5, -5]], dtype=np.int16))
        schedule = work.schedule(4)
        assert schedule.broadcasts.tolist() == [4, 5]
        for number in range(2):
            for pe in range(2):
                span = expected[number][pe]
                if span is None:
                    assert schedule.busy[number, pe] == 0
                else:
                    assert (schedule.starts[number, pe], schedule.finishes[number, pe]) == span
        assert schedule.occupancy(8, 14).tolist() == [
            [0, 1, 2, 2, 1, 0],
            [0, *([1, 2] if not skip else [0, 1]), 1, 1, 0],
        ]


@pytest.mark.parametrize("skip", [False, True])
def test_a_part_of_the_cycles_is_that_part_of_all(skip):
    rng = np.random.default_rng(5)
    config = small_config(pes=5, queue_depth=3, skip_empty_slices=skip)
    image = random_network_image(rng, config, [60, 70], 0.3)
    ((work,),) = Engine(image).work(random_activations(rng, image, 0.7)[None])
    schedule = work.schedule(3)
    end = schedule.drained + 5
    for figure in (schedule.occupancy, schedule.full, schedule.in_flight):
        whole = figure(0, end)
        assert not whole[..., schedule.drained + 1 :].any()
        for begin in range(0, end, 7):
            np.testing.assert_array_equal(figure(begin, begin + 7)[..., : end - begin], whole[..., begin : begin + 7])
        assert figure(9, 9).shape == whole[..., 9:9].shape


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_cycles_at_any_depth_are_those_of_an_array_of_that_depth(seed, skip):
    rng = np.random.default_rng(seed)
    config = small_config(pes=4, skip_empty_slices=skip)
    image = random_network_image(rng, config, [40, 60], 0.3)
    activations = random_activations(rng, image, 0.8)
    ((work,),) = Engine(image).work(activations[None])
    cycles = []
    for depth in (1, 2, 3, 5, 8, 20, 100):
        (run,) = run_image(replace(image, config=config.with_(queue_depth=depth)), activations[None])
        assert work.cycles(depth) == work.schedule(depth).cycles == run.cycles
        cycles.append(run.cycles)
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > cycles[-1]
    unbounded = work.schedule(work.unbounded_depth)
    assert unbounded.stalls == 0
    assert unbounded.cycles == cycles[-1]
    assert not unbounded.full(0, unbounded.drained + 1).any()


def test_nothing_active():
    image = random_network_image(np.random.default_rng(0), small_config(), [12, 9], 0.5)
    ((work,),) = Engine(image).work(np.zeros((1, 12), dtype=np.int16))
    schedule = work.schedule(4)
    assert schedule.cycles == work.cycles(1) == run_image(image, np.zeros((1, 12), dtype=np.int16))[0].cycles
    assert schedule.busy.shape == schedule.finishes.shape == (0, 4)
    assert not schedule.occupancy(0, schedule.drained + 1).any()
    assert not schedule.in_flight(0, schedule.drained + 1).any()
    assert schedule.ready.shape == (0,)


def test_wrong_activations_are_refused():
    image = random_network_image(np.random.default_rng(0), small_config(), [12, 9], 0.5)
    with pytest.raises(ValueError, match=r"shape \(batch, 12\) wanted, got int16 \(12,\)"):
        Engine(image).work(np.zeros(12, dtype=np.int16))
