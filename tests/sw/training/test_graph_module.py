"""sw/training/graph_module.py: the function that numpy computes, whatever the operations; gradients reach weights."""

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

from typing import get_args

import numpy as np
import torch

from sw.network.graph import (
    ApplyLayer,
    Concatenate,
    Convolution,
    Flatten,
    Graph,
    Gru,
    Lstm,
    Node,
    Operation,
    Pool,
    Relu,
    both_sides,
)
from sw.network.layer import Layer
from sw.network.network import Network
from sw.network.operations import (
    Affine,
    Clip,
    Elementwise,
    ElementwiseKind,
    Flip,
    Function,
    FunctionName,
    LeakyRelu,
    Normalise,
    Product,
    Reshape,
    Slice,
    Softmax,
    Stretch,
    Transpose,
)
from sw.training.graph_module import GraphModule

MAP = (4, 7, 6)


def layer(*shape: int, relu: bool = False, convolution: Convolution | None = None) -> Layer:
    random = np.random.default_rng(sum(shape))
    weight, bias = (random.normal(size=size).astype(np.float32) for size in (shape, shape[:1]))
    return Layer("layer", weight, bias, relu, convolution)


LAYERS = [
    (layer(6, 2, 3, 2, convolution=Convolution(stride=(2, 1), padding=(0, 1, 2, 1), dilation=(1, 2), groups=2)), MAP),
    (layer(4, 1, 3, 3, relu=True, convolution=Convolution(padding=both_sides((1, 1)), groups=4)), MAP),
    (layer(5, 9, relu=True), (9,)),
    (layer(5, 9), (3, 9)),
]
KINDS: list[tuple[Operation, tuple[int, ...]]] = [
    *((Function(name=name), (5,)) for name in get_args(FunctionName)),
    (Relu(), (5,)),
    (Flatten(), MAP),
    (Clip(low=-0.5, high=1.0), (5,)),
    (LeakyRelu(slope=0.1), (5,)),
    (Affine(scale=2.0, offset=-1.0), (5,)),
    (Softmax(axis=0), MAP),
    (Softmax(axis=1, log=True), (3, 9)),
    (Normalise(axes=2, epsilon=1e-3), MAP),
    (Reshape(shape=(6, 28)), MAP),
    (Transpose(order=(2, 0, 1)), MAP),
    (Slice(axis=1, start=1, stop=6, step=2), MAP),
    (Flip(axis=2), MAP),
    (Stretch(stride=(2, 3)), MAP),
    (Pool(kind="max", kernel=(3, 2), stride=(2, 2), padding=(1, 0, 1, 1), ceil=True), MAP),
    (Pool(kind="average", kernel=(3, 2), stride=(2, 2), padding=(1, 0, 1, 1), ceil=True), MAP),
    (Pool(kind="average", kernel=(3, 3), stride=(1, 2), padding=(1, 1, 1, 1), count_padding=False), MAP),
]


def check(network: Network) -> None:
    x = np.abs(np.random.default_rng(0).normal(size=(3, *network.input_shape))).astype(np.float32)
    module = GraphModule(network)
    outputs = module(torch.from_numpy(x))
    np.testing.assert_allclose(outputs.detach().numpy(), network.forward(x), rtol=1e-4, atol=1e-5)
    outputs.square().sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    for mine, other in zip(module.network(network).layers, network.layers, strict=True):
        np.testing.assert_array_equal(mine.weight, other.weight)
        np.testing.assert_array_equal(mine.bias, other.bias)


@pytest.mark.parametrize(("weights", "shape"), LAYERS)
def test_layers(weights: Layer, shape: tuple[int, ...]) -> None:
    check(Network((weights,), Graph(input_shape=shape, nodes=(Node(ApplyLayer(), (0,)),))))


@pytest.mark.parametrize(("operation", "shape"), KINDS)
def test_operations(operation: Operation, shape: tuple[int, ...]) -> None:
    """Behind a layer that changes nothing but where its gradients go."""
    size = shape[-1]
    if len(shape) == 3:
        same = layer(shape[0], shape[0], 1, 1, convolution=Convolution())
    else:
        same = layer(size, size, relu=True)
    nodes = (Node(ApplyLayer(), (0,)), Node(operation, (1,)))
    check(Network((same,), Graph(input_shape=shape, nodes=nodes)))


@pytest.mark.parametrize(
    "operation", [*(Elementwise(kind=kind) for kind in get_args(ElementwiseKind)), Product(), Concatenate()]
)
def test_operations_on_two_values(operation: Operation) -> None:
    nodes = (Node(ApplyLayer(), (0,)), Node(operation, (0, 1)))
    check(Network((layer(4, 4),), Graph(input_shape=(4, 4), nodes=nodes)))


@pytest.mark.parametrize("operation", [Lstm(), Lstm(sequence=True), Gru(), Gru(sequence=True)])
def test_recurrent_layers(operation: Lstm) -> None:
    check(Network((layer(12, 8),), Graph(input_shape=(4, 5), nodes=(Node(operation, (0,)),))))
