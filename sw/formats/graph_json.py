"""A graph as JSON text, as `--graph` reads it and weight files carry it (docs/contract/network_files.md)."""

import json
import math
from dataclasses import fields, replace
from typing import Any, cast

from model.errors import EieError
from sw.formats.connections import Connections, LayerUse
from sw.network.graph import (
    MAX_NODES,
    UNCONNECTED,
    ApplyLayer,
    Concatenate,
    Convolution,
    Flatten,
    Graph,
    Lstm,
    Node,
    Operation,
    Pair,
    Pool,
    Relu,
)
from sw.network.layer import check_name
from sw.network.network import Network

LARGEST = (1 << 31) - 1
LARGEST_TEXT = 1 << 20  # characters of a graph, of which JSON may make twenty times as many bytes
PLAIN: dict[str, Operation] = {"relu": Relu(), "flatten": Flatten(), "concatenate": Concatenate()}
LAYER_FIELDS = {"name", "relu", "batch_norm", "epsilon", *(field.name for field in fields(Convolution))}
LSTM_FIELDS = {"name", "sequence"}
POOL_FIELDS = {"kernel", "stride", "padding", "ceil", "count_padding"}
KNOWN = ["layer", "lstm", "max_pool", "average_pool", *PLAIN]


def parse_graph(text: str) -> Connections:
    """The connections that a graph's text says; EieError for anything else."""
    if len(text) > LARGEST_TEXT:
        raise EieError(f"a graph must have at most {LARGEST_TEXT} characters, got {len(text)}")
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EieError(f"the graph must be JSON: {str(error)[:160]}") from error
    document = _object("a graph", parsed)
    _only({"input", "operations"}, document, "a graph")
    operations = _list("a graph's operations", document.get("operations"))
    uses: list[LayerUse] = []
    nodes = [_node(number, operation, uses) for number, operation in enumerate(operations, start=1)]
    if "input" not in document:
        if any(node != Node(ApplyLayer(), (number,)) for number, node in enumerate(nodes)):
            raise EieError("a graph without input must be a chain of layers, it has other operations")
        return Connections(graph=None, uses=tuple(uses))
    shape = tuple(_size("a graph's input", size) for size in _list("a graph's input", document["input"]))
    if shape:
        return Connections(graph=Graph(input_shape=shape, nodes=tuple(nodes)), uses=tuple(uses))
    if not all(isinstance(node.operation, ApplyLayer) for node in nodes):
        raise EieError("a graph without connections (input []) must list layers only, it has other operations")
    return Connections(graph=UNCONNECTED, uses=tuple(uses))


def format_graph(network: Network) -> str:
    """The text from which `parse_graph` makes the network's connections; without spaces, equal for equal networks."""
    graph = network.graph
    document: dict[str, Any] = {} if graph is None else {"input": list(graph.input_shape)}
    if graph is None or not graph.nodes:
        operations = [_layer_fields(layer.name, layer.relu, layer.convolution) for layer in network.layers]
    else:
        layers = iter(network.layers)
        operations: list[dict[str, Any]] = []
        for number, node in enumerate(graph.nodes):
            if isinstance(node.operation, ApplyLayer):
                layer = next(layers)
                item = _layer_fields(layer.name, layer.relu, layer.convolution)
            elif isinstance(node.operation, Lstm):
                item = _lstm_fields(next(layers).name, node.operation)
            else:
                item = _operation_fields(node.operation)
            if node.sources != (number,):
                item["from"] = node.sources[0] if len(node.sources) == 1 else list(node.sources)
            operations.append(item)
    return json.dumps({**document, "operations": operations}, separators=(",", ":"))


def _layer_fields(name: str, relu: bool, convolution: Convolution | None) -> dict[str, Any]:
    item: dict[str, Any] = {"op": "layer", "name": name}
    if convolution is not None:
        default = Convolution()
        for key, value in (("stride", convolution.stride), ("padding", convolution.padding)):
            if value != getattr(default, key):
                item[key] = _short(value)
        if convolution.groups != default.groups:
            item["groups"] = convolution.groups
    return {**item, "relu": True} if relu else item


def _lstm_fields(name: str, lstm: Lstm) -> dict[str, Any]:
    item: dict[str, Any] = {"op": "lstm", "name": name}
    return {**item, "sequence": True} if lstm.sequence else item


def _operation_fields(operation: Operation) -> dict[str, Any]:
    if not isinstance(operation, Pool):
        return {"op": next(name for name, plain in PLAIN.items() if plain == operation)}
    item: dict[str, Any] = {"op": f"{operation.kind}_pool", "kernel": _short(operation.kernel)}
    if operation.stride != operation.kernel:
        item["stride"] = _short(operation.stride)
    if operation.padding != (0, 0):
        item["padding"] = _short(operation.padding)
    if operation.ceil:
        item["ceil"] = True
    return item if operation.count_padding else {**item, "count_padding": False}


def _short(pair: Pair) -> int | list[int]:
    return pair[0] if pair[0] == pair[1] else list(pair)


