"""Maps made a band of rows at a time, several layers deep: outputs equal the integer datapath to the bit."""

import re
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from model.errors import EieError, TooSmallError
from model.map_reference import geometry_of
from sw.image.build import build_image
from sw.image.fitting import fitting_array
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Convolution, Node, Pool
from sw.network.operations import Elementwise
from tests.support.networks.random_networks import make_layer
from tests.sw.image.maps.test_build import array, calibrated, check

AROUND = Convolution(padding=(1, 1, 1, 1))
HALVES = Convolution(padding=(1, 1, 1, 1), stride=(2, 2))


@st.composite
def deep_networks(draw: st.DrawFn) -> CompressedNetwork:
    """Convolutions, depthwise ones, pooling and sums of 16 rows, with much between a small input and a small output."""
    rows, columns = draw(st.sampled_from([12, 16, 17])), draw(st.integers(5, 7))
    channels = 8
    layers = [make_layer(draw(st.integers(0, 99)), (channels, 1, 3, 3), 0.8, name="first", convolution=AROUND)]
    nodes = [Node(ApplyLayer(), (0,))]
    beside = 0
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["wide", "depthwise", "point", "sum", "max"]))
        if kind == "sum" and beside and number:
            nodes.append(Node(Elementwise(kind="add"), (len(nodes), beside)))
            continue
        if kind == "max":
            nodes.append(Node(Pool(kind="max", kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1)), (len(nodes),)))
            beside = len(nodes)
            continue
        beside = len(nodes) if draw(st.booleans()) else beside
        shape, way = {
            "depthwise": ((channels, 1, 3, 3), Convolution(padding=(1, 1, 1, 1), groups=channels)),
            "point": ((channels, channels, 1, 1), Convolution()),
        }.get(kind, ((channels, channels, 3, 2), Convolution(padding=(2, 1, 2, 0), dilation=(2, 1))))
        nodes.append(Node(ApplyLayer(), (len(nodes),)))
        seed, relu = draw(st.integers(0, 99)), draw(st.booleans())
        layers.append(make_layer(seed, shape, 0.6, name=f"{kind}{number}", relu=relu, convolution=way))
    for number in range(draw(st.integers(1, 2))):
        layers.append(make_layer(number, (channels, channels, 3, 3), 0.5, name=f"half{number}", convolution=HALVES))
        nodes.append(Node(ApplyLayer(), (len(nodes),)))
    layers.append(make_layer(9, (2, channels, 2, 2), 0.9, name="last", convolution=Convolution(stride=(4, 4))))
    nodes.append(Node(ApplyLayer(), (len(nodes),)))
    return calibrated(layers, nodes, (1, rows, columns), draw(st.integers(0, 99)))[0]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(deep_networks(), st.sampled_from([1, 2]), st.integers(0, 99))
