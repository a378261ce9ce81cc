"""A network of every kind of map layer, and an array with `maps` that holds it."""

from model.config import ArrayConfig
from sim.faults.random_networks import INPUT_SHAPE, MAP_NODES
from sw.network.compressed import CompressedNetwork
from sw.network.graph import ApplyLayer, Convolution, Flatten, Graph, Node, Pool
from tests.support.networks.random_networks import make_layer

MAP_ARRAY = ArrayConfig(
    name="maps4",
    pes=4,
    queue_depth=4,
    row_bits=32,
    sparse_matrix_depth=512,
    pointer_depth=512,
    activation_depth=128,
    accumulator_depth=64,
    constant_depth=512,
    layers=16,
    stream_bits=32,
    max_code_length=9,
    skip_empty_slices=True,
    row_dealing="balanced",
    maps=True,
)


def whole_network() -> CompressedNetwork:
    """Convolution, depthwise, 1x1 of stride 2, a residual sum, both kinds of pooling and a linear layer."""
    around = Convolution(padding=(1, 1, 1, 1))
    layers = (
        make_layer(1, (8, 2, 3, 3), 0.5, name="conv", relu=True, convolution=around),
        make_layer(2, (8, 1, 3, 3), 0.9, name="depthwise", convolution=Convolution(padding=(1, 1, 1, 1), groups=8)),
        make_layer(3, (6, 8, 1, 1), 0.6, name="pointwise", relu=True, convolution=Convolution(stride=(2, 2))),
        make_layer(4, (5, 6), 0.7, name="linear"),
    )
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=INPUT_SHAPE, nodes=MAP_NODES))


def banded_network() -> CompressedNetwork:
    """A convolution that takes 72 accumulators of `MAP_ARRAY`'s 64, pooling, a depthwise one, a linear layer."""
    around = Convolution(padding=(1, 1, 1, 1))
    layers = (
        make_layer(5, (4, 1, 3, 3), 0.6, name="conv", relu=True, convolution=around),
        make_layer(6, (4, 1, 3, 3), 0.9, name="depthwise", convolution=Convolution(padding=(1, 1, 1, 1), groups=4)),
        make_layer(7, (5, 48), 0.7, name="linear"),
    )
    operations = (ApplyLayer(), Pool(kind="max", kernel=(3, 2), stride=(3, 2)), ApplyLayer(), Flatten(), ApplyLayer())
    nodes = tuple(Node(operation, (number,)) for number, operation in enumerate(operations))
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=(1, 9, 8), nodes=nodes))
