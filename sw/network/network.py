"""A network in float32."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.network.execution import run_graph
from sw.network.forward import FloatArithmetic
from sw.network.graph import Graph, Shape, WeightShape, chain
from sw.network.layer import Layer

MAX_LAYERS = 1024
WEIGHTS_ONLY = "the network must say how its layers are connected to be run, it holds weights only"


class Connected:
    """What follows from how the layers of a network are connected, whatever holds their weights."""

    graph: Graph | None

    @property
    def weight_shapes(self) -> list[WeightShape]:
        """Name, shape and convolution of every layer's weights."""
        raise NotImplementedError

    @property
    def input_shape(self) -> Shape:
        """Of one input: (features,), (steps, features) or (channels, rows, columns); () if no connections are known."""
        return (self.weight_shapes[0][1][1],) if self.graph is None else self.graph.input_shape

    @property
    def in_features(self) -> int:
        """Elements of one input."""
        return prod(self.input_shape)

    @property
    def out_features(self) -> int:
        """Elements of one output; 1 if nothing is known of the connections."""
        layers = self.weight_shapes
        if self.graph is None:
            return layers[-1][1][0]
        return prod(self.graph.shapes(layers)[-1]) if self.graph.nodes else 1

    @property
    def connections(self) -> Graph:
        """The graph, also that of a chain; EieError if the network holds weights only."""
        if self.graph is None:
            layers = self.weight_shapes
            return chain(layers[0][1][1], len(layers))
        if not self.graph.nodes:
            raise EieError(WEIGHTS_ONLY)
        return self.graph

    @property
    def shapes(self) -> list[Shape]:
        """Of one input and of what each operation makes of it; EieError if the network holds weights only."""
        return self.connections.shapes(self.weight_shapes)


@dataclass(frozen=True)
class Network(Connected):
    """Weight layers in execution order and how they are connected.

    Parameters
    ----------
    graph : None for a chain: fully connected layers, each takes as many inputs as the one before has outputs.
    """

    layers: tuple[Layer, ...]
    graph: Graph | None = None

    def __post_init__(self) -> None:
        check_connections(self.weight_shapes, [layer.relu for layer in self.layers], self.graph)

    @property
    def weight_shapes(self) -> list[WeightShape]:
        return [(layer.name, layer.weight.shape, layer.convolution) for layer in self.layers]

    def forward(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, *input_shape) or (n, in_features) float32 inputs to (n, *output shape) float32 outputs."""
        inputs = check_inputs(x, self.input_shape)
        return run_graph(self.connections, FloatArithmetic(self.layers), inputs)


def check_connections(layers: list[WeightShape], relus: list[bool], graph: Graph | None) -> None:
    """1 to MAX_LAYERS layers, names unique, with or without ReLU, connected as the graph says; EieError otherwise."""
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise EieError(f"a network must have 1 to {MAX_LAYERS} layers, got {len(layers)}")
    names = {name for name, _, _ in layers}
    if len(names) < len(layers):
        raise EieError(f"layer names must be unique, got {len(names)} names for {len(layers)} layers")
    if graph is not None:
        graph.shapes(layers)
        for (name, _, _), relu, lstm in zip(layers, relus, graph.recurrent, strict=False):
            if relu and lstm is not None:
                raise EieError(f"layer {name} is the matrix of an LSTM: it must have no ReLU, it has one")
        return
    for name, _, convolution in layers:
        if convolution is not None:
            raise EieError(f"layer {name} is a convolution: the network must have a graph that says what it takes")
    for (before, (outputs, _), _), (after, (_, inputs), _) in pairwise(layers):
        if outputs != inputs:
            raise EieError(f"layer {after} must take the {outputs} outputs of {before}, but it has {inputs} inputs")


def _way_to_shape(shape: Shape, input_shape: Shape) -> str:
    """What to type, where one can tell, for inputs `x` of another shape."""
    if shape in (input_shape, (prod(input_shape),)):
        return ": x[None] is a batch of one"
    if len(input_shape) == 3 and shape[1:] == (*input_shape[1:], input_shape[0]):
        return ": x.transpose(0, 3, 1, 2) puts the channels first"
    if len(shape) > 1 and prod(shape[1:]) == prod(input_shape):
        return ": x.reshape(len(x), -1) flattens each"
    return ""


def check_inputs(x: NDArray[Any], input_shape: Shape) -> NDArray[np.float32]:
    """(n, *input_shape) finite numbers as float32; they may come flattened to (n, features)."""
    if not input_shape:
        raise EieError(WEIGHTS_ONLY)
    if x.shape[1:] != input_shape and x.shape[1:] != (prod(input_shape),):
        wanted = f"(n, {', '.join(map(str, input_shape))})"
        raise EieError(f"inputs must have shape {wanted}, got {x.shape}{_way_to_shape(x.shape, input_shape)}")
    if x.dtype.kind not in "fiub":
        raise EieError(f"inputs must be real numbers, got {x.dtype}")
    with np.errstate(over="ignore"):
        inputs = x.astype(np.float32).reshape(len(x), *input_shape)
    if not np.isfinite(inputs).all():
        raise EieError("inputs must be finite float32 numbers, got NaN or infinity")
    return inputs
