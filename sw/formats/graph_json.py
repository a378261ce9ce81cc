"""A graph as JSON text, as `--graph` reads it and weight files carry it (docs/contract/network_files.md)."""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any, cast

import numpy as np

from model.errors import EieError
from sw.formats.connections import Connections, LayerUse
from sw.network.graph import (
    MAX_NODES,
    UNCONNECTED,
    ApplyLayer,
    Convolution,
    Graph,
    Gru,
    Lstm,
    Node,
    Operation,
    Pads,
    Pair,
    Pool,
)
from sw.network.layer import check_name
from sw.network.network import Network
from sw.network.operation_fields import KINDS, PLAIN, Kind, kind_of

LARGEST = (1 << 31) - 1
LARGEST_NUMBER = float(np.finfo(np.float32).max)
LARGEST_TEXT = 1 << 20  # characters of a graph, of which JSON may make twenty times as many bytes
LAYER_FIELDS = {"name", "relu", "batch_norm", "epsilon", *(field.name for field in fields(Convolution))}
LSTM_FIELDS = {"name", "sequence"}
KNOWN = ["layer", "lstm", *KINDS, *PLAIN]


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
    text = json.dumps({**document, "operations": operations}, separators=(",", ":"))
    if len(text) > LARGEST_TEXT:
        raise EieError(f"a graph must have at most {LARGEST_TEXT} characters, its host's parts make it {len(text)}")
    return text


def _layer_fields(name: str, relu: bool, convolution: Convolution | None) -> dict[str, Any]:
    item: dict[str, Any] = {"op": "layer", "name": name}
    if convolution is not None:
        default = Convolution()
        for key in ("stride", "padding", "dilation"):
            value = getattr(convolution, key)
            if value != getattr(default, key):
                item[key] = _short(value)
        if convolution.groups != default.groups:
            item["groups"] = convolution.groups
    return {**item, "relu": True} if relu else item


def _lstm_fields(name: str, lstm: Lstm) -> dict[str, Any]:
    item: dict[str, Any] = {"op": "gru" if isinstance(lstm, Gru) else "lstm", "name": name}
    return {**item, "sequence": True} if lstm.sequence else item


def _operation_fields(operation: Operation) -> dict[str, Any]:
    name = kind_of(operation)
    item: dict[str, Any] = {"op": name}
    if name in PLAIN:
        return item
    for field, form in KINDS[name].fields.items():
        value = getattr(operation, field)
        if value == _default(KINDS[name], field, item):
            continue
        match form:
            case "bytes":
                item[field] = base64.b64encode(value).decode()
            case "number":
                item[field] = float(str(np.float32(value)))  # the fewest digits that give the same float32
            case "sizes":
                item[field] = list(value)
            case "pair" | "pads":
                item[field] = _short(value)
            case "size" | "flag":
                item[field] = value
    return item


def _default(kind: Kind, field: str, item: Mapping[str, Any]) -> Any:
    """What a field is unless it is given; None if it must be given."""
    if kind.operation is Pool and field == "stride":  # the window's
        return tuple(_one_or_more("", item["kernel"]) * 2)[:2]
    (own,) = (each for each in fields(kind.operation) if each.name == field)
    return None if own.default is MISSING else own.default


def _short(sizes: tuple[int, ...]) -> int | list[int]:
    """One number if all are equal, (rows, columns) if padding is the same on both sides."""
    if len(set(sizes)) == 1:
        return sizes[0]
    return list(sizes[:2] if sizes[:2] == sizes[2:] else sizes)


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
    if kind == "lstm" or kind == "gru":
        _only(LSTM_FIELDS | {"op", "from"}, item, what)
        uses.append(LayerUse(name=_name(what, item)))
        return (Lstm if kind == "lstm" else Gru)(sequence=_flag(what, item, "sequence", False))
    if not isinstance(kind, str) or kind not in KNOWN:
        raise EieError(f"{what}: op must be one of {', '.join(KNOWN)}, got {_kind(kind)}")
    if kind in PLAIN:
        _only({"op", "from"}, item, what)
        return PLAIN[kind]
    own = KINDS[kind]
    _only({*own.fields, "op", "from"}, item, what)
    return own.make(**{field: _field(what, own, item, field) for field in own.fields})


def _field(what: str, kind: Kind, item: dict[str, Any], field: str) -> Any:
    """The value of an operation's field."""
    if field not in item and field != "kernel":
        default = _default(
            kind, field, {"kernel": list(_pair(what, item, "kernel", None))} if "kernel" in item else item
        )
        if default is None:
            raise EieError(f"{what}: {field} must be given, it is not")
        return default
    match kind.fields[field]:
        case "bytes":
            return _bytes(what, item, field)
        case "number":
            return _number(what, item, field)
        case "size":
            return _size(f"{what}: {field}", item[field])
        case "sizes":
            return tuple(_size(f"{what}: {field}", size) for size in _list(f"{what}: {field}", item[field]))
        case "pair":
            return _pair(what, item, field, None)
        case "pads":
            return _pads(what, item)
        case "flag":
            return _flag(what, item, field, False)


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
    if not item.keys() & {field.name for field in fields(Convolution)}:
        return None
    return Convolution(
        stride=_pair(what, item, "stride", (1, 1)),
        padding=_pads(what, item),
        dilation=_pair(what, item, "dilation", (1, 1)),
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


def _pads(what: str, item: dict[str, Any]) -> Pads:
    """Padding at the top, left, bottom, right: one number for all, [rows, columns], or all four."""
    sizes = [_size(f"{what}: padding", size) for size in _one_or_more(what, item.get("padding", 0))]
    if len(sizes) not in (1, 2, 4):
        raise EieError(
            f"{what}: padding must be a whole number, [rows, columns] or [top, left, bottom, right], "
            f"got {len(sizes)} numbers"
        )
    top, left, bottom, right = sizes * (4 // len(sizes))
    return top, left, bottom, right


def _number(what: str, item: dict[str, Any], key: str) -> float:
    """A float32."""
    value = item[key]
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= LARGEST_NUMBER:
        raise EieError(f"{what}: {key} must be a float32 number, got {_kind(value)}")
    return float(np.float32(value))


def _bytes(what: str, item: dict[str, Any], key: str) -> bytes:
    value = item[key]
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except ValueError:
        pass
    raise EieError(f"{what}: {key} must be bytes in base64, got {_kind(value)}")


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
