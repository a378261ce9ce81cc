"""The operations of a network in a model file's header: a byte or a few each."""

import struct

from model.errors import EieError
from sw.file.reader import Reader, varint
from sw.network.graph import (
    MAX_NODES,
    ApplyLayer,
    Concatenate,
    Flatten,
    Graph,
    Gru,
    Lstm,
    Node,
    Operation,
    Pair,
    Pool,
    Relu,
    both_sides,
)
from sw.network.host_part import HostPart
from sw.network.operation_fields import KINDS, FieldKind, kind_of
from sw.network.operations import MAX_AXES

LAYER, RELU, MAX_POOL, AVERAGE_POOL, FLATTEN, CONCATENATE, LSTM, OTHER = range(8)
KIND = 7
MAX_SOURCES = 1 << 16  # of all operations together; a byte each, and many bytes in memory
HAS_SOURCES = 8  # otherwise the operation takes the value before it
CEIL = 16
COUNT_PADDING = 32
SQUARE = 64  # window, stride and padding are the same for rows and columns
SEQUENCE = 16  # of an LSTM: its result is every step's
POOL_FLAGS = CEIL | COUNT_PADDING | SQUARE
FLOAT = struct.Struct("<f")
COUNTS: dict[FieldKind, int] = {"size": 1, "pair": 2, "pads": 4, "flag": 1}  # numbers in a field


def graph_version(graph: Graph) -> int:
    """The first version of the file that can hold it."""
    if any(isinstance(node.operation, HostPart) for node in graph.nodes):
        return 4
    return 3 if any(_kind(node.operation) == OTHER for node in graph.nodes) else 2


def pack_graph(graph: Graph) -> bytes:
    """Input shape and nodes."""
    out = bytes([len(graph.input_shape)]) + b"".join(varint(size) for size in graph.input_shape)
    out += varint(len(graph.nodes))
    for value, node in enumerate(graph.nodes):
        out += _pack_node(node, value)
    return out


def parse_graph(reader: Reader) -> Graph:
    """The graph; whether its shapes fit is for `Graph.shapes` to say."""
    input_shape = tuple(reader.varint() for _ in range(_at_most(reader.byte(), 3, "axes of an input")))
    count = _at_most(reader.varint(), MAX_NODES, "operations")
    nodes: list[Node] = []
    sources = 0
    for value in range(count):
        nodes.append(_parse_node(reader, value))
        sources = _at_most(sources + len(nodes[-1].sources), MAX_SOURCES, "sources of all operations")
    return Graph(input_shape=input_shape, nodes=tuple(nodes))


def _pack_node(node: Node, value: int) -> bytes:
    """One node; `value` is the number of the value before it."""
    head, pairs = _kind(node.operation), b""
    if head == OTHER:
        pairs = _pack_other(node.operation)
    elif isinstance(node.operation, Pool):
        pool = node.operation
        head |= CEIL * pool.ceil | COUNT_PADDING * pool.count_padding
        windows = (pool.kernel, pool.stride, pool.padding[:2])
        is_square = all(rows == columns for rows, columns in windows)
        head |= SQUARE * is_square
        pairs = bytes(size for pair in windows for size in (pair[:1] if is_square else pair))
    elif isinstance(node.operation, Lstm):
        head |= SEQUENCE * node.operation.sequence
    if node.sources == (value,):
        return bytes([head]) + pairs
    counted = varint(len(node.sources)) if isinstance(node.operation, Concatenate | HostPart) else b""
    return bytes([head | HAS_SOURCES]) + pairs + counted + b"".join(varint(value - one) for one in node.sources)


def _parse_node(reader: Reader, value: int) -> Node:
    head = reader.byte()
    kind = head & KIND
    own = POOL_FLAGS if kind in (MAX_POOL, AVERAGE_POOL) else SEQUENCE if kind == LSTM else 0
    unknown = head & ~(KIND | HAS_SOURCES | own)
    if unknown:
        raise EieError(f"operation {value + 1}: flags {unknown} must not be set, they are")
    operation = _parse_other(reader) if kind == OTHER else _parse_operation(reader, kind, head)
    if not head & HAS_SOURCES:
        return Node(operation, (value,))
    if kind == CONCATENATE or isinstance(operation, HostPart):
        count = _at_most(reader.varint(), MAX_NODES, "sources")
    else:
        count = getattr(operation, "sources", 1)
    sources = tuple(value - reader.varint() for _ in range(count))
    return Node(operation, sources)


def _kind(operation: Operation) -> int:
    match operation:
        case ApplyLayer():
            return LAYER
        case Gru():
            return OTHER
        case Lstm():
            return LSTM
        case Relu():
            return RELU
        case Pool():
            top, left, bottom, right = operation.padding
            largest = max(*operation.kernel, *operation.stride, *operation.padding)
            if (top, left) != (bottom, right) or largest > 255:
                return OTHER
            return MAX_POOL if operation.kind == "max" else AVERAGE_POOL
        case Flatten():
            return FLATTEN
        case Concatenate():
            return CONCATENATE
        case _:
            return OTHER


def _pack_other(operation: Operation) -> bytes:
    """The code of its name and its fields."""
    name = kind_of(operation)
    out = bytes([list(KINDS).index(name)])
    for field, form in KINDS[name].fields.items():
        value = getattr(operation, field)
        if form == "number":
            out += FLOAT.pack(value)
        elif form == "bytes":
            out += varint(len(value)) + value
        elif form == "sizes":
            out += varint(len(value)) + b"".join(varint(size) for size in value)
        else:
            sizes = (int(value),) if COUNTS[form] == 1 else value
            out += b"".join(varint(size) for size in sizes)
    return out


def _parse_other(reader: Reader) -> Operation:
    code = _at_most(reader.byte(), len(KINDS) - 1, "as the code of an operation")
    kind = list(KINDS.values())[code]
    fields: dict[str, object] = {}
    for field, form in kind.fields.items():
        if form == "number":
            (fields[field],) = FLOAT.unpack(reader.take(FLOAT.size))
            continue
        if form == "bytes":
            fields[field] = reader.take(reader.varint())
            continue
        count = _at_most(reader.varint(), MAX_AXES, "sizes") if form == "sizes" else COUNTS[form]
        sizes = tuple(reader.varint() for _ in range(count))
        fields[field] = sizes if form in ("sizes", "pair", "pads") else sizes[0]
        if form == "flag":
            fields[field] = bool(_at_most(sizes[0], 1, "as a flag"))
    return kind.make(**fields)


def _parse_operation(reader: Reader, kind: int, head: int) -> Operation:
    if kind in (MAX_POOL, AVERAGE_POOL):

        def pair() -> Pair:
            rows = reader.byte()
            return rows, rows if head & SQUARE else reader.byte()

        return Pool(
            kind="max" if kind == MAX_POOL else "average",
            kernel=pair(),
            stride=pair(),
            padding=both_sides(pair()),
            ceil=bool(head & CEIL),
            count_padding=bool(head & COUNT_PADDING),
        )
    if kind == LSTM:
        return Lstm(sequence=bool(head & SEQUENCE))
    plain: dict[int, Operation] = {LAYER: ApplyLayer(), RELU: Relu(), FLATTEN: Flatten(), CONCATENATE: Concatenate()}
    return plain[kind]


def _at_most(value: int, most: int, what: str) -> int:
    if value > most:
        raise EieError(f"there must be at most {most} {what}, got {value}")
    return value
