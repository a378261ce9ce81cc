"""Networks of every kind that a file can hold, and what makes two of them equal."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sw.network.graph import UNCONNECTED, ApplyLayer, Concatenate, Convolution, Flatten, Graph, Lstm, Node, Pool, Relu
from sw.network.layer import Layer
from sw.network.network import Network


def layer(name: str, *shape: int, relu: bool = False, convolution: Convolution | None = None, seed: int = 0) -> Layer:
    """Random weights; a convolution by 1 if there are four sizes and nothing else is said."""
    random = np.random.default_rng([seed, *shape])
    weight, bias = random.normal(size=shape).astype(np.float32), random.normal(size=shape[0]).astype(np.float32)
    return Layer(name, weight, bias, relu, (convolution or Convolution()) if len(shape) == 4 else None)


def branching() -> Network:
    """Every operation, with every parameter away from its default somewhere."""
    moves = Convolution(stride=(2, 1), padding=(1, 0, 1, 0), groups=2)
    layers = (
        layer("conv1", 6, 2, 3, 2, convolution=moves, relu=True),
        layer("fire/left", 3, 6, 1, 1),
        layer("fire/right", 4, 6, 3, 3, convolution=Convolution(padding=(1, 1, 1, 1))),
        layer("head.0", 5, 28, relu=False),
    )
    nodes = (
        Node(ApplyLayer(), (0,)),  # 1: (6, 6, 8) of (4, 11, 9)
        Node(Pool(kind="max", kernel=(3, 2), stride=(2, 2), padding=(1, 0, 1, 0), ceil=True), (1,)),  # 2: (6, 4, 4)
        Node(ApplyLayer(), (2,)),
        Node(ApplyLayer(), (2,)),
        Node(Concatenate(), (4, 3)),  # 5: (7, 4, 4)
        Node(Relu(), (5,)),
        Node(Pool(kind="average", kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1), count_padding=False), (6,)),
        Node(Flatten(), (7,)),
        Node(ApplyLayer(), (8,)),
    )
    return Network(layers, Graph(input_shape=(4, 11, 9), nodes=nodes))


def recurrent() -> Network:
    """LSTMs named as torch's and otherwise, of every step and of the last, and a linear layer on every step."""
    layers = (layer("rnn.l0", 8, 5), layer("each", 4, 2), layer("cell", 12, 7), layer("head", 2, 3))
    nodes = (Node(Lstm(sequence=True), (0,)), Node(ApplyLayer(), (1,)), Node(Lstm(), (2,)), Node(ApplyLayer(), (3,)))
    return Network(layers, Graph(input_shape=(6, 3), nodes=nodes))


def networks() -> dict[str, Network]:
    """One of each kind, by what is special about it."""
    return {
        "chain": Network((layer("z", 5, 7, relu=True), layer("a", 3, 5, relu=True), layer("m", 2, 3))),
        "other ReLUs": Network((layer("a", 3, 5), layer("b", 2, 3, relu=True))),
        "graph": branching(),
        "a chain with a graph": Network(
            (layer("a", 3, 5),), Graph(input_shape=(5,), nodes=(Node(ApplyLayer(), (0,)),))
        ),
        "weights only": Network(
            (
                layer("lstm.weight_ih_l0", 8, 3),
                layer("lstm.weight_hh_l0", 8, 2),
                layer("weight", 4, 4, relu=True),
                layer("conv", 2, 3, 3, 1, convolution=Convolution(stride=(2, 2))),
            ),
            UNCONNECTED,
        ),
        "recurrent": recurrent(),
        "one part": Network((layer("cell.weight_hh", 4, 4),)),
    }


def assert_equal(found: Network, wanted: Network) -> None:
    """Equal to the bit, names and connections included."""
    assert found.graph == wanted.graph
    assert [one.name for one in found.layers] == [one.name for one in wanted.layers]
    for one, other in zip(found.layers, wanted.layers, strict=True):
        assert (one.relu, one.convolution) == (other.relu, other.convolution), one.name
        assert one.weight.shape == other.weight.shape, one.name
        assert one.weight.tobytes() == other.weight.tobytes(), one.name
        assert one.bias.tobytes() == other.bias.tobytes(), one.name


def assert_refuses_cuts(load: Callable[[Path], object], path: Path, step: int = 1) -> None:
    """The file at `path` is refused in one sentence wherever it ends too early, tried every `step` bytes."""
    data = path.read_bytes()
    load(path)
    for size in range(0, len(data), step):
        path.write_bytes(data[:size])
        with pytest.raises(EieError) as refusal:
            load(path)
        assert "\n" not in str(refusal.value)
    path.write_bytes(data)


def assert_survives_damage(load: Callable[[Path], object], path: Path, cases: int, seed: int = 0) -> None:
    """With a few bytes changed, the file at `path` is still read or refused in one sentence."""
    data, random = path.read_bytes(), np.random.default_rng(seed)
    sentences: list[str] = []
    for _ in range(cases):
        damaged = np.frombuffer(data, np.uint8).copy()
        places = random.integers(0, damaged.size, random.integers(1, 4))
        damaged[places] = random.integers(0, 256, places.size)
        path.write_bytes(damaged.tobytes())
        try:
            load(path)
        except EieError as error:
            sentences.append(str(error))
    path.write_bytes(data)
    assert len(sentences) > cases // 50
    assert not any("\n" in sentence for sentence in sentences)
