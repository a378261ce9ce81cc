"""Ladder step 1 with `maps`: the fast engine equals the integer reference and the recurrence told plainly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import ArrayConfig
from model.engine import run_image
from model.image import NetworkImage
from model.reference import run_reference
from model.registers import PeCounter
from tests.support.images.map_programs import KINDS, random_map_network
from tests.support.images.map_recurrence import expected_layers
from tests.support.images.maps import map_config
from tests.support.images.random_images import random_activations


def check(image: NetworkImage, batch: np.ndarray) -> None:
    """Values, phases and every counter of every layer, for every input."""
    for result, activations in zip(run_image(image, batch), batch, strict=True):
        reference = run_reference(image, activations)
        np.testing.assert_array_equal(result.outputs, reference.outputs)
        assert result.overflow == reference.overflow
        for layer, wanted in zip(result.layers, expected_layers(image, activations), strict=True):
            assert [layer.compute_cycles, layer.drain_cycles, layer.write_back_cycles] == wanted.phases
            assert (layer.broadcasts, layer.stalls) == (wanted.broadcasts, wanted.stalls)
            np.testing.assert_array_equal(layer.counters[: PeCounter.DECODED_SYMBOLS], wanted.counters)


@st.composite
def configs(draw: st.DrawFn) -> ArrayConfig:
    lanes = draw(st.sampled_from([1, 1, 2]))
    return map_config(
        pes=draw(st.integers(1, 4)),
        queue_depth=draw(st.sampled_from([1, 2, 3, 8] if lanes == 1 else [4, 6])),
        broadcasts_per_cycle=lanes,
        skip_empty_slices=draw(st.booleans()),
        index_bits=draw(st.integers(2, 5)),
        row_bits=draw(st.integers(24, 40)),
        accumulator_bits=draw(st.sampled_from([32, 40])),
        activation_bits=draw(st.sampled_from([16, 8])),
        accumulator_depth=512,
        activation_depth=1024,
    )


@settings(max_examples=60, deadline=None)
@given(
    configs(),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    st.sampled_from([0.0, 0.1, 0.4, 1.0]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([3, 200, 32767]),
    st.integers(0, 1 << 30),
)
def test_random_networks(config, kinds, density, activity, magnitude, seed):
    rng = np.random.default_rng(seed)
    image = random_map_network(rng, config, kinds, density, magnitude)
    check(image, np.stack([random_activations(rng, image, activity, magnitude) for _ in range(2)]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change", [{"pes": 1, "queue_depth": 1}, {"pes": 3, "queue_depth": 2}, {"skip_empty_slices": True}]
)
def test_every_kind(kind, change):
    rng = np.random.default_rng(len(kind))
    config = map_config(accumulator_depth=512, activation_depth=1024, **change)
    image = random_map_network(rng, config, [kind], 0.5)
    check(image, random_activations(rng, image, 0.7)[None])


def test_many_inputs_are_run_side_by_side_and_equal_each_alone():
    rng = np.random.default_rng(2)
    config = map_config(accumulator_depth=512, activation_depth=1024)
    image = random_map_network(rng, config, ["convolution", "residual", "depthwise"], 0.6)
    batch = np.stack([random_activations(rng, image, 0.6) for _ in range(40)])
    for together, activations in zip(run_image(image, batch), batch, strict=True):
        (alone,) = run_image(image, activations[None])
        assert together.outputs.tolist() == alone.outputs.tolist()
        assert together.cycles == alone.cycles
        assert together.counters.tolist() == alone.counters.tolist()
