"""Where each part of a network runs: on the array or on the host, what it costs there, and what would bring it over."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from model.config import ArrayConfig
from model.errors import EieError
from sw.image.lower import lower
from sw.image.maps.lacking import Needed, needed
from sw.network.chain import is_chain
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.graph import ApplyLayer, Flatten, Lstm, Operation, Pool, Relu, Shape
from sw.network.host_macs import host_macs
from sw.network.host_model import describe
from sw.network.host_part import HostPart
from sw.network.layer import matrix_shape
from sw.network.network import Network
from sw.network.operation_fields import kind_of
from sw.network.operations import Elementwise, Product, Reshape

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
    macs : products of an input without zeros, of a layer with the weights that were kept; None if a part of the host
        does not say how many.
    vectors : products of matrix and vector that the host hands the array for an input; 0 where it hands none.
    bytes_moved : between host and array for an input: vectors and results, of 16-bit values.
    needs : of what the host does, what an array would need to do it: "maps" or "functions", fields of its
        configuration, or "more" than any array has; else empty.
    """

    value: int
    layer: str | None
    place: Place
    macs: int | None
    vectors: int
    bytes_moved: int
    needs: Needed | Literal[""] = ""


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
    needs = _needs(network)
    whole, wanted = _whole(network, config, needs)
    shapes = network.shapes
    waiting = iter(network.layers)
    parts: list[Part] = []
    for value, (node, need) in enumerate(zip(network.connections.nodes, needs, strict=True), start=1):
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
            own = "" if place == "array" else need
            parts.append(
                Part(
                    value=value,
                    layer=layer.name,
                    place=place,
                    macs=macs,
                    vectors=vectors,
                    bytes_moved=moved,
                    needs=own,
                )
            )
        else:
            free = isinstance(operation, Flatten | Reshape) or (isinstance(operation, Relu) and whole)
            place = "nowhere" if free else "array" if whole else "host"
            sources = [shapes[source] for source in node.sources]
            macs = _products(operation, sources, shapes[value])
            own = need if place == "host" else ""
            parts.append(Part(value=value, layer=None, place=place, macs=macs, vectors=0, bytes_moved=0, needs=own))
    return Plan(parts=tuple(parts), whole=whole, wanted=wanted)


def _needs(network: CompressedNetwork) -> list[Needed]:
    """What every operation needs to be an array's."""
    shapes, waiting = network.shapes, iter(network.layers)
    found: list[Needed] = []
    for node in network.connections.nodes:
        layer = next(waiting) if isinstance(node.operation, ApplyLayer | Lstm) else None
        is_matrix = layer is not None and layer.convolution is None
        found.append(needed(node.operation, [shapes[source] for source in node.sources], is_matrix))
    return found


def _whole(network: CompressedNetwork, config: ArrayConfig, needs: Sequence[Needed]) -> tuple[bool, str]:
    """Whether the array runs all of it by itself, and what would have to change for it to do so."""
    if not config.maps and is_chain(network):
        return True, ""
    lacking = _lacking(
        [node.operation for node, need in zip(network.connections.nodes, needs, strict=True) if need == "more"]
    )
    if lacking:
        one = "one with maps and functions" if "functions" in needs else "one with maps"
        return False, (
            f"no array has {', '.join(lacking)}; without these {one} could run the network with one start, if its "
            "memories hold it"
        )
    if not config.maps:
        more = "; with functions also the cells of LSTMs and GRUs" if "functions" in needs else ""
        return False, (
            "an array without maps runs fully connected layers one after another by itself; one with maps also runs "
            f"convolutions, pooling, sums and what only orders elements{more}"
        )
    if network.calibration is None:
        raise EieError("what an array with maps runs depends on binary points: calibrate the network first")
    try:
        lower(network, config)
    except EieError as error:
        return False, str(error)
    return True, ""


def _lacking(operations: Sequence[Operation]) -> list[str]:
    """Each kind in a word or two, parts of the host by their operators."""
    found: list[str] = []
    operators: set[str] = set()
    for operation in operations:
        match operation:
            case HostPart():
                operators |= set(describe(operation.model).operators)
            case Elementwise(kind="add"):
                found.append("sums that repeat elements")
            case Pool():
                found.append(f"{operation.kind} pooling of such windows")
            case ApplyLayer():
                found.append("layers that take one step after another")
            case _:
                found.append(kind_of(operation).replace("_", " "))
    parts = [f"the operators of the host's parts ({', '.join(sorted(operators))})"] if operators else []
    return list(dict.fromkeys(found + parts))


def _products(operation: Operation, sources: Sequence[Shape], shape: Shape) -> int | None:
    """Of an operation that is no layer."""
    if isinstance(operation, HostPart):
        return host_macs(operation.model)
    return prod(shape) * sources[0][-1] if isinstance(operation, Product) else 0


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


def macs_on_array(plan: Plan) -> float | None:
    """Share of the products that the array does; 1 without any, None if the host's are not known."""
    counted = [part.macs for part in plan.parts if part.macs is not None]
    if len(counted) < len(plan.parts):
        return None
    total = sum(counted)
    return sum(part.macs or 0 for part in plan.parts if part.place.startswith("array")) / total if total else 1.0


def cycles_by_layer(plan: Plan, cycles: Mapping[str, float]) -> list[float | None]:
    """Cycles of each part, of those that a simulation has by the layer's name; column tiles of a layer are added."""

    def own(name: str) -> float | None:
        tile = re.compile(re.escape(name) + r"( \d+/\d+)?")
        found = [number for layer, number in cycles.items() if tile.fullmatch(layer)]
        return sum(found) if found else None

    return [None if part.layer is None else own(part.layer) for part in plan.parts]
