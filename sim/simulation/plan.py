"""Where each part of a network runs: on the array or on the host, what it costs there, and what would bring it over."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from model.config import ArrayConfig
from model.errors import EieError
from sw.image.lower import lower
from sw.network.chain import is_chain
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.graph import ApplyLayer, Flatten, Lstm, Relu
from sw.network.layer import matrix_shape
from sw.network.network import Network
from sw.network.operations import Reshape

VALUE_BYTES = 2  # of an activation
Place = Literal["array", "array, its cell on the host", "host", "nowhere"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One operation of the graph.

    Parameters
    ----------
    value : the value that it makes; 0 is an input.
    layer : the weight layer that it applies, if it does.
    place : where it runs. "nowhere": it only renames elements.
    macs : products of an input without zeros, and with the weights that were kept.
    vectors : products of matrix and vector that the host hands the array for an input; 0 where it hands none.
    bytes_moved : between host and array for an input: vectors and results, of 16-bit values.
    """

    value: int
    layer: str | None
    place: Place
    macs: int
    vectors: int
    bytes_moved: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All parts in execution order.

    Parameters
    ----------
    whole : whether the array runs the network by itself, with one start for an input.
    wanted : what would have to change for it to do so; empty if it does.
    """

    parts: tuple[Part, ...]
    whole: bool
    wanted: str


def make_plan(network: CompressedNetwork, config: ArrayConfig) -> Plan:
    """The plan of a network on an array; EieError if it holds weights only.

    Without `maps` an array runs fully connected layers one after another by itself; of any other network it does the
    products of each layer, and the host the rest (`sw.image.lower`).
    """
    shapes = network.shapes
    whole, wanted = True, ""
    if config.maps:
        if network.calibration is None:
            raise EieError("what an array with maps runs depends on binary points: calibrate the network first")
        try:
            lower(network, config)
        except EieError as error:
            whole, wanted = False, str(error)
    elif not is_chain(network):
        whole = False
        wanted = (
            "an array without maps runs fully connected layers one after another by itself; one with maps also runs "
            "convolutions, pooling, sums and what only orders elements"
        )
    waiting = iter(network.layers)
    parts: list[Part] = []
    for value, node in enumerate(network.connections.nodes, start=1):
        operation = node.operation
        if isinstance(operation, ApplyLayer | Lstm):
            layer = next(waiting)
            outputs, inputs = matrix_shape(layer.shape)
            groups = 1 if layer.convolution is None else layer.convolution.groups
            steps = shapes[node.sources[0]][:-1] if layer.convolution is None else shapes[value][1:]
            positions = prod(steps)
            place: Place = "array, its cell on the host" if isinstance(operation, Lstm) and not whole else "array"
            if config.maps and not whole:
                place = "host"
            vectors = 0 if whole or place == "host" else positions * groups
            moved = vectors * (inputs + outputs // groups) * VALUE_BYTES
            macs = positions * int(layer.positions.size)
            parts.append(
                Part(value=value, layer=layer.name, place=place, macs=macs, vectors=vectors, bytes_moved=moved)
            )
        else:
            free = isinstance(operation, Flatten | Reshape) or (isinstance(operation, Relu) and whole)
            place = "nowhere" if free else "array" if whole else "host"
            parts.append(Part(value=value, layer=None, place=place, macs=0, vectors=0, bytes_moved=0))
    return Plan(parts=tuple(parts), whole=whole, wanted=wanted)


def all_weights(network: Network) -> CompressedNetwork:
    """A network that is not compressed, as a plan counts it: where its weights are, not their values."""
    codebook = np.array([0, 1], np.float32)
    layers = tuple(
        CompressedLayer(
            name=layer.name,
            shape=layer.weight.shape,
            convolution=layer.convolution,
            code_bits=1,
            codebook=codebook,
            bias=layer.bias,
            relu=layer.relu,
            positions=np.flatnonzero(layer.weight),
            codes=np.ones(np.count_nonzero(layer.weight), np.uint8),
        )
        for layer in network.layers
    )
    return CompressedNetwork(layers=layers, graph=network.graph)


def macs_on_array(plan: Plan) -> float:
    """Share of the products that the array does; 1 without any."""
    total = sum(part.macs for part in plan.parts)
    return sum(part.macs for part in plan.parts if part.place.startswith("array")) / total if total else 1.0


def cycles_by_layer(plan: Plan, cycles: Mapping[str, float]) -> list[float | None]:
    """Cycles of each part, of those that a simulation has by the layer's name; column tiles of a layer are added."""

    def own(name: str) -> float | None:
        tile = re.compile(re.escape(name) + r"( \d+/\d+)?")
        found = [number for layer, number in cycles.items() if tile.fullmatch(layer)]
        return sum(found) if found else None

    return [None if part.layer is None else own(part.layer) for part in plan.parts]
