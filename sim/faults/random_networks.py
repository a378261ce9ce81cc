"""Small random networks for fault injection: fully connected layers, every kind of map layer, or recurrent cells."""

from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.graph import ApplyLayer, Convolution, Flatten, Graph, Gru, Lstm, Node, Pool, Relu, Shape
from sw.network.operations import Elementwise

SIZES = (24, 20, 16, 8)  # features
DENSITY = 0.3
CODE_BITS = 4
INPUT_SHAPE = (2, 6, 4)
AROUND = (1, 1, 1, 1)  # padding
# Convolution, depthwise convolution, their sum, 1x1, both kinds of pooling, a linear layer.
MAP_NODES = (
    Node(ApplyLayer(), (0,)),
    Node(ApplyLayer(), (1,)),
    Node(Elementwise(kind="add"), (1, 2)),
    Node(Relu(), (3,)),
    Node(ApplyLayer(), (4,)),
    Node(Pool(kind="max", kernel=(2, 2), stride=(1, 1)), (5,)),
    Node(Pool(kind="average", kernel=(2, 1), stride=(2, 1)), (6,)),
    Node(Flatten(), (7,)),
    Node(ApplyLayer(), (8,)),
)
# Every h of an LSTM into a GRU, and a linear layer.
CELL_NODES = (Node(Lstm(sequence=True), (0,)), Node(Gru(), (1,)), Node(ApplyLayer(), (2,)))
STEPS, FEATURES, LSTM_UNITS, GRU_UNITS = 3, 5, 6, 3


def random_network(seed: int, config: ArrayConfig) -> tuple[CompressedNetwork, NDArray[np.float32]]:
    """A small calibrated network of what the array can run, and one input for it, half of it zeros.

    With `functions` an LSTM, a GRU and a linear layer; else with `maps` convolution, depthwise convolution, their sum,
    1x1 of stride 2, both kinds of pooling and a linear layer; else linear layers.
    """
    random = np.random.default_rng(seed)
    network = (_of_cells if config.functions else _of_maps if config.maps else _of_connected_layers)(random)
    size = prod(network.input_shape)
    inputs = random.normal(size=(1, size)) * (random.random((1, size)) < 0.5)
    return calibrate(network, inputs), inputs.astype(np.float32)


def _of_connected_layers(random: np.random.Generator) -> CompressedNetwork:
    last = len(SIZES) - 2
    shapes = pairwise(SIZES)
    return CompressedNetwork(
        layers=tuple(
            _layer(random, f"fc{number}", (rows, columns), DENSITY, relu=number < last)
            for number, (columns, rows) in enumerate(shapes)
        )
    )


def _of_maps(random: np.random.Generator) -> CompressedNetwork:
    layers = (
        _layer(random, "convolution", (8, 2, 3, 3), 0.5, relu=True, way=Convolution(padding=AROUND)),
        _layer(random, "depthwise", (8, 1, 3, 3), 0.9, way=Convolution(padding=AROUND, groups=8)),
        _layer(random, "pointwise", (6, 8, 1, 1), 0.6, relu=True, way=Convolution(stride=(2, 2))),
        _layer(random, "linear", (5, 6), 0.7),
    )
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=INPUT_SHAPE, nodes=MAP_NODES))


def _of_cells(random: np.random.Generator) -> CompressedNetwork:
    of_lstm = _layer(random, "lstm", (4 * LSTM_UNITS, FEATURES + LSTM_UNITS), 0.5)
    of_gru = _layer(random, "gru", (4 * GRU_UNITS, LSTM_UNITS + GRU_UNITS), 0.6)
    layers = (of_lstm, of_gru, _layer(random, "linear", (5, GRU_UNITS), 0.9))
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=(STEPS, FEATURES), nodes=CELL_NODES))


def _layer(
    random: np.random.Generator,
    name: str,
    shape: Shape,
    density: float,
    relu: bool = False,
    way: Convolution | None = None,
) -> CompressedLayer:
    positions = np.flatnonzero(random.random(prod(shape)) < density)
    codebook = random.normal(size=1 << CODE_BITS).astype(np.float32)
    codebook[0] = 0
    return CompressedLayer(
        name=name,
        shape=shape,
        convolution=way,
        code_bits=CODE_BITS,
        codebook=codebook,
        bias=random.normal(size=shape[0]).astype(np.float32),
        relu=relu,
        positions=positions,
        codes=random.integers(1, 1 << CODE_BITS, positions.size).astype(np.uint8),
    )