def test_random_networks(network: CompressedNetwork, fewer: int, seed: int):
    """With half of the activation memory that whole maps take, and half of the accumulators.

    Of many networks input, result and one band do not fit half of it: the first size of array with bands is checked.
    """
    for pes in (1, 2, 4, 8):
        config = fitting_array(network, array(pes))
        config = config.with_(
            layers=64,
            pointer_depth=1 << 15,
            sparse_matrix_depth=1 << 16,
            constant_depth=1 << 15,
            activation_depth=max(2, config.activation_depth // 2),
            accumulator_depth=max(2, config.accumulator_depth // fewer),
        )
        with suppress(TooSmallError):
            if any(cut.memory == "activation_depth" for cut in build_image(network, config).cuts):
                check(network, config, np.random.default_rng(seed).normal(size=(2, *network.input_shape)))
                return
    reject()


def narrow_waist():
    """A small input, 16 times as much in the middle, a small result."""
    layers = [
        make_layer(1, (2, 1, 3, 3), 0.9, name="a", relu=True, convolution=AROUND),
        make_layer(2, (8, 2, 3, 3), 0.9, name="b", relu=True, convolution=AROUND),
        make_layer(3, (8, 1, 3, 3), 0.9, name="c", relu=True, convolution=replace(HALVES, groups=8)),
        make_layer(4, (3, 8, 4, 4), 0.9, name="d", convolution=Convolution(stride=(4, 4))),
    ]
    return calibrated(layers, [Node(ApplyLayer(), (at,)) for at in range(4)], (1, 16, 16))


def test_few_bands_where_that_is_enough_and_none_where_all_fits():
    network, inputs = narrow_waist()
    whole = build_image(network, array(2, activation_depth=1024))
    assert (whole.cuts, len(whole.layers)) == ((), 4)
    image = build_image(network, array(2, activation_depth=512))
    (cut,) = image.cuts
    assert (cut.what, cut.memory, cut.needed, cut.bands) == ("b to c", "activation_depth", 1024, 7)
    assert (len(image.layers), cut.entries > 0) == (2 + 2 * 7, True)
    check(network, array(2, activation_depth=512), inputs)


def test_the_result_takes_the_place_of_rows_that_are_read():
    """Source 2 x 16 x 16 and result of 8 x 8 x 8 on two PEs are 512 rows together, and a band is between them."""
    network, _ = narrow_waist()
    image = build_image(network, array(2, activation_depth=512))
    read, written = image.layers[1], geometry_of(image.layers[-2])
    assert geometry_of(image.layers[0]).destination < written.destination + 256
    assert read.first_row < 512


def test_layers_in_bands_may_need_parts_for_their_accumulators_too():
    network, inputs = narrow_waist()
    config = array(2, activation_depth=512, accumulator_depth=64)
    image = build_image(network, config)
    assert {cut.memory for cut in image.cuts} == {"activation_depth", "accumulator_depth"}
    check(network, config, inputs)


def test_a_map_that_two_read_is_made_as_far_as_the_wider_one_reads():
    """One of them takes a row of it for a row of its own, the other, which comes later, three."""
    layers = [
        make_layer(1, (2, 1, 3, 3), 0.9, name="a", relu=True, convolution=AROUND),
        make_layer(2, (8, 2, 3, 3), 0.9, name="b", relu=True, convolution=AROUND),
        make_layer(3, (8, 8, 1, 1), 0.9, name="narrow", convolution=Convolution()),
        make_layer(4, (8, 8, 3, 3), 0.9, name="wide", convolution=AROUND),
        make_layer(5, (8, 1, 3, 3), 0.9, name="c", relu=True, convolution=replace(HALVES, groups=8)),
        make_layer(6, (3, 8, 4, 4), 0.9, name="d", convolution=Convolution(stride=(4, 4))),
    ]
    for order in ((2, 3), (3, 2)):
        ordered = [*layers[:2], *(layers[at] for at in order), *layers[4:]]
        nodes = [Node(ApplyLayer(), (at,)) for at in (0, 1, 2, 2)]
        nodes += [Node(Elementwise(kind="add"), (3, 4)), Node(ApplyLayer(), (5,)), Node(ApplyLayer(), (6,))]
        network, inputs = calibrated(ordered, nodes, (1, 16, 16))
        config = array(2, layers=64, pointer_depth=1 << 14, constant_depth=1 << 15, activation_depth=1024)
        assert [cut.memory for cut in build_image(network, config).cuts] == ["activation_depth"]
        check(network, config, inputs)


def test_what_no_bands_make_small_enough_is_refused_with_the_depth_that_holds_it():
    network, _ = narrow_waist()
    with pytest.raises(EieError, match=r"needs 1024 local rows of activations, the array has 128 \(it would fit") as e:
        build_image(network, array(2, activation_depth=128))
    found = re.search("activation_depth ([0-9]+)", str(e.value))
    assert found is not None
    build_image(network, array(2, activation_depth=int(found[1])))
