"""How the layers of a network are connected: a list of operations on values, and the shapes of these values."""

from dataclasses import dataclass
from math import prod
from typing import Literal

from model.errors import EieError
from sw.network.operations import RANGED, Elements, Ranged, Shape

MAX_NODES = 4096
MAX_VALUE = 1 << 28  # elements of one value of one input
GATES = 4  # of an LSTM: i, f, g, o
MAX_WINDOW = 4095  # rows or columns of a window, its stride, its padding, its dilation
MAX_MEAN = 1 << 16  # elements of a window whose mean is taken

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]  # top, left, bottom, right
NO_PADS: Pads = (0, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """How a convolution moves over its input.

    Parameters
    ----------
    stride, dilation : (rows, columns); neighbours in a window are `dilation` apart.
    padding : zeros at the (top, left, bottom, right).
    groups : each takes its share of the channels and makes its share of the outputs; a depthwise convolution has as
        many as channels.
    """

    stride: Pair = (1, 1)
    padding: Pads = NO_PADS
    dilation: Pair = (1, 1)
    groups: int = 1

    def check(self, name: str, weight: Shape) -> None:
        """EieError unless it suits a weight of shape (out, in / groups, rows, columns)."""
        if not 1 <= self.groups <= weight[0] or weight[0] % self.groups:
            raise EieError(f"layer {name}: groups must divide its {weight[0]} outputs, got {self.groups}")
        check_window(f"layer {name}", self.reach(weight), self.stride, self.padding)
        if not all(1 <= size <= MAX_WINDOW for size in self.dilation):
            raise EieError(
                f"layer {name}: dilation must be between 1 and {MAX_WINDOW}, "
                f"got {self.dilation[0]} x {self.dilation[1]}"
            )

    def reach(self, weight: Shape) -> Pair:
        """Rows and columns from the first to the last of a window of (.., rows, columns), both included."""
        rows, columns = ((size - 1) * apart + 1 for size, apart in zip(weight[-2:], self.dilation, strict=True))
        return rows, columns

    def windows(self, source: Shape, weight: Shape) -> Pair:
        """Rows and columns of output positions on (.., rows, columns)."""
        reach = self.reach(weight)
        rows, columns = (
            window_count(source[axis - 2], reach[axis], self.stride[axis], self.padding[axis::2]) for axis in (0, 1)
        )
        return rows, columns


@dataclass(frozen=True, kw_only=True)
class ApplyLayer:
    """The next weight layer, with its ReLU if it has one: the layers of a network are applied in their order."""


@dataclass(frozen=True, kw_only=True)
class Lstm:
    """The next weight layer as the matrix of an LSTM, which takes a value of shape (steps, features) step by step.

    The layer is fully connected, of shape (4 * units, features + units) and without ReLU: at each step it takes
    [x_t ; h_{t-1}] and gives the gates i, f, g and o before their nonlinearities, as torch.nn.LSTM has them. h and the
    cell begin at zero.

    Parameters
    ----------
    sequence : whether the result is h of every step, (steps, units); otherwise it is h of the last, (units,).
    """

    sequence: bool = False


@dataclass(frozen=True, kw_only=True)
class Gru(Lstm):
    """The same for a GRU as torch.nn.GRU has it, whose reset gate comes behind the matrix (linear_before_reset).

    The four gates are r, z, and the parts of n that come of x_t and of h_{t-1}: the first has no weights for h, the
    second none for x. h_t = (1 - z) * tanh(n_x + r * n_h) + z * h_{t-1}, with r and z behind their sigmoid.
    """


@dataclass(frozen=True, kw_only=True)
class Relu:
    """max(x, 0), where it does not follow a layer directly."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The maximum or the mean of windows of (rows, columns).

    Parameters
    ----------
    padding : at the top, left, bottom, right; never the maximum, and zero in a mean.
    ceil : a window may begin inside the padded input and end outside it; what is outside is not counted.
    count_padding : whether a mean divides by the padding as well.
    """

    kind: Literal["max", "average"]
    kernel: Pair
    stride: Pair
    padding: Pads = NO_PADS
    ceil: bool = False
    count_padding: bool = True


@dataclass(frozen=True, kw_only=True)
class Flatten:
    """(channels, rows, columns) or (steps, features) to (features,)."""


@dataclass(frozen=True, kw_only=True)
class Concatenate:
    """Several values joined along their channels, features or steps: the first of their axes."""


WeightShape = tuple[str, Shape, Convolution | None]
Operation = ApplyLayer | Lstm | Relu | Pool | Flatten | Concatenate | Elements


@dataclass(frozen=True)
class Node:
    """One operation; `sources` are the values it takes: 0 is the network's input, k the result of node k - 1."""

    operation: Operation
    sources: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Operations in execution order; the last one's result is the network's output.

    Without nodes nothing is known of how the layers are connected: such a network can be stored, but not run.

    Parameters
    ----------
    input_shape : of one input, (channels, rows, columns), (features,) or (steps, features).
    """

    input_shape: Shape
    nodes: tuple[Node, ...]

    @property
    def recurrent(self) -> list[Lstm | None]:
        """For every layer in execution order the LSTM whose matrix it is, if it is one."""
        operations = [node.operation for node in self.nodes if isinstance(node.operation, ApplyLayer | Lstm)]
        return [operation if isinstance(operation, Lstm) else None for operation in operations]

    @property
    def ranged(self) -> list[Ranged]:
        """The operations whose results have a range of their own, in execution order."""
        return [node.operation for node in self.nodes if isinstance(node.operation, RANGED)]

    def shapes(self, layers: list[WeightShape]) -> list[Shape]:
        """The shape of every value, the input's first.

        `layers` are the name, the shape of the weights and the convolution, if it is one, of every layer. EieError if
        they do not fit together.
        """
        if not self.nodes:
            return []
        if len(self.nodes) > MAX_NODES:
            raise EieError(f"a graph must have at most {MAX_NODES} operations, got {len(self.nodes)}")
        if len(self.input_shape) not in (1, 2, 3) or min(self.input_shape) < 1 or prod(self.input_shape) > MAX_VALUE:
            raise EieError(
                f"a network's input must have shape (features,), (steps, features) or (channels, rows, columns) with "
                f"at most {MAX_VALUE} elements, got {self.input_shape}"
            )
        applied = sum(isinstance(node.operation, ApplyLayer | Lstm) for node in self.nodes)
        if applied != len(layers):
            raise EieError(f"a graph must apply each of the {len(layers)} layers once, it applies {applied}")
        shapes, waiting = [self.input_shape], iter(layers)
        for node in self.nodes:
            if not node.sources or not all(0 <= source < len(shapes) for source in node.sources):
                raise EieError(f"operation {len(shapes)} must take values 0 to {len(shapes) - 1}, got {node.sources}")
            wanted: int = getattr(node.operation, "sources", 1)
            if len(node.sources) != wanted and not isinstance(node.operation, Concatenate):
                count = {1: "one value", 2: "two values"}.get(wanted, f"{wanted} values")
                raise EieError(f"operation {len(shapes)} must take {count}, got {len(node.sources)}")
            sources = [shapes[source] for source in node.sources]
            match node.operation:
                case ApplyLayer():
                    shape = layer_shape(sources[0], *next(waiting))
                case Lstm():
                    shape = lstm_shape(sources[0], node.operation, *next(waiting))
                case _:
                    shape = operation_shape(f"operation {len(shapes)}", node.operation, sources)
            if prod(shape) > MAX_VALUE:
                raise EieError(f"the result of an operation must have at most {MAX_VALUE} elements, got {shape}")
            shapes.append(shape)
        return shapes


UNCONNECTED = Graph(input_shape=(), nodes=())


def chain(features: int, layers: int) -> Graph:
    """Fully connected layers one after another: what a network without a graph stands for."""
    return Graph(input_shape=(features,), nodes=tuple(Node(ApplyLayer(), (value,)) for value in range(layers)))


def check_window(what: str, kernel: Pair, stride: Pair, padding: Pads) -> None:
    """EieError unless windows of this size can be moved like this."""
    for name, sizes, least in (("window", kernel, 1), ("stride", stride, 1), ("padding", padding, 0)):
        if not all(least <= size <= MAX_WINDOW for size in sizes):
            found = " x ".join(map(str, sizes if sizes[:2] != sizes[2:] else sizes[:2]))
            raise EieError(f"{what}: {name} must be between {least} and {MAX_WINDOW}, got {found}")


def window_count(size: int, kernel: int, stride: int, padding: tuple[int, ...], ceil: bool = False) -> int:
    """Windows along one axis of `size` elements with padding (before, behind); 0 or less if none fits."""
    before, behind = padding
    room = size + before + behind - kernel
    if not ceil:
        return room // stride + 1
    count = -(-room // stride) + 1
    # A window that would begin in the padding behind the input is left out.
    return count - ((count - 1) * stride >= size + before)


def both_sides(pair: Pair) -> Pads:
    """Padding of (rows, columns) on each side."""
    return (*pair, *pair)


def layer_shape(source: Shape, name: str, weight: Shape, convolution: Convolution | None) -> Shape:
    """The shape of a layer's result; EieError unless it can take a value of shape `source`.

    A fully connected layer takes (features,), or (steps, features) one step after another.
    """
    if convolution is None:
        if len(source) not in (1, 2) or source[-1] != weight[1]:
            raise EieError(f"layer {name} must take ({weight[1]},) values, it gets {source}")
        return (*source[:-1], weight[0])
    channels = weight[1] * convolution.groups
    if len(source) != 3 or source[0] != channels:
        raise EieError(f"layer {name} must take ({channels}, rows, columns) values, it gets {source}")
    windows = convolution.windows(source, weight)
    _check_fit(f"layer {name}", source, convolution.reach(weight), windows)
    return (weight[0], *windows)


def lstm_shape(source: Shape, lstm: Lstm, name: str, weight: Shape, convolution: Convolution | None) -> Shape:
    """The shape of an LSTM's result; EieError unless the layer can be its matrix and take a value of shape `source`."""
    if convolution is not None or weight[0] % GATES or weight[1] <= weight[0] // GATES:
        raise EieError(
            f"layer {name}: an LSTM's matrix must have shape (4 * units, features + units), got weights of {weight}"
        )
    units = weight[0] // GATES
    if len(source) != 2 or source[1] != weight[1] - units:
        raise EieError(f"layer {name}: its LSTM must take (steps, {weight[1] - units}) values, it gets {source}")
    return (source[0], units) if lstm.sequence else (units,)


def operation_shape(what: str, operation: Operation, sources: list[Shape]) -> Shape:
    """The shape of the result of an operation without weights; EieError, which begins with `what`, if it has none."""
    first = sources[0]
    match operation:
        case Pool():
            if len(first) != 3:
                raise EieError(f"{what}: pooling must take (channels, rows, columns), it gets {first}")
            kernel, padding = operation.kernel, operation.padding
            check_window(what, kernel, operation.stride, padding)
            # Of a window that holds nothing but padding there is no maximum; a convolution has its bias there.
            largest = max(padding[::2]), max(padding[1::2])
            if largest[0] >= kernel[0] or largest[1] >= kernel[1]:
                raise EieError(
                    f"{what}: padding must be smaller than the window of {kernel[0]} x {kernel[1]}, "
                    f"got {largest[0]} x {largest[1]}"
                )
            if operation.kind == "average" and prod(kernel) > MAX_MEAN:
                raise EieError(f"{what}: a mean must be of at most {MAX_MEAN} elements, got {prod(kernel)}")
            rows, columns = (
                window_count(first[axis + 1], kernel[axis], operation.stride[axis], padding[axis::2], operation.ceil)
                for axis in (0, 1)
            )
            _check_fit(what, first, kernel, (rows, columns))
            return first[0], rows, columns
        case Flatten():
            return (prod(first),)
        case Concatenate():
            if any(shape[1:] != first[1:] for shape in sources):
                raise EieError(f"{what}: values to be joined must differ in channels only, got {sources}")
            return (sum(shape[0] for shape in sources), *first[1:])
        case Relu() | ApplyLayer() | Lstm():
            return first
        case _:
            return operation.result_shape(what, *sources)


def _check_fit(what: str, source: Shape, kernel: Pair, windows: Pair) -> None:
    if min(windows) < 1:
        raise EieError(f"{what}: a window of {kernel[0]} x {kernel[1]} must fit into its input, which is {source}")
