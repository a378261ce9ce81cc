"""Networks that an array runs: fully connected layers one after another."""

from dataclasses import replace

from model.config import ArrayConfig
from model.errors import EieError
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.graph import ApplyLayer, Concatenate, Flatten, Lstm, Node, Pool, Relu, Shape
from sw.network.host_part import HostPart
from sw.network.operation_fields import kind_of

WANTED = "an array takes fully connected layers one after another"
OTHERS = "eie simulate, eie verify and eie run take other networks layer by layer, arrays with maps many as a whole"


def as_chain(network: CompressedNetwork) -> CompressedNetwork:
    """The same network without a graph, its calibration kept.

    Flattening has nothing to do where values are stored row by row, and a ReLU becomes that of the layer before it.
    EieError names the first layer or operation that is anything else.
    """
    if network.graph is None:
        return network
    layers: list[CompressedLayer] = []
    shapes = network.shapes
    for number, node in enumerate(network.connections.nodes, start=1):
        follows = node.sources == (number - 1,)
        match node.operation:
            case ApplyLayer() if follows and len(shapes[number - 1]) == 1:
                layers.append(network.layers[len(layers)])
            case Relu() if follows and layers:
                layers[-1] = replace(layers[-1], relu=True)
            case Flatten() if follows:
                pass
            case _:
                reason = _reason(number, node, shapes, network.layers[len(layers) :])
                raise EieError(f"{WANTED}; {reason}; {OTHERS}")
    return replace(network, layers=tuple(layers), graph=None)


def for_array(network: CompressedNetwork, config: ArrayConfig) -> CompressedNetwork:
    """The network as it is for an array with `maps`, which runs whole graphs; for any other the chain that it must be.

    EieError as for `as_chain`. What an array with `maps` lacks is found when the network is laid out.
    """
    return network if config.maps else as_chain(network)


def is_chain(network: CompressedNetwork) -> bool:
    """Whether `as_chain` takes it."""
    try:
        as_chain(network)
    except EieError:
        return False
    return True


def _reason(number: int, node: Node, shapes: list[Shape], waiting: tuple[CompressedLayer, ...]) -> str:
    """Why operation `number` does not belong to a chain; `waiting` are the layers from here on."""
    match node.operation:
        case ApplyLayer() if waiting[0].convolution is not None:
            return f"layer {waiting[0].name} is a convolution"
        case ApplyLayer() if len(shapes[node.sources[0]]) == 2:
            return f"layer {waiting[0].name} takes one step after another"
        case Lstm():
            return f"layer {waiting[0].name} is the matrix of an LSTM"
        case Pool():
            return f"operation {number} is {node.operation.kind} pooling"
        case Concatenate():
            return f"operation {number} joins values"
        case Relu() if node.sources == (number - 1,):
            return f"operation {number} is a ReLU of the input"
        case ApplyLayer() | Relu() | Flatten():
            return f"operation {number} takes value {node.sources[0]} and not the one before it"
        case HostPart():
            return f"operation {number} is a part of the host, in onnxruntime"
        case _:
            return f"operation {number} is {kind_of(node.operation)}"
