"""Compiled programs on the engine equal the integer datapath, to the bit, whatever the network is made of."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from model.config import ArrayConfig
from model.errors import EieError
from model.map_reference import geometry_of
from model.reference import run_reference
from sim.simulation.image_run import run_image
from sw.image.build import build_image
from sw.image.stream import input_packet
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Concatenate, Convolution, Flatten, Graph, Node, Operation, Pool, Relu
from sw.network.integer_forward import run_integers
from sw.network.operations import Clip, Elementwise, LeakyRelu, Softmax
from tests.support.networks.random_networks import conv_networks, make_conv_network, make_layer


def array(pes: int = 4, **changes: Any) -> ArrayConfig:
    """An array that holds all networks here."""
    sizes: dict[str, Any] = {
        "queue_depth": 4,
        "code_bits": 8,
        "index_bits": 6,
        "sparse_matrix_depth": 1 << 16,
        "pointer_depth": 1 << 15,
        "activation_depth": 1 << 12,
        "accumulator_depth": 1 << 12,
        "constant_depth": 1 << 15,
        "layers": 64,
        "max_code_length": 16,
        "row_dealing": "balanced",
        "maps": True,
    }
    return ArrayConfig(pes=pes, **(sizes | changes))


def check(network: CompressedNetwork, config: ArrayConfig, inputs: np.ndarray) -> None:
    """Outputs are equal on the engine and on the integer reference of the layers."""
    image = build_image(network, config)
    run = run_image(image, inputs.reshape(len(inputs), -1).astype(np.float32))
    wanted = run_integers(network, inputs, config.accumulator_bits, activation_bits=config.activation_bits)
    np.testing.assert_array_equal(run.integers, wanted.integers.reshape(len(inputs), -1))
    assert image.output_fraction_bits == wanted.fraction_bits
    reference = run_reference(image, image.physical_inputs(run.activations[0]))
    np.testing.assert_array_equal(reference.outputs[image.output_order], run.integers[0])


@settings(max_examples=80, deadline=None)
@given(
    conv_networks(calibrated=True), st.sampled_from([1, 2, 3, 4, 16]), st.sampled_from([16, 8]), st.integers(0, 1 << 16)
)
def test_random_networks(network, pes, activation_bits, seed):
    inputs = np.random.default_rng(seed).normal(size=(2, *network.input_shape))
    try:
        check(network, array(pes, activation_bits=activation_bits), inputs)
    except EieError:
        reject()


def calibrated(layers, nodes, shape, seed=0):
    """A network of these operations, calibrated on random inputs, and others for it."""
    network = CompressedNetwork(layers=tuple(layers), graph=Graph(input_shape=shape, nodes=tuple(nodes)))
    random = np.random.default_rng(seed)
    return calibrate(network, random.normal(size=(6, *shape))), random.normal(size=(3, *shape))


@pytest.mark.parametrize("pes", [1, 3, 8])
def test_joined_convolutions_and_linear_layers(pes):
    """Strides, groups, ceil pooling, a concatenation of values of different binary points, flattening."""
    network, random = make_conv_network(5), np.random.default_rng(3)
    network = calibrate(network, random.normal(size=(5, 2, 10, 9)))
    check(network, array(pes), random.normal(size=(3, 2, 10, 9)))


@pytest.mark.parametrize("pes", [8, 16, 64])
def test_few_channels_alternate_over_groups_of_pes(pes):
    layers = [
        make_layer(1, (3, 1, 5, 5), 0.9, name="conv1", convolution=Convolution()),
        make_layer(2, (5, 3, 5, 5), 0.9, name="conv2", convolution=Convolution()),
        make_layer(3, (7, 80), 0.5, name="ip"),
    ]
    pool = Pool(kind="max", kernel=(2, 2), stride=(2, 2))
    nodes = [ApplyLayer(), pool, ApplyLayer(), pool, Flatten(), ApplyLayer()]
    network, inputs = calibrated(layers, [Node(each, (at,)) for at, each in enumerate(nodes)], (1, 28, 28))
    config = array(pes, activation_depth=1 << 13)
    image = build_image(network, config)
    assert geometry_of(image.layers[0]).out_height < 24
    check(network, config, inputs)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1), (4, 4)])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 0, 2, 3), (3, 3, 0, 0)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
def test_convolutions(stride, padding, dilation):
    way = Convolution(stride=stride, padding=padding, dilation=dilation)
    network, inputs = calibrated(
        [make_layer(1, (6, 3, 3, 2), 0.7, convolution=way)], [Node(ApplyLayer(), (0,))], (3, 9, 8)
    )
    check(network, array(), inputs)


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_depthwise_convolutions_stay_in_their_pe(multiplier, stride):
    way = Convolution(stride=stride, padding=(1, 1, 1, 1), groups=6)
    layers = [
        make_layer(1, (6, 2, 3, 3), 0.7, name="a", relu=True, convolution=Convolution(padding=(1, 1, 1, 1))),
        make_layer(2, (6 * multiplier, 1, 3, 3), 0.9, name="b", relu=True, convolution=way),
        make_layer(3, (5, 6 * multiplier, 1, 1), 0.7, name="c", convolution=Convolution()),
    ]
    nodes = [Node(ApplyLayer(), (at,)) for at in range(3)]
    network, inputs = calibrated(layers, nodes, (2, 7, 7))  # sizes that cannot alternate over groups
    assert [geometry_of(layer).local for layer in build_image(network, array()).layers] == [False, True, False]
    check(network, array(), inputs)


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize(
    ("stride", "padding"), [((1, 1), (1, 1, 1, 1)), ((2, 2), (0, 0, 1, 1)), ((2, 1), (0, 1, 1, 1))]
)
def test_depthwise_convolutions_of_few_channels_are_spread_over_groups(stride, padding, multiplier):
    way = Convolution(stride=stride, padding=padding, groups=4)
    layers = [
        make_layer(1, (4, 2, 3, 3), 0.9, name="a", relu=True, convolution=Convolution(padding=(1, 1, 1, 1))),
        make_layer(2, (4 * multiplier, 1, 3, 3), 0.9, name="b", relu=True, convolution=way),
        make_layer(3, (16, 4 * multiplier, 1, 1), 0.7, name="c", convolution=Convolution()),
    ]
    network, inputs = calibrated(layers, [Node(ApplyLayer(), (at,)) for at in range(3)], (2, 16, 16))
    image = build_image(network, array(16))
    depthwise = geometry_of(image.layers[1])
    assert not depthwise.local
    assert geometry_of(image.layers[0]).out_height * geometry_of(image.layers[0]).out_width < 16 * 16
    check(network, array(16), inputs)


def test_channels_are_dealt_by_how_often_they_are_active():
    """Of 16 channels half are nearly always zero: every PE gets one of them and one of the others."""
    way = Convolution(padding=(1, 1, 1, 1), groups=16)
    nodes = [Node(ApplyLayer(), (at,)) for at in range(3)]
    layers = [
        make_layer(1, (16, 16, 1, 1), 1.0, name="a", relu=True, convolution=Convolution()),
        make_layer(2, (16, 1, 3, 3), 1.0, name="b", relu=True, convolution=way),
        make_layer(3, (16, 16, 1, 1), 1.0, name="c", convolution=Convolution()),
    ]
    random = np.random.default_rng(8)
    layers[0] = replace(layers[0], bias=np.tile(np.repeat([60, -60], 4), 2).astype(np.float32))
    network = CompressedNetwork(layers=tuple(layers), graph=Graph(input_shape=(16, 7, 7), nodes=tuple(nodes)))
    network = calibrate(network, random.normal(size=(6, 16, 7, 7)))
    assert network.calibration is not None
    shares = network.calibration.activity[1].mean(axis=(1, 2)).reshape(2, 2, 4)
    assert shares[:, 0].min() > 0.9 > 0.1 > shares[:, 1].max()
    unknown = replace(network, calibration=replace(network.calibration, activity=()))
    inputs = random.normal(size=(3, 16, 7, 7))
    check(network, array(8), inputs)
    known, dealt_blindly = (
        run_image(build_image(each, array(8)), inputs.reshape(3, -1).astype(np.float32)).events["b"].cycles
        for each in (network, unknown)
    )
    assert known < 0.8 * dealt_blindly


def residual(operation: Operation):
    """A convolution beside its input, a sum, and the operation after it."""
    way = Convolution(padding=(1, 1, 1, 1))
    layers = [
        make_layer(1, (4, 3, 3, 3), 0.7, name="a", relu=True, convolution=way),
        make_layer(2, (4, 4, 3, 3), 0.7, name="b", convolution=way),
        make_layer(3, (6, 4, 1, 1), 0.9, name="c", convolution=Convolution(stride=(2, 2))),
    ]
    nodes = [
        Node(ApplyLayer(), (0,)),
        Node(ApplyLayer(), (1,)),
        Node(Elementwise(kind="add"), (1, 2)),
        Node(operation, (3,)),
        Node(ApplyLayer(), (4,)),
    ]
    return calibrated(layers, nodes, (3, 6, 7))


@pytest.mark.parametrize(
    ("operation", "layers"),
    [
        (Relu(), 5),
        (Clip(low=0, high=1.5), 5),
        (Clip(high=2.0), 5),
        (Clip(low=-1, high=0.5), 7),
        (Clip(low=-4, high=1e9), 7),
        (LeakyRelu(slope=0.1), 7),
    ],
)
def test_residual_sums_with_what_follows_folded_in(operation, layers):
    network, inputs = residual(operation)
    assert len(build_image(network, array()).layers) == layers
    check(network, array(), inputs)


def test_a_convolution_of_stride_two_and_one_tap_reads_every_second_position():
    network, _ = residual(Relu())
    last = build_image(network, array(pes=1)).layers[-1]
    assert last.in_rows == 3 * 4 * 4  # channels


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 2), (6, 7)])
def test_pooling_of_signed_values(kind, kernel):
    nodes = [Node(Pool(kind=kind, kernel=kernel, stride=(2, 2)), (0,)), Node(ApplyLayer(), (1,))]
    layer = make_layer(1, (6, 5, 1, 1), 0.7, convolution=Convolution())
    network, inputs = calibrated([layer], nodes, (5, 6, 7))
    check(network, array(), inputs)
    check(network, array(), inputs - 4)


def test_the_output_may_be_joined_values():
    layers = [make_layer(at, (6, 9), 0.7, name=f"fc{at}") for at in range(2)]
    nodes = [Node(ApplyLayer(), (0,)), Node(ApplyLayer(), (0,)), Node(Concatenate(), (2, 1))]
    network, inputs = calibrated(layers, nodes, (9,))
    check(network, array(), inputs)


@pytest.mark.parametrize("shape", [(9,), (2, 3, 3)])
def test_a_value_may_be_joined_with_itself(shape):
    """A linear layer and a convolution would otherwise have two weights for one activation."""
    layers = [make_layer(1, (4, 18), 1.0, name="fc")]
    nodes = [Node(Concatenate(), (0, 0)), Node(ApplyLayer(), (1,))]
    if len(shape) == 3:
        layers = [make_layer(1, (4, 4, 2, 2), 1.0, name="conv", convolution=Convolution()), make_layer(2, (3, 16), 0.7)]
        nodes = [Node(Concatenate(), (0, 0)), Node(ApplyLayer(), (1,)), Node(Flatten(), (2,)), Node(ApplyLayer(), (3,))]
    network, inputs = calibrated(layers, nodes, shape)
    check(network, array(), inputs)


def test_an_input_packet_has_the_inputs_where_the_program_reads_them():
    network, _ = residual(Relu())
    image = build_image(network, array())
    activations = np.arange(image.in_features, dtype=np.int16)
    words = input_packet(image, activations)
    assert len(words) == 1 + image.in_rows * image.config.groups
    values = words[1:].astype("<u4").view("<i2")[:, : image.config.lanes].reshape(-1)
    np.testing.assert_array_equal(values[image.input_order], activations)


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (
            Softmax(axis=0),
            r"operation 4 \(softmax\): an array with maps lacks it; a network that ends",
        ),
        (Clip(low=0, high=0), "operation 4: an upper limit must be above 0, got 0"),
        (Clip(low=1 + 1e-9, high=1 + 2e-9), "operation 4: limits must ascend, got 1.000000001 and 1.000000002"),
        (LeakyRelu(slope=-0.5), "operation 4: a slope must be from 0 to 1, got -0.5"),
        (
            Pool(kind="average", kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1), count_padding=False),
            "average pooling 4: all windows must be divided by one number, they are by several",
        ),
    ],
)
def test_what_an_array_lacks(operation, sentence):
    network, _ = residual(operation)
    with pytest.raises(EieError, match=sentence):
        build_image(network, array())


def test_what_does_not_fit_is_told_in_full():
    network, _ = residual(Relu())
    small = array(accumulator_depth=16, pointer_depth=16, layers=2)
    with pytest.raises(
        EieError, match=r"the network needs 13 layers, the array has 2; .* pointers, the array has 16; "
    ) as e:
        build_image(network, small)
    for way in str(e.value).split("it would fit with ")[1].rstrip(")").split(", or "):
        sizes = (each.split() for each in way.split(" and ")[0].split(", "))
        image = build_image(network, small.with_(**{name: int(size) for name, size in sizes}))
        assert bool(image.cuts) == ("in parts" in way)


def test_codes_wider_than_the_arrays_are_refused():
    network, _ = residual(Relu())
    with pytest.raises(EieError, match="layer a: the array takes codes of at most 2 bits, got 4"):
        build_image(network, array(code_bits=2))


def test_positions_have_columns_of_their_own_where_that_saves_cycles_and_memory_is_left():
    way = Convolution(padding=(1, 1, 1, 1))
    layers = [make_layer(at, (4, 4, 3, 3), 1.0, name=f"conv{at}", convolution=way) for at in range(2)]
    network, inputs = calibrated(layers, [Node(ApplyLayer(), (at,)) for at in range(2)], (4, 5, 5))
    roomy = array(pes=1)
    image = build_image(network, roomy)
    plain = build_image(network, roomy.with_(pointer_depth=16))
    assert sum(layer.columns for layer in image.layers) > sum(layer.columns for layer in plain.layers) == 2 * 4
    check(network, roomy, inputs)
    runs = [run_image(each, inputs.reshape(3, -1).astype(np.float32)) for each in (image, plain)]
    np.testing.assert_array_equal(runs[0].integers, runs[1].integers)
    assert runs[0].cycles.max() < runs[1].cycles.min()


def test_every_layer_has_a_name_of_its_own_so_that_no_figure_is_lost():
    network, inputs = residual(Relu())
    image = build_image(network, array())
    assert {"sum 3 1/2", "sum 3 2/2"} < {layer.name for layer in image.layers}
    run = run_image(image, inputs.reshape(len(inputs), -1).astype(np.float32))
    assert sum(events.cycles for events in run.events.values()) == run.cycles_per_input
