"""sim/simulation/layers_run.py: networks that the host hands to the array, vector by vector."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import PRESETS
from model.engine import run_image
from model.errors import EieError
from sim.energy.events import layer_events
from sim.simulation.layers_run import run_layers
from sim.simulation.simulate import simulate, simulate_lowered, works
from sw.image.build import build_image
from sw.image.lower import LayerImages, lower
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.forward import patches
from sw.network.graph import Convolution, Lstm
from sw.network.integer_forward import run_integers
from sw.network.quantise import choose_formats
from tests.support.networks.lstm import make_lstm_network
from tests.support.networks.random_networks import conv_networks, make_conv_network, make_layer

ARRAY = PRESETS["tiny4"].with_(code_bits=5, sparse_matrix_depth=4096, pointer_depth=4096, constant_depth=2048)
LARGE = ARRAY.with_(code_bits=8, activation_depth=512)


@given(conv_networks(calibrated=True), st.integers(0, 1000), st.sampled_from([16, 8]))
@settings(max_examples=25)
def test_values_are_those_of_the_integer_datapath(network: CompressedNetwork, seed: int, activation_bits: int):
    inputs = np.random.default_rng(seed).normal(size=(3, *network.input_shape)).astype(np.float32)
    if any(isinstance(node.operation, Lstm) for node in network.connections.nodes):
        activation_bits = 16  # which they want
    expected = run_integers(network, inputs, activation_bits=activation_bits)
    found = simulate(network, inputs, LARGE.with_(activation_bits=activation_bits))
    np.testing.assert_array_equal(found.outputs, expected.outputs.astype(np.float32))
    np.testing.assert_array_equal(found.overflow, expected.overflow)
    np.testing.assert_array_equal(found.saturated, expected.saturated)


def test_cycles_are_those_of_every_position_by_itself():
    """A convolution in two groups, each position through the engine by hand."""
    convolution = Convolution(stride=(2, 1), padding=(1, 1, 1, 1), groups=2)
    layer = make_layer(5, (6, 2, 3, 3), 0.5, 4, name="conv", relu=True, convolution=convolution)
    base = make_conv_network(0)
    assert base.graph is not None
    graph = replace(base.graph, input_shape=(4, 5, 4), nodes=base.graph.nodes[:1])
    inputs = np.random.default_rng(1).normal(size=(2, 4, 5, 4)).astype(np.float32)
    network = calibrate(CompressedNetwork(layers=(layer,), graph=graph), inputs)
    lowered = lower(network, ARRAY)
    assert isinstance(lowered, LayerImages)
    run = run_layers(lowered, inputs)
    ((images, results),) = zip(lowered.layers, run.results, strict=True)
    integers = np.rint(np.ldexp(inputs, images[0].input_fraction_bits)).astype(np.int16)
    seen = patches(integers, (3, 3), convolution)
    assert seen.shape == (2, 2 * 12, 18)
    for image, result, vectors in zip(images, results, seen, strict=True):
        columns = image.layers[0].columns
        alone = run_image(image, np.pad(vectors, ((0, 0), (0, columns - 18))))
        assert result.inputs == len(alone) == 24
        assert result.cycles == sum(one.cycles for one in alone)
        assert result.counters.tolist() == np.sum([one.counters for one in alone], axis=0).tolist()
    assert run.load_cycles == 2 * 24 * alone[0].load_cycles
    found = simulate(network, inputs, ARRAY)
    layer = found.layers["conv"]
    assert layer.cycles == pytest.approx(sum(result.cycles for result in results) / 2)
    assert layer.vectors == 2 * 12
    assert layer.each_vector.cycles == pytest.approx(layer.cycles / 24)
    assert found.load_cycles == run.load_cycles / 2
    assert layer.events.image_bits == sum(layer_events(image, 0, results[0], 2).image_bits for image in images)


def test_cycles_of_an_lstm_are_those_of_every_step_by_itself():
    """Steps of [x ; h] through the engine by hand, h from the same network run for as many steps."""
    network = calibrate(make_lstm_network(0), np.random.default_rng(0).normal(size=(8, 6, 5)))
    inputs = np.random.default_rng(1).normal(size=(2, 6, 5)).astype(np.float32)
    lowered = lower(network, LARGE)
    assert isinstance(lowered, LayerImages)
    run = run_layers(lowered, inputs)
    ((first,), *_), ((image,), *_) = run.results, lowered.layers
    assert network.graph is not None
    outputs = replace(network.graph, nodes=network.graph.nodes[:1])
    of_steps = replace(network, layers=network.layers[:1], graph=outputs, calibration=None)
    assert network.calibration is not None
    ranges = network.calibration
    of_steps = replace(
        of_steps,
        calibration=replace(ranges, activations=ranges.activations[:2], partial_sums=ranges.partial_sums[:1]),
    )
    h = run_integers(of_steps, inputs).integers
    assert h.shape == (2, 6, 4)
    x = np.rint(np.ldexp(inputs, image.input_fraction_bits)).astype(np.int16)
    before = np.concatenate([np.zeros((2, 1, 4), np.int16), h[:, :-1]], axis=1)
    vectors = np.concatenate([x, before], axis=2).reshape(12, 9)
    alone = run_image(image, np.pad(vectors, ((0, 0), (0, image.layers[0].columns - 9))))
    assert first.inputs == len(alone) == 12
    assert first.cycles == sum(one.cycles for one in alone)
    assert first.counters.tolist() == np.sum([one.counters for one in alone], axis=0).tolist()
    found = simulate(network, inputs, LARGE)
    assert [layer.vectors for layer in found.layers.values()] == [6, 6, 1]
    assert next(iter(found.layers.values())).cycles == first.cycles / 2


def test_vectors_in_parts_are_the_vectors_together(monkeypatch: pytest.MonkeyPatch):
    inputs = np.random.default_rng(2).normal(size=(3, 2, 10, 9)).astype(np.float32)
    network = calibrate(make_conv_network(4), inputs)
    together = simulate(network, inputs, LARGE)
    monkeypatch.setattr("sim.simulation.layers_run.VECTORS_AT_ONCE", 7)
    apart = simulate(network, inputs, LARGE)
    np.testing.assert_array_equal(apart.outputs, together.outputs)
    assert apart.events == together.events
    assert apart.load_cycles == together.load_cycles


def test_a_chain_takes_what_it_takes_layer_by_layer():
    layers = (make_layer(1, (9, 12), 0.5, name="a", relu=True), make_layer(2, (4, 9), 0.5, name="b"))
    inputs = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    network = calibrate(CompressedNetwork(layers=layers), inputs)
    chain = simulate(network, inputs, ARRAY)
    images = tuple(
        (build_image(CompressedNetwork(layers=(layer,)), ARRAY, [number_format]),)
        for layer, number_format in zip(layers, choose_formats(network, ARRAY.accumulator_bits), strict=True)
    )
    found = simulate_lowered(LayerImages(network, ARRAY, images), inputs)
    np.testing.assert_array_equal(found.outputs, chain.outputs)
    assert (chain.by_host, found.by_host) == (False, True)
    assert found.events == chain.events


def test_refused():
    network = make_conv_network(3)
    with pytest.raises(EieError, match="need a calibration"):
        simulate(replace(network, calibration=None), np.ones((1, 2, 10, 9)), LARGE)
    with pytest.raises(EieError, match="at least one input"):
        simulate(network, np.ones((0, 2, 10, 9)), LARGE)
    calibrated = calibrate(network, np.ones((1, 2, 10, 9)))
    with pytest.raises(EieError, match="layer conv1: the array takes codes of at most 4 bits, got 5"):
        simulate(calibrated, np.ones((1, 2, 10, 9)), LARGE.with_(code_bits=4))
    with pytest.raises(EieError, match="layer conv1 is a convolution"):
        build_image(calibrated, LARGE)


@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.parametrize(("make", "features"), [(make_conv_network, 180), (make_lstm_network, 30)])
def test_what_an_input_asks_of_the_array_takes_the_cycles_of_that_input(
    make: Callable[[int], CompressedNetwork], features: int, index: int
):
    network = calibrate(make(0), np.random.default_rng(0).normal(size=(3, features)))
    inputs = np.random.default_rng(1).normal(size=(3, features)).astype(np.float32)
    inputs[1, : features // 2] = 0
    asked_for = works(network, inputs, LARGE)
    assert [work.cycles(1) for work in asked_for(1)] != [work.cycles(1) for work in asked_for(index)]
    asked = asked_for(index)
    alone = simulate(network, inputs[index : index + 1], LARGE)
    assert list(dict.fromkeys(work.name for work in asked)) == list(alone.layers)
    for name, layer in alone.layers.items():
        schedules = [work.schedule(LARGE.queue_depth) for work in asked if work.name == name]
        assert len(schedules) == layer.vectors
        assert sum(schedule.cycles for schedule in schedules) == layer.cycles
        assert sum(schedule.stalls for schedule in schedules) == layer.stalls
