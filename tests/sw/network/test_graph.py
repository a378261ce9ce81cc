"""sw/network/graph.py: the shapes of values, and graphs that fit no layers."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model.errors import EieError
from sw.network.graph import (
    UNCONNECTED,
    ApplyLayer,
    Concatenate,
    Convolution,
    Flatten,
    Graph,
    Lstm,
    Node,
    Pool,
    Relu,
    WeightShape,
    chain,
    window_count,
)
from tests.support.networks.formats import branching, recurrent

IMAGE = (3, 8, 6)
FC: WeightShape = ("fc", (5, 7), None)
CONV: WeightShape = ("conv", (4, 3, 3, 2), Convolution())
HALVES = Pool(kind="max", kernel=(2, 2), stride=(2, 2))


def shapes(input_shape: tuple[int, ...], *nodes: Node, layers: tuple[WeightShape, ...] = ()) -> list[tuple[int, ...]]:
    return Graph(input_shape=input_shape, nodes=nodes).shapes(list(layers))


def test_every_operation():
    network = branching()
    assert network.shapes == [
        (4, 11, 9),
        (6, 6, 8),
        (6, 4, 4),
        (3, 4, 4),
        (4, 4, 4),
        (7, 4, 4),
        (7, 4, 4),
        (7, 2, 2),
        (28,),
        (5,),
    ]


def test_sequences():
    network = recurrent()
    assert network.shapes == [(6, 3), (6, 2), (6, 4), (3,), (2,)]
    assert network.graph is not None
    assert network.graph.recurrent == [Lstm(sequence=True), None, Lstm(), None]
    assert shapes((6, 3), Node(Concatenate(), (0, 0)), Node(Relu(), (1,)), Node(Flatten(), (2,)))[1:] == [
        (12, 3),
        (12, 3),
        (36,),
    ]


def test_chains_and_weights_only():
    assert chain(7, 2).shapes([FC, ("next", (3, 5), None)]) == [(7,), (5,), (3,)]
    assert UNCONNECTED.shapes([FC, CONV]) == []


@given(
    size=st.integers(1, 30),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 6),
    padding=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    ceil=st.booleans(),
)
def test_windows_are_counted(size: int, kernel: int, stride: int, padding: tuple[int, int], ceil: bool):
    """Whole windows, and with `ceil` one that ends outside; then none begins in the padding behind the input."""
    assume(max(padding) < kernel or not ceil)
    padded = size + sum(padding)
    begins = range(0, padded + stride, stride)
    whole = [begin for begin in begins if begin + kernel <= padded]
    touching = [begin for begin in begins if begin - stride + kernel < padded and begin < size + padding[0]]
    assert max(0, window_count(size, kernel, stride, padding, ceil)) == len(touching if ceil else whole)


@pytest.mark.parametrize(
    ("convolution", "wanted"),
    [
        (Convolution(), (4, 6, 5)),
        (Convolution(stride=(2, 3)), (4, 3, 2)),
        (Convolution(padding=(1, 0, 1, 0)), (4, 8, 5)),
        (Convolution(padding=(5, 4, 5, 4), stride=(4, 4)), (4, 4, 4)),
    ],
)
def test_convolutions(convolution: Convolution, wanted: tuple[int, ...]):
    assert shapes(IMAGE, Node(ApplyLayer(), (0,)), layers=(("conv", (4, 3, 3, 2), convolution),))[-1] == wanted


@pytest.mark.parametrize(
    ("input_shape", "nodes", "layers", "sentence"),
    [
        (
            (),
            (Node(Relu(), (0,)),),
            (),
            r"must have shape \(features,\), \(steps, features\) or \(channels, rows, columns\)",
        ),
        ((3, 8, 2, 2), (Node(Relu(), (0,)),), (), r"must have shape .* got \(3, 8, 2, 2\)"),
        ((3, 0, 8), (Node(Relu(), (0,)),), (), r"must have shape .* got \(3, 0, 8\)"),
        ((1 << 15, 1 << 7, 1 << 7), (Node(Relu(), (0,)),), (), "with at most 268435456 elements"),
        (IMAGE, (Node(Relu(), (0,)),) * 4097, (), "a graph must have at most 4096 operations, got 4097"),
        (IMAGE, (Node(Relu(), (0,)),), (FC,), "must apply each of the 1 layers once, it applies 0"),
        (IMAGE, (Node(ApplyLayer(), (0,)),), (), "must apply each of the 0 layers once, it applies 1"),
        (IMAGE, (Node(Relu(), (1,)),), (), r"operation 1 must take values 0 to 0, got \(1,\)"),
        (IMAGE, (Node(Relu(), (-1,)),), (), r"operation 1 must take values 0 to 0, got \(-1,\)"),
        (IMAGE, (Node(Relu(), ()),), (), r"operation 1 must take values 0 to 0, got \(\)"),
        (IMAGE, (Node(Relu(), (0, 0)),), (), "operation 1 must take one value, got 2"),
        ((6, 8), (Node(ApplyLayer(), (0,)),), (FC,), r"layer fc must take \(7,\) values, it gets \(6, 8\)"),
        (
            (9, 3),
            (Node(Lstm(), (0,)),),
            (("m", (6, 4), None),),
            r"layer m: an LSTM's matrix must have .* weights of \(6, 4\)",
        ),
        (
            (9, 3),
            (Node(Lstm(), (0,)),),
            (("m", (8, 2), None),),
            r"shape \(4 \* units, features \+ units\), got weights",
        ),
        (
            (9, 3),
            (Node(Lstm(), (0,)),),
            (("m", (8, 3, 1, 1), Convolution()),),
            "layer m: an LSTM's matrix must have shape",
        ),
        (
            (9, 4),
            (Node(Lstm(), (0,)),),
            (("m", (8, 5), None),),
            r"layer m: its LSTM must take \(steps, 3\) values, .* \(9, 4\)",
        ),
        ((3,), (Node(Lstm(), (0,)),), (("m", (8, 5), None),), r"must take \(steps, 3\) values, it gets \(3,\)"),
        (
            (9, 3),
            (Node(Lstm(), (0,)), Node(Lstm(), (1,))),
            (("m", (8, 5), None), ("n", (8, 4), None)),
            r"layer n: its LSTM must take \(steps, 2\) values, it gets \(2,\)",
        ),
        ((9, 3), (Node(Lstm(), (0,)),), (), "must apply each of the 0 layers once, it applies 1"),
        (IMAGE, (Node(ApplyLayer(), (0,)),), (FC,), r"layer fc must take \(7,\) values, it gets \(3, 8, 6\)"),
        ((6,), (Node(ApplyLayer(), (0,)),), (FC,), r"layer fc must take \(7,\) values, it gets \(6,\)"),
        (
            (7,),
            (Node(ApplyLayer(), (0,)),),
            (CONV,),
            r"layer conv must take \(3, rows, columns\) values, it gets \(7,\)",
        ),
        ((4, 8, 6), (Node(ApplyLayer(), (0,)),), (CONV,), r"layer conv must take \(3, rows, columns\) values"),
        ((3, 2, 6), (Node(ApplyLayer(), (0,)),), (CONV,), "layer conv: a window of 3 x 2 must fit into its input"),
        (
            (7,),
            (Node(HALVES, (0,)),),
            (),
            r"operation 1: pooling must take \(channels, rows, columns\), it gets \(7,\)",
        ),
        ((3, 1, 6), (Node(HALVES, (0,)),), (), "operation 1: a window of 2 x 2 must fit into its input"),
        (
            IMAGE,
            (Node(Pool(kind="max", kernel=(2, 2), stride=(2, 2), padding=(2, 0, 2, 0)), (0,)),),
            (),
            "padding must be small",
        ),
        (IMAGE, (Node(Pool(kind="max", kernel=(2, 2), stride=(0, 2)), (0,)),), (), "stride must be between 1 and 4095"),
        (IMAGE, (Node(Pool(kind="max", kernel=(0, 2), stride=(1, 2)), (0,)),), (), "window must be between 1 and 4095"),
        (
            IMAGE,
            (Node(HALVES, (0,)), Node(Concatenate(), (0, 1))),
            (),
            "operation 2: values to be joined must differ in ch",
        ),
        (
            IMAGE,
            (Node(Flatten(), (0,)), Node(Concatenate(), (0, 1))),
            (),
            "operation 2: values to be joined must differ",
        ),
        ((1 << 13, 1 << 7, 1 << 7), (Node(Concatenate(), (0, 0, 0)),), (), "must have at most 268435456 elements, got"),
    ],
)
def test_refused(input_shape: tuple[int, ...], nodes: tuple[Node, ...], layers: tuple[WeightShape, ...], sentence: str):
    with pytest.raises(EieError, match=sentence):
        shapes(input_shape, *nodes, layers=layers)


@pytest.mark.parametrize(
    ("convolution", "sentence"),
    [
        (Convolution(groups=0), "layer conv: groups must divide its 4 outputs, got 0"),
        (Convolution(groups=3), "layer conv: groups must divide its 4 outputs, got 3"),
        (Convolution(groups=8), "layer conv: groups must divide its 4 outputs, got 8"),
        (Convolution(stride=(1, 0)), "layer conv: stride must be between 1 and 4095, got 1 x 0"),
        (Convolution(stride=(4096, 1)), "layer conv: stride must be between 1 and 4095, got 4096 x 1"),
        (Convolution(padding=(0, -1, 0, -1)), "layer conv: padding must be between 0 and 4095, got 0 x -1"),
    ],
)
def test_convolutions_that_suit_no_weights(convolution: Convolution, sentence: str):
    with pytest.raises(EieError, match=sentence):
        convolution.check("conv", np.empty((4, 3, 3, 2)).shape)
