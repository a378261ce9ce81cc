"""sim/terminal/operation_text.py: what the host does, in words."""

import pytest

from sim.terminal.operation_text import host_works
from sw.network.graph import Flatten, Graph, Gru, Lstm, Node, Operation, Relu
from sw.network.operations import Clip, Elementwise, Reshape, Softmax
from tests.support.networks.random_networks import make_conv_network


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (Relu(), ["ReLU"]),
        (Clip(low=0, high=6), ["clip"]),
        (Elementwise(kind="add"), ["add"]),
        (Softmax(axis=0, log=True), ["log softmax"]),
        (Lstm(sequence=True), ["the cells of an LSTM"]),
        (Gru(sequence=False), ["the cells of a GRU"]),
        (Flatten(), []),
        (Reshape(shape=(2, 2)), []),
    ],
)
def test_an_operation_is_named_once(operation: Operation, words: list[str]) -> None:
    graph = Graph(input_shape=(4,), nodes=(Node(operation, (0, 0)), Node(operation, (1, 1))))
    assert host_works(graph) == words


def test_operations_come_in_execution_order() -> None:
    assert host_works(make_conv_network(0).connections) == ["max pooling", "concatenate", "ReLU", "average pooling"]