def _node(number: int, value: object, uses: list[LayerUse]) -> Node:
    """Operation `number` (the first is 1); a layer is added to `uses`."""
    what = f"operation {number}"
    item = _object(what, value)
    sources = tuple(_size(f"{what}: from", source) for source in _one_or_more(what, item.get("from", number - 1)))
    if not sources or max(sources) >= number:
        raise EieError(f"{what}: from must be one or more of the values 0 to {number - 1}, got {sources[:8]}")
    return Node(_operation(what, item.get("op"), item, uses), sources)


def _operation(what: str, kind: object, item: dict[str, Any], uses: list[LayerUse]) -> Operation:
    if kind == "layer":
        _only(LAYER_FIELDS | {"op", "from"}, item, what)
        relu, convolution = _flag(what, item, "relu", False), _convolution(what, item)
        use = LayerUse(name=_name(what, item), relu=relu, convolution=convolution)
        uses.append(_with_norm(what, item, use))
        return ApplyLayer()
    if kind == "lstm":
        _only(LSTM_FIELDS | {"op", "from"}, item, what)
        uses.append(LayerUse(name=_name(what, item)))
        return Lstm(sequence=_flag(what, item, "sequence", False))
    if kind == "max_pool" or kind == "average_pool":
        _only(POOL_FIELDS | {"op", "from"}, item, what)
        kernel = _pair(what, item, "kernel", None)
        return Pool(
            kind="max" if kind == "max_pool" else "average",
            kernel=kernel,
            stride=_pair(what, item, "stride", kernel),
            padding=_pair(what, item, "padding", (0, 0)),
            ceil=_flag(what, item, "ceil", False),
            count_padding=_flag(what, item, "count_padding", True),
        )
    if not isinstance(kind, str) or kind not in PLAIN:
        raise EieError(f"{what}: op must be one of {', '.join(KNOWN)}, got {_kind(kind)}")
    _only({"op", "from"}, item, what)
    return PLAIN[kind]


def _with_norm(what: str, item: dict[str, Any], use: LayerUse) -> LayerUse:
    """The layer with the batch normalisation behind it that it names."""
    if "batch_norm" not in item:
        if "epsilon" in item:
            raise EieError(f"{what}: epsilon is of a batch_norm, the layer has none")
        return use
    norm, epsilon = item["batch_norm"], item.get("epsilon", use.epsilon)
    if not isinstance(norm, str):
        raise EieError(f"{what}: batch_norm must be the name of a batch normalisation, got {_kind(norm)}")
    if not isinstance(epsilon, int | float) or isinstance(epsilon, bool) or not 0 <= epsilon < math.inf:
        raise EieError(f"{what}: epsilon must be a number of at least 0, got {_kind(epsilon)}")
    return replace(use, batch_norm=norm, epsilon=float(epsilon))


def _name(what: str, item: dict[str, Any]) -> str:
    name = item.get("name")
    if not isinstance(name, str):
        raise EieError(f"{what}: a layer must have a name, got {_kind(name)}")
    check_name(name)
    return name


def _convolution(what: str, item: dict[str, Any]) -> Convolution | None:
    if not item.keys() & {"stride", "padding", "groups"}:
        return None
    return Convolution(
        stride=_pair(what, item, "stride", (1, 1)),
        padding=_pair(what, item, "padding", (0, 0)),
        groups=_size(f"{what}: groups", item.get("groups", 1)),
    )


def _pair(what: str, item: dict[str, Any], key: str, default: Pair | None) -> Pair:
    """(rows, columns), which may be given as one number for both."""
    if key not in item and default is not None:
        return default
    sizes = [_size(f"{what}: {key}", size) for size in _one_or_more(what, item.get(key))]
    if len(sizes) not in (1, 2):
        raise EieError(f"{what}: {key} must be a whole number or [rows, columns], got {len(sizes)} numbers")
    return sizes[0], sizes[-1]


def _flag(what: str, item: dict[str, Any], key: str, default: bool) -> bool:
    value: object = item.get(key, default)
    if not isinstance(value, bool):
        raise EieError(f"{what}: {key} must be true or false, got {_kind(value)}")
    return value


def _size(what: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise EieError(f"{what} must be made of whole numbers from 0 to {LARGEST}, got {_kind(value)}")
    return value


def _object(what: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EieError(f"{what} must be a JSON object, got {_kind(value)}")
    return cast("dict[str, Any]", value)


def _list(what: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise EieError(f"{what} must be a list, got {_kind(value)}")
    return _one_or_more(what, cast("list[Any]", value))


def _one_or_more(what: str, value: Any) -> list[Any]:
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    if len(values) > MAX_NODES:
        raise EieError(f"{what} must be a list of at most {MAX_NODES}, got {len(values)}")
    return values


def _only(known: set[str], item: dict[str, Any], what: str) -> None:
    for key in item:
        if key not in known:
            raise EieError(f"{what} must have no fields but {', '.join(sorted(known))}, got {key[:80]!r}")


def _kind(value: Any) -> str:
    """A value in an error message."""
    return repr(value)[:80] if isinstance(value, int | float | str | None) else f"a {type(value).__name__}"
