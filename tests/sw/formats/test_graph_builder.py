"""sw/formats/graph_builder.py: a graph of more operations than a network may have."""

import pytest

from model.errors import EieError
from sw.formats.graph_builder import GraphBuilder
from sw.network.graph import MAX_NODES, Relu


def test_a_graph_of_too_many_operations() -> None:
    builder = GraphBuilder((3,))
    for value in range(MAX_NODES):
        builder.operation("relu", Relu(), value)
    with pytest.raises(EieError, match="at most 4096 operations, got more"):
        builder.operation("relu", Relu(), 0)
