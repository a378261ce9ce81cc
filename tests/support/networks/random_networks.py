"""Small random compressed networks for the compressor's tests."""

from itertools import pairwise
from math import prod

import numpy as np
from hypothesis import strategies as st

from model.config import ArrayConfig
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.graph import (
    ApplyLayer,
    Concatenate,
    Convolution,
    Flatten,
    Graph,
    Lstm,
    Node,
    Operation,
    Pads,
    Pair,
    Pool,
    Relu,
    Shape,
)
from sw.network.operations import Clip, Elementwise, LeakyRelu, Reshape, Transpose


def make_layer(
    seed: int,
    shape: Shape,
    density: float,
    code_bits: int = 4,
    name: str = "fc",
    relu: bool = False,
    convolution: Convolution | None = None,
) -> CompressedLayer:
    """A layer with geometrically distributed codes, so that long Huffman codes occur."""
    random = np.random.default_rng(seed)
    positions = np.flatnonzero(random.random(prod(shape)) < density)
    largest = (1 << code_bits) - 1
    codes = np.minimum(random.geometric(0.4, positions.size), largest).astype(np.uint8)
    codebook = np.zeros(largest + 1, np.float32)
    used = np.unique(codes)
    codebook[used] = random.normal(size=used.size)
    return CompressedLayer(
        name=name,
        shape=shape,
        convolution=convolution,
        code_bits=code_bits,
        codebook=codebook,
        bias=random.normal(size=shape[0]).astype(np.float32) * np.float32(random.integers(2)),
        relu=relu,
        positions=positions,
        codes=codes,
    )


