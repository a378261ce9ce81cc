"""Ladder step 1 with `maps`: the integer reference, the recurrence as the contract tells it and the stepped model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.image import NetworkImage
from model.reference import run_reference
from model.registers import PeCounter
from sim.rtl.host_program import ReadCounters
from sw.image.build import build_image
from sw.network.calibrate import calibrate
from tests.support.images.agreement import Bench
from tests.support.images.map_programs import KINDS, random_map_network
from tests.support.images.map_recurrence import expected_layers
from tests.support.images.maps import map_config
from tests.support.images.random_images import encode_input, random_activations, unpack_lanes
from tests.support.networks.whole import MAP_ARRAY, banded_network


def check(bench: Bench, activations: np.ndarray) -> None:
    """One run: outputs, overflow, phases and counters of every layer."""
    image, config = bench.image, bench.image.config
    reference = run_reference(image, activations)
    expected = expected_layers(image, activations)
    bench.tracer.layers.clear()
    bench.host.load(encode_input(config, activations))
    bench.host.start()
    outputs = unpack_lanes(bench.host.receive(), config.lanes)
    np.testing.assert_array_equal(outputs, reference.outputs)
    traces = bench.tracer.layers
    assert len(traces) == len(expected) + 1
    for number, layer in enumerate(expected):
        assert traces[number].phases == layer.phases
        totals = traces[number + 1].totals_before - traces[number].totals_before
        assert totals[0] == layer.broadcasts
        assert totals[1] == layer.stalls
        np.testing.assert_array_equal(totals[2:].reshape(config.pes, -1).T, layer.counters)
    ((registers, _),) = bench.host.perform(ReadCounters())
    assert registers["CYCLES"] == sum(sum(layer.phases) for layer in expected)
    assert registers["STATUS"] == 0b01001 | reference.overflow << 4


def ran(image: NetworkImage, rng: np.random.Generator, density: float, magnitude: int = 200) -> Bench:
    """Load and run two inputs, so that the second finds what the first left."""
    bench = Bench(image)
    bench.load(rng, "random")
    for _ in range(2):
        check(bench, random_activations(rng, image, density, magnitude))
    return bench


@st.composite
def configs(draw, activation_bits: tuple[int, ...] = (16,)):
    lanes = draw(st.sampled_from([1, 1, 2]))
    return map_config(
        pes=draw(st.integers(1, 4)),
        queue_depth=draw(st.sampled_from([2, 3, 8] if lanes == 1 else [4, 6])),
        broadcasts_per_cycle=lanes,
        skip_empty_slices=draw(st.booleans()),
        index_bits=draw(st.integers(2, 5)),
        row_bits=draw(st.integers(24, 40)),
        stream_bits=draw(st.sampled_from([32, 64])),
        accumulator_bits=draw(st.sampled_from([32, 40])),
        activation_bits=draw(st.sampled_from(activation_bits)),
        accumulator_depth=512,
        activation_depth=1024,
        parity=draw(st.booleans()),
    )


@settings(max_examples=25, deadline=None)
@given(configs((16, 8)), st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), st.data())
def test_random_networks(config, kinds, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    density = data.draw(st.sampled_from([0.0, 0.1, 0.4, 1.0]))
    magnitude = data.draw(st.sampled_from([3, 200, 32767]))
    image = random_map_network(rng, config, kinds, density, magnitude)
    ran(image, rng, data.draw(st.sampled_from([0.0, 0.5, 1.0])), magnitude)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change", [{"pes": 1, "queue_depth": 1}, {"pes": 3, "queue_depth": 2}, {"skip_empty_slices": True}]
)
def test_every_kind(kind, change):
    """One PE with one slot, short queues and dropped empty slices."""
    rng = np.random.default_rng(len(kind))
    config = map_config(accumulator_depth=512, activation_depth=1024, **change)
    ran(random_map_network(rng, config, [kind], 0.5), rng, 0.7)


def test_a_compiled_network_in_bands():
    network = calibrate(banded_network(), np.random.default_rng(0).normal(size=(3, *banded_network().input_shape)))
    image = build_image(network, MAP_ARRAY)
    assert image.cuts
    ran(image, np.random.default_rng(1), 0.7)


def test_off_map_entries_are_those_without_an_accumulator_read():
    """What the page says of counting them, on a layer with padding."""
    rng = np.random.default_rng(1)
    config = map_config()
    image = random_map_network(rng, config, ["residual"], 1.0)
    activations = random_activations(rng, image, 1.0)
    bench = Bench(image)
    bench.load()
    check(bench, activations)
    counters = np.sum([layer.counters for layer in expected_layers(image, activations)], axis=0)
    written = sum(layer.out_rows for layer in image.layers if not layer.keep)
    off_map = (
        counters[PeCounter.ENTRIES] - counters[PeCounter.FILLERS] + written - counters[PeCounter.ACCUMULATOR_READS]
    )
    assert (off_map > 0).all()
