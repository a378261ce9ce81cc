"""The networks of Deep Compression's Tables 2 to 5: seeded random ones of the same shapes, and the published rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sw.network.graph import ApplyLayer, Convolution, Flatten, Graph, Node, Pool, Shape
from sw.network.layer import Layer
from sw.network.network import Network

# Degrees of freedom: tails between the Gaussian's, whose Huffman-coded weights in AlexNet take up to 1.3 bits more than
# the paper's, and those with 4, whose take up to 1.3 bits less.
FREEDOM = 5


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One layer as Deep Compression publishes it (Han et al., ICLR 2016).

    Parameters
    ----------
    shape : of the weights; the paper rounds their number.
    kept : share of weights that pruning leaves, rounded to a percent.
    code_bits, index_bits : before Huffman coding.
    code_bits_huffman, index_bits_huffman : after it.
    rate : compressed over float32 before Huffman coding; None where it is not at hand.
    rate_huffman : after it.
    """

    name: str
    shape: Shape
    convolution: Convolution | None
    kept: float
    code_bits: int
    index_bits: int
    code_bits_huffman: float
    index_bits_huffman: float
    rate: float | None
    rate_huffman: float


def make_network(case: str, seed: int) -> Network:
    """Independent weights, Student's t, and Gaussian biases; ReLU after all layers but the last and LeNet-5's convs."""
    random = np.random.default_rng(seed)
    layers = tuple(
        Layer(
            row.name,
            _weights(random, row.shape),
            random.standard_normal(row.shape[0], np.float32),
            relu=row is not CASES[case][-1] and not (case == "lenet-5" and row.convolution is not None),
            convolution=row.convolution,
        )
        for row in CASES[case]
    )
    return Network(layers, make_graph(case))


def _weights(random: np.random.Generator, shape: Shape) -> NDArray[np.float32]:
    """Output by output: all at once would take three times the memory of the layer."""
    weight = np.empty(shape, np.float32)
    for output in weight:
        output[...] = random.standard_t(FREEDOM, output.shape)
    return weight


def make_graph(case: str) -> Graph | None:
    """What follows what; the local response normalisation of AlexNet, which has no weights, is left out."""
    if case not in INPUTS:
        return None
    shape, pool, pooled = INPUTS[case]
    nodes: list[Node] = []
    flat = False
    for row in CASES[case]:
        if row.convolution is None and not flat:
            nodes.append(Node(Flatten(), (len(nodes),)))
            flat = True
        nodes.append(Node(ApplyLayer(), (len(nodes),)))
        if row.name in pooled:
            nodes.append(Node(pool, (len(nodes),)))
    return Graph(input_shape=shape, nodes=tuple(nodes))