@st.composite
def networks(draw: st.DrawFn, calibrated: bool = False, code_bits: int = 8) -> CompressedNetwork:
    """One to three layers of 1 to 40 rows, from empty to dense."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    layers = [
        make_layer(
            draw(st.integers(0, 1 << 16)),
            (outputs, inputs),
            draw(st.sampled_from([0.0, 0.02, 0.2, 0.6, 1.0])),
            draw(st.integers(1, code_bits)),
            f"fc{index}",
            draw(st.booleans()),
        )
        for index, (inputs, outputs) in enumerate(pairwise(sizes))
    ]
    network = CompressedNetwork(layers=tuple(layers))
    if not calibrated:
        return network
    random = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    return calibrate(network, random.normal(size=(5, sizes[0])))


def make_conv_network(seed: int) -> CompressedNetwork:
    """(2, 10, 9) inputs, two convolutions side by side behind another and a pooling, joined, and two linear layers."""
    stride_two = Convolution(stride=(2, 1), padding=(1, 1, 1, 1))
    in_groups = Convolution(stride=(2, 1), padding=(1, 1, 1, 1), groups=2)
    layers = (
        make_layer(seed, (4, 2, 3, 3), 0.6, 5, name="conv1", relu=True, convolution=Convolution(padding=(1, 1, 1, 1))),
        make_layer(seed + 1, (3, 4, 3, 3), 0.3, 4, name="conv2a", convolution=stride_two),
        make_layer(seed + 2, (6, 2, 3, 3), 0.3, 4, name="conv2b", relu=True, convolution=in_groups),
        make_layer(seed + 3, (7, 54), 0.2, 3, name="ip1", relu=True),
        make_layer(seed + 4, (5, 7), 0.5, 2, name="ip2"),
    )
    nodes = (
        Node(ApplyLayer(), (0,)),
        Node(Pool(kind="max", kernel=(2, 2), stride=(2, 2), ceil=True), (1,)),
        Node(ApplyLayer(), (2,)),
        Node(ApplyLayer(), (2,)),
        Node(Concatenate(), (3, 4)),
        Node(Relu(), (5,)),
        Node(Pool(kind="average", kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)), (6,)),
        Node(Flatten(), (7,)),
        Node(ApplyLayer(), (8,)),
        Node(ApplyLayer(), (9,)),
    )
    return CompressedNetwork(layers=layers, graph=Graph(input_shape=(2, 10, 9), nodes=nodes))


@st.composite
def conv_networks(draw: st.DrawFn, calibrated: bool = False, code_bits: int = 8) -> CompressedNetwork:
    """Random graphs, of images, features or sequences, of one to eight operations; some values are not used."""
    size = st.integers(3, 9)
    kinds_of_input = st.one_of(st.tuples(st.integers(1, 4), size, size), st.tuples(size), st.tuples(size, size))
    values: list[Shape] = [draw(kinds_of_input)]
    nodes: list[Node] = []
    layers: list[CompressedLayer] = []
    for _ in range(draw(st.integers(1, 8))):
        source = draw(st.sampled_from([len(values) - 1, len(values) - 1, draw(st.integers(0, len(values) - 1))]))
        shape = values[source]
        special = {1: [], 2: ["lstm", "lstm"], 3: ["max", "average"]}[len(shape)]
        others = ["add", "subtract", "multiply", "clip", "leaky_relu", "reshape", "transpose"]
        kinds = ["layer", "layer", "layer", "relu", "flatten", "concatenate", *special, *others]
        kind = draw(st.sampled_from(kinds)) if layers or len(nodes) < 3 else "layer"
        sources = (source,)
        operation: Operation
        match kind:
            case "layer":
                operation = ApplyLayer()
                layers.append(draw(_layers(f"layer{len(layers)}", shape, code_bits)))
            case "lstm":
                operation = Lstm(sequence=draw(st.booleans()))
                layers.append(draw(_matrices(f"layer{len(layers)}", shape, code_bits)))
            case "relu":
                operation = Relu()
            case "flatten":
                operation = Flatten()
            case "concatenate":
                operation = Concatenate()
                fitting = [value for value, other in enumerate(values) if other[1:] == shape[1:]]
                sources = (source, *draw(st.lists(st.sampled_from(fitting), max_size=2)))
            case "add" | "subtract" | "multiply":
                operation = Elementwise(kind=kind)
                fitting = [value for value, other in enumerate(values) if _broadcast(shape, other)]
                sources = (source, draw(st.sampled_from(fitting)))
            case "clip":
                operation = Clip(
                    low=draw(st.sampled_from([-float("inf"), -1.0, 0.0])),
                    high=draw(st.sampled_from([0.5, 6.0, float("inf")])),
                )
            case "leaky_relu":
                operation = LeakyRelu(slope=draw(st.sampled_from([0.0, 0.125, 0.25, -0.5, 1.0])))
            case "reshape":
                operation = Reshape(shape=draw(st.sampled_from([(1, 1, prod(shape)), (prod(shape[:-1]), shape[-1])])))
            case "transpose":
                operation = Transpose(order=tuple(draw(st.permutations(range(len(shape))))))
            case _:
                kernel, stride, padding = draw(_windows(shape))
                operation = Pool(
                    kind="max" if kind == "max" else "average",
                    kernel=kernel,
                    stride=stride,
                    padding=padding,
                    ceil=draw(st.booleans()),
                    count_padding=draw(st.booleans()),
                )
        nodes.append(Node(operation, sources))
        graph = Graph(input_shape=values[0], nodes=tuple(nodes))
        values = graph.shapes([(layer.name, layer.shape, layer.convolution) for layer in layers])
    if not layers:
        nodes += [Node(Flatten(), (len(nodes),)), Node(ApplyLayer(), (len(nodes) + 1,))]
        layers.append(make_layer(draw(st.integers(0, 1 << 16)), (3, prod(values[-1])), 0.5))
    network = CompressedNetwork(layers=tuple(layers), graph=Graph(input_shape=values[0], nodes=tuple(nodes)))
    if not calibrated:
        return network
    random = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    return calibrate(network, random.normal(size=(5, *network.input_shape)))


@st.composite
def _layers(draw: st.DrawFn, name: str, source: Shape, code_bits: int) -> CompressedLayer:
    """A convolution of (channels, rows, columns), a linear layer of (features,) or (steps, features)."""
    outputs = draw(st.integers(1, 6))
    shape: Shape = (outputs, source[-1])
    convolution = None
    if len(source) == 3:
        kernel, stride, padding = draw(_windows(source))
        groups = draw(st.sampled_from([size for size in range(1, source[0] + 1) if source[0] % size == 0]))
        shape = (outputs * groups, source[0] // groups, *kernel)
        widest = [(size - 1) // max(width - 1, 1) for size, width in zip(source[1:], kernel, strict=True)]
        dilation = (draw(st.integers(1, max(1, min(2, widest[0])))), draw(st.integers(1, max(1, min(2, widest[1])))))
        convolution = Convolution(stride=stride, padding=padding, dilation=dilation, groups=groups)
    return make_layer(
        draw(st.integers(0, 1 << 16)),
        shape,
        draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])),
        draw(st.integers(1, code_bits)),
        name=name,
        relu=draw(st.booleans()),
        convolution=convolution,
    )


@st.composite
def _matrices(draw: st.DrawFn, name: str, source: Shape, code_bits: int) -> CompressedLayer:
    """The matrix of an LSTM of (steps, features)."""
    units = draw(st.integers(1, 4))
    return make_layer(
        draw(st.integers(0, 1 << 16)),
        (4 * units, source[1] + units),
        draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])),
        draw(st.integers(1, code_bits)),
        name=name,
    )


@st.composite
def _windows(draw: st.DrawFn, source: Shape) -> tuple[Pair, Pair, Pads]:
    """Kernel, stride and padding that fit into (channels, rows, columns)."""
    kernel = (draw(st.integers(1, min(4, source[1]))), draw(st.integers(1, min(4, source[2]))))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    top, left = draw(st.integers(0, (kernel[0] - 1) // 2)), draw(st.integers(0, kernel[1] - 1))
    if draw(st.booleans()):
        return kernel, stride, (top, left, top, left)
    return kernel, stride, (top, left, draw(st.integers(0, kernel[0] - 1)), draw(st.integers(0, kernel[1] - 1)))


def _broadcast(first: Shape, second: Shape) -> bool:
    """Whether two values fit together element by element."""
    pairs = zip(first, second, strict=False)
    return len(first) == len(second) and all(a == b or 1 in (a, b) for a, b in pairs)


def make_config(**changes: object) -> ArrayConfig:
    """An array that holds any network of `networks`."""
    config = ArrayConfig(
        pes=4,
        sparse_matrix_depth=4096,
        pointer_depth=512,
        activation_depth=64,
        constant_depth=1 << 11,
        max_code_length=9,
        layers=3,
    )
    return config.with_(**changes)
