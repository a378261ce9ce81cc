"""Map layers on plain integers equal convolutions, pooling and sums written down directly."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.fixed_point import write_back_array
from model.map_reference import MapReference
from model.reference import run_reference
from tests.support.images.maps import (
    Shape,
    Window,
    convolution,
    from_physical,
    globally,
    map_config,
    map_layer,
    map_network,
    to_physical,
)


@st.composite
def windows(draw):
    """A window, the kernel's and the map's size; the output has a position at least."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    window = Window(
        stride=draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        padding=draw(st.tuples(*[st.integers(0, 3)] * 4)),
        dilation=draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
    )
    size = draw(st.tuples(st.integers(1, 6), st.integers(1, 7)))
    if any(window.output(axis, size[axis], kernel[axis]) < 1 for axis in (0, 1)):
        window = replace(window, padding=(9, 9, 9, 9))
    return window, kernel, size


@settings(max_examples=60, deadline=None)
@given(windows(), st.integers(1, 3), st.integers(1, 2), st.integers(1, 3), st.booleans(), st.data())
def test_convolutions(case, pes, channels, out_channels, relu, data):
    window, kernel, size = case
    config = map_config(pes=pes, accumulator_depth=4096, activation_depth=4096, pointer_depth=4096)
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    source = Shape(height=size[0], width=size[1], channels=channels)
    density = data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    codes = rng.integers(1, 16, (out_channels * pes, channels * pes, *kernel))
    codes *= rng.random(codes.shape) < density
    codebook = rng.integers(-200, 201, 16).astype(np.int16)
    codebook[0] = 0
    biases = rng.integers(-200, 201, len(codes)).astype(np.int16)
    limit = data.draw(st.sampled_from([0, 1, 900]))
    layer, out = map_layer(
        config, source, codes, codebook, window, biases=biases, relu=relu, shift=3, bias_scale=4, flags={"limit": limit}
    )
    values = rng.integers(-200, 201, source.rows * pes).astype(np.int16)
    run = run_reference(map_network(config, [layer], source), values)
    sums = convolution(from_physical(values, source, pes), codebook.astype(np.int64)[codes], window)
    wanted = write_back_array(sums + 4 * biases.astype(np.int64)[:, None, None], 3, relu, limit)
    assert out.rows == layer.out_rows
    np.testing.assert_array_equal(run.outputs, to_physical(wanted))
    assert not run.overflow


@settings(max_examples=40, deadline=None)
@given(windows(), st.integers(1, 3), st.booleans(), st.integers(0, 1 << 30))
def test_local_layers_join_channels_of_one_pe(case, pes, maximum, seed):
    """Depthwise convolutions with a multiplier, average and maximum pooling over signed values."""
    window, kernel, size = case
    config = map_config(pes=pes, accumulator_depth=4096, activation_depth=4096, pointer_depth=4096)
    rng = np.random.default_rng(seed)
    source = Shape(height=size[0], width=size[1], channels=2)
    multiplier = 1 if maximum else 2
    codes = np.zeros((2 * multiplier * pes, 2 * pes, *kernel), dtype=int)
    for channel in range(2):
        for copy in range(multiplier):
            for pe in range(pes):
                taps = 1 if maximum else rng.integers(0, 16, kernel)
                codes[(channel * multiplier + copy) * pes + pe, channel * pes + pe] = taps
    codebook = np.ones(16, np.int16) if maximum else rng.integers(-200, 201, 16).astype(np.int16)
    codebook[0] = 0
    biases = np.full(len(codes), -(1 << 15) if maximum else 7, dtype=np.int16)
    layer, _ = map_layer(config, source, codes, codebook, window, local=True, biases=biases, flags={"maximum": maximum})
    values = rng.integers(-(1 << 15), 1 << 15, source.rows * pes).astype(np.int16)
    if not maximum:
        values //= 256
    run = run_reference(map_network(config, [layer], source), values)
    weights = codebook.astype(np.int64)[codes]
    sums = convolution(from_physical(values, source, pes), weights, window, maximum)
    wanted = sums if maximum else write_back_array(sums + 7, 0, relu=False)
    np.testing.assert_array_equal(run.outputs, to_physical(wanted))


def test_a_residual_adds_onto_kept_sums():
    """Convolution kept, then a local layer whose codebook aligns the other map; the destination overlays a source."""
    pes, rng = 2, np.random.default_rng(3)
    config = map_config(pes=pes)
    source = Shape(height=4, width=5, channels=2)
    codes = rng.integers(0, 16, (4, 4, 3, 3))
    codebook = rng.integers(-50, 51, 16).astype(np.int16)
    codebook[0] = 0
    window = Window(padding=(1, 1, 1, 1))
    first, _ = map_layer(config, source, codes, codebook, window, keep=True)
    identity = np.zeros((4, 4, 1, 1), dtype=int)
    identity[range(4), range(4)] = 5
    scale = np.full(16, 64, np.int16)
    scale[0] = 0
    second, out = map_layer(config, source, identity, scale, Window(), local=True, shift=6, destination=0)
    values = rng.integers(-99, 100, source.rows * pes).astype(np.int16)
    run = run_reference(map_network(config, [first, second], source), values)
    cube = from_physical(values, source, pes)
    wanted = write_back_array(convolution(cube, codebook.astype(np.int64)[codes], window) + 64 * cube, 6, relu=False)
    np.testing.assert_array_equal(run.outputs, to_physical(wanted))
    assert run.activations[0].size == 0
    assert out.rows == source.rows


