"""Running a graph: the order of its operations in one place, what they do to a value in an `Arithmetic`."""

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Protocol, TypeVar

from sw.network.graph import ApplyLayer, Concatenate, Flatten, Graph, Lstm, Pool, Relu, Shape
from sw.network.operations import RANGED, Elements

ELEMENTS_AT_ONCE = 1 << 22  # of the largest value of the inputs that are run together

V = TypeVar("V")


class Arithmetic(Protocol[V]):
    """What the operations of a graph do to values of one kind: numbers, integers, or what is known about them."""

    def layer(self, index: int, source: V) -> V:
        """Layer `index` of the network, with its bias and its ReLU if it has one."""
        ...

    def lstm(self, index: int, operation: Lstm, source: V) -> V:
        """An LSTM whose matrix is layer `index` of the network."""
        ...

    def relu(self, source: V) -> V:
        """max(x, 0)."""
        ...

    def pool(self, operation: Pool, source: V) -> V:
        """The maximum or the mean of windows."""
        ...

    def flatten(self, source: V) -> V:
        """One value to (features,)."""
        ...

    def concatenate(self, sources: Sequence[V]) -> V:
        """Values joined along their first axis."""
        ...

    def apply(self, number: int, operation: Elements, sources: Sequence[V]) -> V:
        """An operation of `sw.network.operations`; `number` is that of a ranged one among its like, -1 for others."""
        ...


def run_graph(graph: Graph, arithmetic: Arithmetic[V], x: V, see: Callable[[V], None] | None = None) -> V:
    """The network's output for its input `x`; a value is dropped after its last use. The graph has operations.

    `see` is shown the result of every operation.
    """
    values: list[V | None] = [x]
    last_use = {source: number for number, node in enumerate(graph.nodes) for source in node.sources}
    layers = ranged = 0
    for number, node in enumerate(graph.nodes):
        sources = [value for value in (values[source] for source in node.sources) if value is not None]
        match node.operation:
            case ApplyLayer():
                x = arithmetic.layer(layers, sources[0])
                layers += 1
            case Lstm():
                x = arithmetic.lstm(layers, node.operation, sources[0])
                layers += 1
            case Relu():
                x = arithmetic.relu(sources[0])
            case Pool():
                x = arithmetic.pool(node.operation, sources[0])
            case Flatten():
                x = arithmetic.flatten(sources[0])
            case Concatenate():
                x = arithmetic.concatenate(sources)
            case _:
                is_ranged = isinstance(node.operation, RANGED)
                x = arithmetic.apply(ranged if is_ranged else -1, node.operation, sources)
                ranged += is_ranged
        values.append(x)
        if see is not None:
            see(x)
        for source in node.sources:
            if last_use[source] == number:
                values[source] = None
    return x


def parts(inputs: int, shapes: Sequence[Shape]) -> Iterator[slice]:
    """Inputs to be run together, at least one: so many that the memory of their values, of `shapes`, is bounded."""
    size = max(1, ELEMENTS_AT_ONCE // max(prod(shape) for shape in shapes))
    return (slice(start, min(start + size, inputs)) for start in range(0, inputs, size))
