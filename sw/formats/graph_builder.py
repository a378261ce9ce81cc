"""Collects the operations of another format's graph and makes connections of them."""

from dataclasses import replace

from model.errors import EieError
from sw.formats.connections import Connections, LayerUse
from sw.network.graph import (
    MAX_NODES,
    ApplyLayer,
    Flatten,
    Graph,
    Lstm,
    Node,
    Operation,
    Relu,
    Shape,
    layer_shape,
    lstm_shape,
    operation_shape,
)

EVERY_STEP = Lstm(sequence=True)


class GraphBuilder:
    """Operations in execution order on values, of which 0 is the network's input.

    Attributes
    ----------
    shapes : the shape of every value so far, without the batch.
    """

    def __init__(self, input_shape: Shape):
        self.shapes = [input_shape]
        self._nodes: list[Node] = []
        self._uses: dict[int, LayerUse] = {}  # by the value that is the layer's result

    def layer(self, source: int, use: LayerUse, shape: Shape) -> int:
        """Apply a layer with weights of this shape and return its result."""
        self._uses[len(self.shapes)] = use
        return self._add(ApplyLayer(), (source,), layer_shape(self.shapes[source], use.name, shape, use.convolution))

    def lstm(self, source: int, use: LayerUse, shape: Shape, operation: Lstm = EVERY_STEP) -> int:
        """Apply an LSTM or a GRU with a matrix of this shape and return its result."""
        self._uses[len(self.shapes)] = use
        result = lstm_shape(self.shapes[source], operation, use.name, shape, None)
        return self._add(operation, (source,), result)

    def operation(self, what: str, operation: Operation, *sources: int) -> int:
        """Apply an operation without weights, called `what` in errors, and return its result."""
        return self._add(operation, sources, operation_shape(what, operation, [self.shapes[one] for one in sources]))

    def flatten(self, what: str, source: int) -> int:
        """The features of a value, which may be flat already."""
        return source if len(self.shapes[source]) == 1 else self.operation(what, Flatten(), source)

    def connections(self, names: dict[str, int]) -> Connections:
        """The network whose output is the one value that nothing takes; `names` are the values' in errors.

        A ReLU that is all that takes a layer's result becomes the layer's. Fully connected layers in a chain have no
        graph, as in `sw.network.network.Network`.
        """
        takers = [0] * len(self.shapes)
        for node in self._nodes:
            for source in node.sources:
                takers[source] += 1
        outputs = [name for name, value in names.items() if takers[value] == 0]
        if takers.count(0) > 1:
            raise EieError(f"the network must have one input and one output, nothing takes {', '.join(outputs[:8])}")
        uses, nodes = dict(self._uses), list[Node]()
        place = {0: 0}  # of each value, when ReLUs have joined their layers
        for value, node in enumerate(self._nodes, start=1):
            before = node.sources[0]
            is_linear = before > 0 and isinstance(self._nodes[before - 1].operation, ApplyLayer)
            if isinstance(node.operation, Relu) and is_linear and takers[before] == 1:
                uses[before] = replace(uses[before], relu=True)
                place[value] = place[before]
                continue
            nodes.append(Node(node.operation, tuple(place[source] for source in node.sources)))
            place[value] = len(nodes)
        chain = len(self.shapes[0]) == 1 and all(isinstance(node.operation, ApplyLayer) for node in nodes)
        graph = None if chain else Graph(input_shape=self.shapes[0], nodes=tuple(nodes))
        return Connections(graph=graph, uses=tuple(uses.values()))

    def _add(self, operation: Operation, sources: tuple[int, ...], shape: Shape) -> int:
        if len(self._nodes) == MAX_NODES:
            raise EieError(f"a graph must have at most {MAX_NODES} operations, got more")
        self._nodes.append(Node(operation, sources))
        self.shapes.append(shape)
        return len(self.shapes) - 1