def test_global_pooling_and_a_leaky_relu_of_two_layers():
    pes, rng = 3, np.random.default_rng(4)
    config = map_config(pes=pes)
    source = Shape(height=3, width=4, channels=2)
    identity = np.zeros((6, 6, 1, 1), dtype=int)
    identity[range(6), range(6)] = 1
    tenth, rest = (np.array([0, value] + [0] * 14, np.int16) for value in (102, 1024 - 102))
    keep, _ = map_layer(config, source, identity, tenth, Window(), local=True, keep=True)
    positive, leaky = map_layer(
        config, source, identity, rest, Window(), local=True, shift=10, destination=24, flags={"positive": True}
    )
    ones = np.array([0, 1] + [0] * 14, np.int16)
    pool, _ = map_layer(config, leaky, identity, ones, Window(), local=True, destination=50)
    values = rng.integers(-999, 1000, source.rows * pes).astype(np.int16)
    run = run_reference(map_network(config, [keep, positive, globally(pool)], source), values)
    cube = from_physical(values, source, pes)
    wanted = write_back_array(np.where(cube > 0, 1024 * cube, 102 * cube), 10, relu=False)
    np.testing.assert_array_equal(run.activations[1], to_physical(wanted))
    np.testing.assert_array_equal(run.outputs, wanted.astype(np.int64).sum(axis=(1, 2)).astype(np.int16))


def test_maps_concatenate_by_destination_step():
    pes, rng = 2, np.random.default_rng(5)
    config = map_config(pes=pes)
    source = Shape(height=2, width=3, channels=1)
    codebook = np.arange(16, dtype=np.int16)
    codes = [rng.integers(0, 16, (2 * count, 2, 1, 1)) for count in (1, 2)]
    layers = [
        map_layer(config, source, kernel, codebook, Window(), destination=100 + at, destination_step=3)[0]
        for kernel, at in zip(codes, (0, 1), strict=True)
    ]
    identity = np.zeros((6, 6, 1, 1), dtype=int)
    identity[range(6), range(6)] = 1
    joined = Shape(height=2, width=3, channels=3, row=100)
    last, _ = map_layer(config, joined, identity, codebook, Window(), local=True, destination=0)
    values = rng.integers(-99, 100, source.rows * pes).astype(np.int16)
    run = run_reference(map_network(config, [*layers, last], source), values)
    weights = np.concatenate(codes).astype(np.int64)
    wanted = convolution(from_physical(values, source, pes), weights, Window())
    np.testing.assert_array_equal(run.outputs, to_physical(wanted))


def test_steps_skip_positions_without_taps():
    """A 1 x 1 convolution of stride 2 reads every second column of every second row."""
    pes, rng = 2, np.random.default_rng(6)
    config = map_config(pes=pes)
    source = Shape(height=5, width=4, channels=2)
    read = replace(source, height=3, width=2)
    codebook = np.arange(16, dtype=np.int16)
    codes = rng.integers(0, 16, (4, 4, 1, 1))
    layer, _ = map_layer(config, read, codes, codebook, Window(), destination=100)
    assert layer.map is not None
    layer = replace(layer, map=replace(layer.map, column_step=2 * 2, row_step=2 * 4 * 2))
    values = rng.integers(-99, 100, source.rows * pes).astype(np.int16)
    run = run_reference(map_network(config, [layer], source), values)
    wanted = convolution(from_physical(values, source, pes), codes.astype(np.int64), Window(stride=(2, 2)))
    np.testing.assert_array_equal(run.outputs, to_physical(wanted))


def test_overflow_wraps_and_is_told():
    config = map_config(pes=1)
    source = Shape(height=1, width=4, channels=1)
    codebook = np.full(16, 32767, np.int16)
    codebook[0] = 0
    layer, _ = map_layer(config, source, np.ones((1, 1, 1, 3), dtype=int), codebook, Window(), shift=20)
    values = np.full(4, 32767, np.int16)
    run = run_reference(map_network(config, [layer], source), values)
    assert run.overflow
    wrapped = (3 * 32767**2 + (1 << 31)) % (1 << 32) - (1 << 31)
    np.testing.assert_array_equal(run.outputs, [(wrapped + (1 << 19)) >> 20] * 2)


def test_what_is_no_map_layer_is_refused():
    config = map_config(pes=1)
    source = Shape(height=1, width=1, channels=1)
    layer, _ = map_layer(config, source, np.ones((1, 1, 1, 1), dtype=int), np.ones(16, np.int16), Window())
    with pytest.raises(ValueError, match="layer map: a layer with map geometry wanted, got one without"):
        MapReference(config, replace(layer, map=None))
    short = replace(layer, out_rows=0)
    with pytest.raises(ValueError, match="layer map: rows below 0 wanted, got row 0"):
        run_reference(map_network(config, [short], source), np.ones(1, np.int16))
