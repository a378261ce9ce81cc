"""Ladder step 1 with `functions`: integer reference, recurrence, stepped model and fast engine."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import ConfigError
from model.engine import run_image
from model.function_descriptor import FunctionDescriptor
from model.image import NetworkImage
from model.loops import executions
from model.reference import run_reference
from model.registers import STATUS_ERROR_SHIFT, Error, PeCounter
from model.stepped.array import SteppedArray
from sim.rtl.host_program import Idle, Read, Reset, Send
from tests.ladder.test_maps import check as check_stepped
from tests.ladder.test_maps import configs
from tests.support.hw.stepped import Host
from tests.support.images.agreement import Bench
from tests.support.images.function_programs import with_functions
from tests.support.images.map_programs import KINDS, random_map_network
from tests.support.images.map_recurrence import expected_layers
from tests.support.images.maps import map_config
from tests.support.images.random_images import encode_network, random_activations


def check_engine(image: NetworkImage, batch: np.ndarray) -> None:
    """Values, phases and every counter of every layer, its executions together, for every input."""
    order = [number for number, _ in executions(image.config, image.layers)]
    for result, activations in zip(run_image(image, batch), batch, strict=True):
        reference = run_reference(image, activations)
        np.testing.assert_array_equal(result.outputs, reference.outputs)
        assert result.overflow == reference.overflow
        expected = expected_layers(image, activations)
        assert len(expected) == len(order)
        for number, layer in enumerate(result.layers):
            times = [each for each, of in zip(expected, order, strict=True) if of == number]
            assert layer.inputs == len(times)
            phases = [layer.compute_cycles, layer.drain_cycles, layer.write_back_cycles]
            assert phases == np.sum([each.phases for each in times], axis=0).tolist()
            assert layer.broadcasts == sum(each.broadcasts for each in times)
            assert layer.stalls == sum(each.stalls for each in times)
            counters = np.sum([each.counters for each in times], axis=0)
            np.testing.assert_array_equal(layer.counters[: PeCounter.DECODED_SYMBOLS], counters)
            np.testing.assert_array_equal(
                layer.counters[PeCounter.DECODED_SYMBOLS], image.layers[number].decoded_symbols()
            )


def random_network(rng: np.random.Generator, config, kinds: list[str], magnitude: int = 200) -> NetworkImage:
    density = float(rng.choice([0.1, 0.4, 1.0]))
    plain = random_map_network(rng, config, kinds, density, magnitude, (3, 3, 2))
    return with_functions(rng, plain)


@settings(max_examples=12, deadline=None)
@given(
    configs(),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    st.sampled_from([3, 200, 32767]),
    st.integers(0, 1 << 30),
)
def test_random_networks_stepped(config, kinds, magnitude, seed):
    rng = np.random.default_rng(seed)
    image = random_network(rng, config.with_(functions=True), kinds, magnitude)
    # One run only: what these programs read may be what they have left behind.
    bench = Bench(image)
    bench.load(rng, "random")
    check_stepped(bench, random_activations(rng, image, float(rng.choice([0.5, 1.0])), magnitude))


@settings(max_examples=30, deadline=None)
@given(
    configs(),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    st.sampled_from([3, 200, 32767]),
    st.integers(0, 1 << 30),
)
def test_random_networks_of_the_engine(config, kinds, magnitude, seed):
    rng = np.random.default_rng(seed)
    image = random_network(rng, config.with_(functions=True), kinds, magnitude)
    check_engine(image, np.stack([random_activations(rng, image, 0.8, magnitude) for _ in range(2)]))


def test_a_layer_without_blocks_costs_five_cycles_more():
    rng = np.random.default_rng(3)
    plain = random_map_network(rng, map_config(), ["convolution"], 0.5, largest=(3, 3, 1))
    activations = random_activations(rng, plain, 0.8)[None]
    image = NetworkImage(**{**vars(plain), "config": plain.config.with_(functions=True)})
    (before,), (after,) = run_image(plain, activations), run_image(image, activations)
    assert after.outputs.tolist() == before.outputs.tolist()
    assert after.cycles == before.cycles + 5
    bench = Bench(image)
    bench.load()
    check_stepped(bench, activations[0])


def ends_loop(back: int) -> FunctionDescriptor:
    return FunctionDescriptor(loop_count=2, loop_back=back)


@pytest.mark.parametrize(
    ("functions", "cause"),
    [
        ([ends_loop(0), ends_loop(0), ends_loop(0)], Error.NONE),
        ([FunctionDescriptor(), ends_loop(1), ends_loop(0)], Error.NONE),
        ([ends_loop(1)], Error.DESCRIPTOR),  # before the first layer
        ([ends_loop(63)], Error.DESCRIPTOR),
        ([FunctionDescriptor(), ends_loop(1), ends_loop(1)], Error.DESCRIPTOR),  # into the loop before
        ([FunctionDescriptor(), ends_loop(0), ends_loop(2)], Error.DESCRIPTOR),  # around it
        ([FunctionDescriptor(loop_count=1, loop_back=63)], Error.NONE),  # no loop
    ],
)
def test_loops_that_do_not_follow_each_other_are_refused(functions: list[FunctionDescriptor], cause: Error):
    rng = np.random.default_rng(1)
    config = map_config(functions=True)
    plain = random_map_network(rng, config, ["positive"] * len(functions), 0.5, largest=(2, 2, 1))
    layers = tuple(replace(layer, functions=each) for layer, each in zip(plain.layers, functions, strict=True))
    image = replace(plain, layers=layers)
    host = Host(SteppedArray(config))
    (shown,) = host.perform(Reset(2), Send(encode_network(image)), Idle(40), Read(("STATUS",)))
    assert Error(shown["STATUS"] >> STATUS_ERROR_SHIFT) == cause
    if cause == Error.NONE:
        check_engine(image, random_activations(rng, image, 0.8)[None])


def test_functions_take_maps():
    with pytest.raises(ConfigError, match="functions must be false without maps, got true"):
        map_config(maps=False, accumulator_depth=0, functions=True)


def test_a_descriptor_comes_back_from_its_words():
    rng = np.random.default_rng(5)
    image = random_network(rng, map_config(functions=True), ["connected"])
    for layer in image.layers:
        assert layer.functions is not None
        words = layer.functions.merge([0] * 14)
        assert len(words) == 23
        assert FunctionDescriptor.unpack(words) == layer.functions
        assert FunctionDescriptor.unpack([0] * 14) == FunctionDescriptor()
