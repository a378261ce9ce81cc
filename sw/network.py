"""A network in float32, and its safetensors file."""

import re
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from sw.errors import EieError
from sw.execution import run_graph
from sw.files import check_source, reason, write_whole
from sw.forward import FloatArithmetic
from sw.graph import Graph, Shape, WeightShape, chain
from sw.layer import Layer

MAX_LAYERS = 1024
WEIGHTS_ONLY = "the network must say how its layers are connected to be run, it holds weights only"
FLOATS = ("F32", "F64", "F16")


@dataclass(frozen=True)
class Network:
    """Weight layers in execution order and how they are connected.

    Parameters
    ----------
    graph : None for a chain: fully connected layers, each takes as many inputs as the one before has outputs.
    """

    layers: tuple[Layer, ...]
    graph: Graph | None = None

    def __post_init__(self) -> None:
        check_connections(self._weights, self.graph)

    @property
    def input_shape(self) -> Shape:
        """Of one input: (features,) or (channels, rows, columns); () if nothing is known of the connections."""
        return (self.layers[0].weight.shape[1],) if self.graph is None else self.graph.input_shape

    @property
    def in_features(self) -> int:
        """Elements of one input."""
        return prod(self.input_shape)

    @property
    def out_features(self) -> int:
        """Elements of one output."""
        return output_size(self._weights, self.graph)

    @property
    def connections(self) -> Graph:
        """The graph, also that of a chain; EieError if the network holds weights only."""
        return connect(self.graph, self._weights)

    @property
    def shapes(self) -> list[Shape]:
        """Of one input and of what each operation makes of it; EieError if the network holds weights only."""
        return self.connections.shapes(self._weights)

    @property
    def _weights(self) -> list[WeightShape]:
        return [(layer.name, layer.weight.shape, layer.convolution) for layer in self.layers]

    def forward(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, *input_shape) or (n, in_features) float32 inputs to (n, *output shape) float32 outputs."""
        inputs = check_inputs(x, self.input_shape)
        return run_graph(self.connections, FloatArithmetic(self.layers), inputs)


def check_connections(layers: list[WeightShape], graph: Graph | None) -> None:
    """1 to MAX_LAYERS layers, names unique, connected as the graph says; EieError otherwise."""
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise EieError(f"a network must have 1 to {MAX_LAYERS} layers, got {len(layers)}")
    names = {name for name, _, _ in layers}
    if len(names) < len(layers):
        raise EieError(f"layer names must be unique, got {len(names)} names for {len(layers)} layers")
    if graph is not None:
        graph.shapes(layers)
        return
    for name, _, convolution in layers:
        if convolution is not None:
            raise EieError(f"layer {name} is a convolution: the network must have a graph that says what it takes")
    for (before, (outputs, _), _), (after, (_, inputs), _) in pairwise(layers):
        if outputs != inputs:
            raise EieError(f"layer {after} must take the {outputs} outputs of {before}, but it has {inputs} inputs")


def connect(graph: Graph | None, layers: list[WeightShape]) -> Graph:
    """The graph of a network, also that of a chain; EieError if it holds weights only."""
    if graph is None:
        return chain(layers[0][1][1], len(layers))
    if not graph.nodes:
        raise EieError(WEIGHTS_ONLY)
    return graph


def output_size(layers: list[WeightShape], graph: Graph | None) -> int:
    """Elements of one output; 1 if nothing is known of the connections."""
    if graph is None:
        return layers[-1][1][0]
    return prod(graph.shapes(layers)[-1]) if graph.nodes else 1


def check_inputs(x: NDArray[Any], input_shape: Shape) -> NDArray[np.float32]:
    """(n, *input_shape) finite numbers as float32; they may come flattened to (n, features)."""
    if not input_shape:
        raise EieError(WEIGHTS_ONLY)
    if x.shape[1:] != input_shape and x.shape[1:] != (prod(input_shape),):
        raise EieError(f"inputs must have shape (n, {', '.join(map(str, input_shape))}), got {x.shape}")
    if x.dtype.kind not in "fiub":
        raise EieError(f"inputs must be real numbers, got {x.dtype}")
    with np.errstate(over="ignore"):
        inputs = x.astype(np.float32).reshape(len(x), *input_shape)
    if not np.isfinite(inputs).all():
        raise EieError("inputs must be finite float32 numbers, got NaN or infinity")
    return inputs


def load_network(path: Path) -> Network:
    """A network from safetensors: ``NAME.weight`` (out, in) and optional ``NAME.bias`` (out,), zeros if absent.

    Tensors are float32, float64 or float16. The metadata key "order" (names, comma separated) gives the order of the
    layers, else the names sorted with numbers as numbers. ReLU follows every layer but the last. Raises EieError, with
    the path, for anything else in the file.
    """
    check_source(path)
    try:
        return _network(*_read_tensors(path))
    except EieError as error:
        raise EieError(f"{path}: {error}") from error


def save_network(network: Network, path: Path) -> None:
    """Write the safetensors file that `load_network` reads back; EieError if a ReLU is not where it puts them."""
    for layer in network.layers:
        if layer.relu != (layer is not network.layers[-1]):
            raise EieError(f"a file holds networks with ReLU after all layers but the last, {layer.name} differs")
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in network.layers:
        tensors[f"{layer.name}.weight"] = np.ascontiguousarray(layer.weight)
        tensors[f"{layer.name}.bias"] = np.ascontiguousarray(layer.bias)
    order = ",".join(layer.name for layer in network.layers)
    write_whole(path, safetensors.numpy.save(tensors, {"order": order}))


def _read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    open_file: Any = safetensors.safe_open
    try:
        with open_file(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
            keys: list[str] = list(file.keys())
            for key in keys:
                dtype: str = file.get_slice(key).get_dtype()
                if dtype not in FLOATS:
                    raise EieError(f"{key} must hold floating-point numbers ({', '.join(FLOATS)}), got {dtype}")
            return {key: file.get_tensor(key) for key in keys}, metadata
    except (safetensors.SafetensorError, OSError) as error:
        raise EieError(f"this is not a whole safetensors file: {reason(error)}") from error


def _network(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> Network:
    names = [key.removesuffix(".weight") for key in tensors if key.endswith(".weight")]
    for key in tensors:
        if key.removesuffix(".bias") not in names and key.removesuffix(".weight") not in names:
            raise EieError(f"tensors must be NAME.weight with an optional NAME.bias, got {key}")
    if not names:
        raise EieError("a network must have at least one NAME.weight tensor, got none")
    if "order" in metadata:
        order = [name.strip() for name in metadata["order"].split(",")]
        if sorted(order) != sorted(names):
            raise EieError(f"the order {','.join(order)} must name each of {','.join(sorted(names))} once")
        names = order
    else:
        names.sort(key=_natural)
    layers: list[Layer] = []
    for name in names:
        weight = _float32(tensors[f"{name}.weight"])
        if weight.ndim != 2:
            raise EieError(f"{name}.weight must be 2-D (a linear layer), got shape {weight.shape}")
        bias = np.zeros(len(weight), np.float32)
        if f"{name}.bias" in tensors:
            bias = _float32(tensors[f"{name}.bias"])
        layers.append(Layer(name, weight, bias, relu=name != names[-1]))
    return Network(tuple(layers))


def _float32(tensor: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return tensor.astype(np.float32)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which ip10 follows ip2."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
