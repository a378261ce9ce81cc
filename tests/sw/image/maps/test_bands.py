"""Layers in parts: outputs equal the integer datapath to the bit, with as few parts as there must be."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from model.errors import EieError
from model.image import NetworkImage
from model.map_reference import geometry_of
from sw.image.build import build_image
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Convolution, Flatten, Node, Pool, Relu
from tests.support.networks.random_networks import conv_networks, make_layer
from tests.sw.image.maps.test_build import array, calibrated, check, residual

AROUND = Convolution(padding=(1, 1, 1, 1))


def shrunk(image: NetworkImage, share: float) -> int:
    """A number of accumulators between those of the last layer and the most of any."""
    most, last = max(layer.out_rows for layer in image.layers), image.layers[-1].out_rows
    return max(last, ceil(share * most))


@settings(max_examples=80, deadline=None)
@given(
    conv_networks(calibrated=True),
    st.sampled_from([1, 2, 3, 4, 16]),
    st.sampled_from([0.0, 0.3]),
    st.integers(0, 1 << 16),
)
def test_random_networks(network: CompressedNetwork, pes: int, share: float, seed: int):
    config = array(pes)
    try:
        depth = shrunk(build_image(network, config), share)
        build_image(network, config.with_(accumulator_depth=depth))
    except EieError:
        reject()
    check(
        network,
        config.with_(accumulator_depth=depth),
        np.random.default_rng(seed).normal(size=(2, *network.input_shape)),
    )


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1), (4, 4)])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 0, 2, 3), (3, 3, 0, 0)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("least", [False, True])
def test_bands_of_convolutions(stride, padding, dilation, least):
    """Nothing but a halo is read twice; one band for every row of the result, or two bands."""
    way = Convolution(stride=stride, padding=padding, dilation=dilation)
    layers = [
        make_layer(1, (1, 3, 3, 2), 0.7, name="a", convolution=way),
        make_layer(2, (1, 1, 1, 1), 1.0, name="b", convolution=Convolution(stride=(8, 8))),
    ]
    nodes = [Node(ApplyLayer(), (at,)) for at in range(2)]
    network, inputs = calibrated(layers, nodes, (3, 11, 8))
    roomy = array(1)
    whole = build_image(network, roomy).layers[0]
    geometry = geometry_of(whole)
    depth = geometry.out_width if least else whole.out_rows - 1
    config = roomy.with_(accumulator_depth=max(2, depth, build_image(network, roomy).layers[-1].out_rows))
    parts = [each for each in build_image(network, config).layers if each.name.startswith("a")]
    assert len(parts) == ceil(geometry.out_height / (config.accumulator_depth // geometry.out_width))
    check(network, config, inputs)


def test_channels_are_passed_over_where_that_takes_fewer_cycles():
    """A depthwise convolution has nothing to do twice; halves of its rows would overlap."""
    layers = [
        make_layer(1, (8, 2, 1, 1), 0.9, name="a", relu=True, convolution=Convolution()),
        make_layer(2, (8, 1, 3, 3), 1.0, name="b", relu=True, convolution=Convolution(padding=(1, 1, 1, 1), groups=8)),
        make_layer(3, (5, 8), 0.7, name="c"),
    ]
    nodes = [
        Node(ApplyLayer(), (0,)),
        Node(ApplyLayer(), (1,)),
        Node(Pool(kind="average", kernel=(7, 7), stride=(1, 1)), (2,)),
        Node(Flatten(), (3,)),
        Node(ApplyLayer(), (4,)),
    ]
    network, inputs = calibrated(layers, nodes, (2, 7, 7))
    config = array(2, accumulator_depth=2 * 49)
    image = build_image(network, config)
    assert [(cut.what, cut.bands, cut.passes) for cut in image.cuts][1] == ("b", 1, 2)
    assert image.cuts[1].entries == image.cuts[1].pointers - 1 == 0
    assert [layer.out_rows for layer in image.layers if layer.name.startswith("b")] == [98, 98]
    check(network, config, inputs)


@pytest.mark.parametrize("activation_bits", [16, 8])
def test_bands_and_passes_of_one_layer(activation_bits: int):
    layers = [
        make_layer(1, (8, 2, 3, 3), 0.9, name="a", relu=True, convolution=AROUND),
        make_layer(2, (3, 8, 6, 8), 0.7, name="b", convolution=Convolution()),
    ]
    network, inputs = calibrated(layers, [Node(ApplyLayer(), (at,)) for at in range(2)], (2, 6, 8))
    config = array(2, accumulator_depth=8, activation_bits=activation_bits)
    (cut,) = build_image(network, config).cuts
    assert cut.bands * cut.passes == 6 * 4
    check(network, config, inputs)


def test_a_linear_layer_takes_passes_over_its_outputs():
    layers = [make_layer(1, (40, 9), 0.7, name="a"), make_layer(2, (5, 40), 0.7, name="b")]
    network, inputs = calibrated(layers, [Node(ApplyLayer(), (at,)) for at in range(2)], (9,))
    config = array(2, accumulator_depth=7)
    image = build_image(network, config)
    assert [layer.out_rows for layer in image.layers] == [6, 7, 7, 3]
    assert image.cuts[0].entries == 0
    check(network, config, inputs)


def test_maps_that_alternate_over_groups_of_pes_are_cut_between_them():
    layers = [
        make_layer(1, (3, 1, 5, 5), 0.9, name="conv1", convolution=Convolution()),
        make_layer(2, (5, 3, 5, 5), 0.9, name="conv2", convolution=Convolution()),
        make_layer(3, (7, 80), 0.5, name="ip"),
    ]
    pool = Pool(kind="max", kernel=(2, 2), stride=(2, 2))
    nodes = [ApplyLayer(), pool, ApplyLayer(), pool, Flatten(), ApplyLayer()]
    network, inputs = calibrated(layers, [Node(each, (at,)) for at, each in enumerate(nodes)], (1, 28, 28))
    for depth in (20, 32, 64):
        config = array(16, activation_depth=1 << 13, accumulator_depth=depth)
        image = build_image(network, config)
        assert image.cuts
        check(network, config, inputs)


def test_where_all_fits_nothing_is_cut():
    network, _ = residual(Relu())
    assert build_image(network, array()).cuts == ()


def test_entries_are_not_repeated_where_memory_is_short():
    """Two bands are faster than two passes, but hold every weight twice."""
    layers = [
        make_layer(1, (8, 8, 1, 1), 1.0, name="a", relu=True, convolution=Convolution()),
        make_layer(2, (2, 8, 6, 6), 0.7, name="b", convolution=Convolution()),
    ]
    network, inputs = calibrated(layers, [Node(ApplyLayer(), (at,)) for at in range(2)], (8, 6, 6))
    roomy = array(4, accumulator_depth=36)
    (cut,) = build_image(network, roomy).cuts
    assert (cut.bands, cut.passes) == (2, 1)
    assert cut.entries == 64
    rows = [-(-np.diff(layer.offsets) // roomy.entries_per_row) for layer in build_image(network, roomy).layers]
    small = roomy.with_(sparse_matrix_depth=int(np.sum(rows, axis=0).max()) - 1)
    (cut,) = build_image(network, small).cuts
    assert (cut.bands, cut.passes, cut.entries) == (1, 2, 0)
    check(network, small, inputs)


def test_the_last_layer_is_never_cut_and_what_is_missing_is_told():
    network, _ = residual(Relu())
    with pytest.raises(
        EieError,
        match=r"needs 18 accumulators for layer c, the array has 12 "
        r"\(it would fit with accumulator_depth 18 and 3 layers in parts, or accumulator_depth 42\)",
    ):
        build_image(network, array(accumulator_depth=12))


def test_a_cut_tells_what_it_costs():
    network, _ = residual(Relu())
    image = build_image(network, array(accumulator_depth=32))
    assert str(image.cuts[0]).startswith("a is made in 2 bands of rows, as a whole it needs accumulator_depth 42; ")