def _row(
    name: str,
    shape: Shape,
    kept: float,
    code_bits: tuple[int, float],
    index_bits: tuple[int, float],
    rates: tuple[float | None, float],
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> PaperRow:
    convolution = Convolution(stride=(stride, stride), padding=(padding, padding, padding, padding), groups=groups)
    return PaperRow(
        name=name,
        shape=shape,
        convolution=convolution if len(shape) == 4 else None,
        kept=kept / 100,
        code_bits=code_bits[0],
        index_bits=index_bits[0],
        code_bits_huffman=code_bits[1],
        index_bits_huffman=index_bits[1],
        rate=None if rates[0] is None else rates[0] / 100,
        rate_huffman=rates[1] / 100,
    )


def _vgg_conv(name: str, outputs: int, inputs: int, kept: float, code: float, index: float, rate: float) -> PaperRow:
    return _row(name, (outputs, inputs, 3, 3), kept, (8, code), (5, index), (None, rate), padding=1)


# Name, shape, kept %, (code bits, after Huffman), (index bits, after Huffman), (rate %, after Huffman).
CASES: Mapping[str, tuple[PaperRow, ...]] = {
    "lenet-300-100": (
        _row("ip1", (300, 784), 8, (6, 4.4), (5, 3.7), (3.1, 2.32)),
        _row("ip2", (100, 300), 9, (6, 4.4), (5, 4.3), (3.8, 3.04)),
        _row("ip3", (10, 100), 26, (6, 4.3), (5, 3.2), (15.7, 12.70)),
    ),
    "lenet-5": (
        _row("conv1", (20, 1, 5, 5), 66, (8, 7.2), (5, 1.5), (78.5, 67.45)),
        _row("conv2", (50, 20, 5, 5), 12, (8, 7.2), (5, 3.9), (6.0, 5.28)),
        _row("ip1", (500, 800), 8, (5, 4.5), (5, 4.5), (2.7, 2.45)),
        _row("ip2", (10, 500), 19, (5, 5.2), (5, 3.7), (6.9, 6.13)),
    ),
    "alexnet": (
        _row("conv1", (96, 3, 11, 11), 84, (8, 6.3), (4, 1.2), (32.6, 20.53), stride=4),
        _row("conv2", (256, 48, 5, 5), 38, (8, 5.5), (4, 2.3), (14.5, 9.43), padding=2, groups=2),
        _row("conv3", (384, 256, 3, 3), 35, (8, 5.1), (4, 2.6), (13.1, 8.44), padding=1),
        _row("conv4", (384, 192, 3, 3), 37, (8, 5.2), (4, 2.5), (14.1, 9.11), padding=1, groups=2),
        _row("conv5", (256, 192, 3, 3), 37, (8, 5.6), (4, 2.5), (14.0, 9.43), padding=1, groups=2),
        _row("fc6", (4096, 9216), 9, (5, 3.9), (4, 3.2), (3.0, 2.39)),
        _row("fc7", (4096, 4096), 9, (5, 3.6), (4, 3.7), (3.0, 2.46)),
        _row("fc8", (1000, 4096), 25, (5, 4.0), (4, 3.2), (7.3, 5.85)),
    ),
    "vgg-16": (
        _vgg_conv("conv1_1", 64, 3, 58, 6.8, 1.7, 29.97),
        _vgg_conv("conv1_2", 64, 64, 22, 6.5, 2.6, 6.99),
        _vgg_conv("conv2_1", 128, 64, 34, 5.6, 2.4, 8.91),
        _vgg_conv("conv2_2", 128, 128, 36, 5.9, 2.3, 9.31),
        _vgg_conv("conv3_1", 256, 128, 53, 4.8, 1.8, 11.15),
        _vgg_conv("conv3_2", 256, 256, 24, 4.6, 2.9, 5.67),
        _vgg_conv("conv3_3", 256, 256, 42, 4.6, 2.2, 8.96),
        _vgg_conv("conv4_1", 512, 256, 32, 4.6, 2.6, 7.29),
        _vgg_conv("conv4_2", 512, 512, 27, 4.2, 2.9, 5.93),
        _vgg_conv("conv4_3", 512, 512, 34, 4.4, 2.5, 7.47),
        _vgg_conv("conv5_1", 512, 512, 35, 4.7, 2.5, 8.00),
        _vgg_conv("conv5_2", 512, 512, 29, 4.6, 2.7, 6.52),
        _vgg_conv("conv5_3", 512, 512, 36, 4.6, 2.3, 7.79),
        _row("fc6", (4096, 25088), 4, (5, 3.6), (5, 3.5), (1.6, 1.10)),
        _row("fc7", (4096, 4096), 4, (5, 4.0), (5, 4.3), (1.5, 1.25)),
        _row("fc8", (1000, 4096), 23, (5, 4.0), (5, 3.4), (7.1, 5.24)),
    ),
}

_HALF = Pool(kind="max", kernel=(2, 2), stride=(2, 2))
INPUTS: Mapping[str, tuple[Shape, Pool, frozenset[str]]] = {
    "lenet-5": ((1, 28, 28), _HALF, frozenset({"conv1", "conv2"})),
    "alexnet": (
        (3, 227, 227),
        Pool(kind="max", kernel=(3, 3), stride=(2, 2)),
        frozenset({"conv1", "conv2", "conv5"}),
    ),
    "vgg-16": ((3, 224, 224), _HALF, frozenset({"conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"})),
}
