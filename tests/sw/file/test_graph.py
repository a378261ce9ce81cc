import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import EieError
from sw.file.graph import pack_graph, parse_graph
from sw.file.reader import Reader
from sw.network.graph import ApplyLayer, Concatenate, Flatten, Graph, Lstm, Node, Pool, Relu, both_sides
from sw.network.operation_fields import KINDS, PLAIN, kind_of

SIDES = st.tuples(st.integers(0, 255), st.integers(0, 255))
POOLS = st.builds(
    Pool,
    kind=st.sampled_from(["max", "average"]),
    kernel=SIDES,
    stride=SIDES,
    padding=st.one_of(SIDES.map(both_sides), st.tuples(*[st.integers(0, 4000)] * 4)),
    ceil=st.booleans(),
    count_padding=st.booleans(),
)

FIELDS = {
    "number": st.floats(width=32, allow_nan=False),
    "size": st.integers(0, 1 << 20),
    "sizes": st.lists(st.integers(0, 1 << 20), max_size=6).map(tuple),
    "pair": SIDES,
    "flag": st.booleans(),
}
OTHERS = st.one_of(
    *(
        st.builds(
            kind.operation,
            **{name: st.just(value) for name, value in kind.fixed.items()},
            **{name: FIELDS[form] for name, form in kind.fields.items()},
        )
        for name, kind in KINDS.items()
        if "pool" not in name and name != "host_part"
    )
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs of any operations on any values before them, whether they fit together or not."""
    nodes: list[Node] = []
    for value in range(draw(st.integers(1, 12))):
        plain = st.sampled_from([ApplyLayer(), Relu(), Flatten(), Concatenate(), Lstm(), Lstm(sequence=True)])
        operation = draw(st.one_of(plain, POOLS, OTHERS))
        least = getattr(operation, "sources", 1)
        most = 5 if isinstance(operation, Concatenate) else least
        nodes.append(Node(operation, tuple(draw(st.lists(st.integers(0, value), min_size=least, max_size=most)))))
    return Graph(input_shape=tuple(draw(st.lists(st.integers(1, 1 << 20), max_size=3))), nodes=tuple(nodes))


@given(graphs())
def test_round_trip(graph: Graph):
    data = pack_graph(graph)
    reader = Reader(data, 0, len(data))
    assert parse_graph(reader) == graph
    assert reader.position == len(data)


def test_bytes_of_an_example():
    square = Pool(kind="max", kernel=(3, 3), stride=(2, 2), ceil=True)
    oblong = Pool(kind="average", kernel=(2, 3), stride=(1, 2), padding=(0, 1, 0, 1), count_padding=False)
    nodes = (
        Node(ApplyLayer(), (0,)),
        Node(square, (1,)),
        Node(oblong, (1,)),
        Node(Relu(), (3,)),
        Node(Concatenate(), (2, 4)),
        Node(Flatten(), (5,)),
    )
    data = pack_graph(Graph(input_shape=(3, 200, 9), nodes=nodes))
    layer, relu, flatten = bytes([0]), bytes([1]), bytes([4])
    pooling = bytes([2 | 16 | 32 | 64, 3, 2, 0]) + bytes([3 | 8, 2, 3, 1, 2, 0, 1, 1])
    assert data == bytes([3, 3, 0xC8, 1, 9, 6]) + layer + pooling + relu + bytes([5 | 8, 2, 2, 0]) + flatten


def test_bytes_of_lstms():
    nodes = (Node(Lstm(sequence=True), (0,)), Node(Lstm(), (1,)), Node(Lstm(sequence=True), (1,)))
    data = pack_graph(Graph(input_shape=(28, 300), nodes=nodes))
    assert data == bytes([2, 28, 0xAC, 2, 3, 6 | 16, 6, 6 | 8 | 16, 1])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\4", "at most 3 axes of an input, got 4"),
        (b"\1\5\x81\x20", "at most 4096 operations, got 4097"),
        (b"\1\5\1\7\x1d", "at most 28 as the code of an operation, got 29"),
        (b"\1\5\1\7\x09\7", "at most 6 sizes, got 7"),
        (b"\1\5\1\7\0\1\1\1\1\0\0\0\0\2", "at most 1 as a flag, got 2"),
        (b"\1\5\1\x26", "operation 1: flags 32 must not be set, they are"),
        (b"\1\5\1\x10", "operation 1: flags 16 must not be set, they are"),
        (b"\1\5\1\x85", "operation 1: flags 128 must not be set, they are"),
        (b"\1\5\1\x0d\xff\xff\x01", "at most 4096 sources, got 32767"),
        (b"\1\5\1\x42\3", "the header must hold 1 bytes from byte 5, it ends at 5"),
    ],
)
def test_what_is_refused(data: bytes, sentence: str):
    with pytest.raises(EieError, match=sentence):
        parse_graph(Reader(data, 0, len(data)))


def test_sources_of_all_operations_are_bounded():
    node = Node(Concatenate(), (0,) * 4096)
    data = pack_graph(Graph(input_shape=(3,), nodes=(node,) * 17))
    with pytest.raises(EieError, match="at most 65536 sources of all operations, got 69632"):
        parse_graph(Reader(data, 0, len(data)))


def test_bytes_of_what_version_3_has():
    """Codes are those of docs/contract/eie_format.md; sources of operations on two values always follow."""
    nodes = (
        Node(ApplyLayer(), (0,)),
        Node(KINDS["clip"].make(low=0.0, high=6.0), (1,)),
        Node(KINDS["add"].make(), (2, 0)),
        Node(Pool(kind="average", kernel=(300, 1), stride=(1, 1), padding=(0, 0, 1, 0)), (3,)),
        Node(KINDS["transpose"].make(order=(1, 2, 0)), (3,)),
        Node(KINDS["sigmoid"].make(), (5,)),
    )
    data = pack_graph(Graph(input_shape=(4,), nodes=nodes))
    clip = bytes([7, 6]) + np.array([0, 6], "<f4").tobytes()
    add = bytes([7 | 8, 2, 0, 2])
    mean = bytes([7, 1, 0xAC, 2, 1, 1, 1, 0, 0, 1, 0, 0, 1])
    transpose = bytes([7 | 8, 10, 3, 1, 2, 0, 1])
    assert data == bytes([1, 4, 6, 0]) + clip + add + mean + transpose + bytes([7, 17])


def test_names_are_those_of_the_table():
    for name, kind in KINDS.items():
        values = {"number": 0.5, "size": 1, "sizes": (1,), "pair": (1, 1), "pads": (0, 0, 1, 0), "flag": False}
        values["bytes"] = b"model"
        operation = kind.make(**{field: values[form] for field, form in kind.fields.items()})
        assert kind_of(operation) == name
    assert [kind_of(operation) for operation in PLAIN.values()] == list(PLAIN)
