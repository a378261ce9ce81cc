"""sw/image/maps/lacking.py: what it says that an array has is what networks are laid out with."""

import numpy as np
import pytest

from model.errors import EieError
from sw.image.lower import lower
from sw.image.maps.lacking import needed
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedNetwork
from sw.network.graph import (
    ApplyLayer,
    Concatenate,
    Convolution,
    Flatten,
    Graph,
    Lstm,
    Node,
    Operation,
    Pool,
    Relu,
    both_sides,
)
from sw.network.operations import (
    Affine,
    Clip,
    Elementwise,
    Flip,
    Function,
    LeakyRelu,
    Normalise,
    Product,
    Reshape,
    Slice,
    Softmax,
    Stretch,
    Transpose,
)
from tests.support.networks.random_networks import make_layer
from tests.support.networks.whole import MAP_ARRAY

PADDED = both_sides((1, 1))


@pytest.mark.parametrize(
    ("operation", "sources"),
    [
        (Pool(kind="max", padding=PADDED, kernel=(3, 3), stride=(1, 1)), 1),
        (Pool(kind="average", padding=PADDED, kernel=(3, 3), stride=(1, 1)), 1),
        (Pool(kind="average", padding=PADDED, count_padding=False, kernel=(3, 3), stride=(1, 1)), 1),
        (Relu(), 1),
        (Flatten(), 1),
        (Concatenate(), 2),
        (Clip(low=-0.5, high=0.5), 1),
        (LeakyRelu(slope=0.25), 1),
        (LeakyRelu(slope=-0.25), 1),
        (Elementwise(kind="add"), 2),
        (Elementwise(kind="multiply"), 2),
        (Reshape(shape=(8, 2, 4)), 1),
        (Transpose(order=(1, 2, 0)), 1),
        (Slice(axis=0, start=1, stop=3), 1),
        (Flip(axis=1), 1),
        (Stretch(stride=(2, 2)), 1),
        (Softmax(axis=0), 1),
        (Normalise(axes=1, epsilon=1e-5), 1),
        (Function(name="tanh"), 1),
        (Affine(scale=0.5), 1),
        (Product(), 2),
    ],
    ids=str,
)
def test_an_operation_behind_a_convolution(operation: Operation, sources: int) -> None:
    layer = make_layer(0, (4, 4, 1, 1), 0.8, name="conv", convolution=Convolution())
    nodes = (Node(ApplyLayer(), (0,)), Node(operation, (1,) * sources))
    network = CompressedNetwork(layers=(layer,), graph=Graph(input_shape=(4, 4, 4), nodes=nodes))
    network = calibrate(network, np.random.default_rng(0).uniform(0.1, 1, (3, 64)))
    assert needed(operation, [(4, 4, 4)] * sources, False) == ("maps" if runs(network) else "more")


def test_layers() -> None:
    assert needed(ApplyLayer(), [(4, 4, 4)], False) == "maps"
    assert needed(ApplyLayer(), [(12,)], True) == "maps"
    assert needed(ApplyLayer(), [(3, 4)], True) == "more"
    assert needed(Lstm(), [(3, 4)], True) == "functions"
    assert needed(Elementwise(kind="add"), [(4, 4), (1, 4)], False) == "more"


def runs(network: CompressedNetwork) -> bool:
    try:
        lower(network, MAP_ARRAY)
    except EieError:
        return False
    return True
