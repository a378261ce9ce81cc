"""Sequences and LSTMs in an ONNX model: which axis of a value is which, and what an LSTM begins with.

ONNX has an axis of directions in what an LSTM gives, and by default steps before the batch. It leaves it to other
operators to bring the axes in order, to choose the last step, and to make the zeros that h and the cell begin with, as
large as the batch. What these operators do is followed here by the names of the axes; none remains in the network.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.connections import LayerUse
from sw.formats.graph_builder import GraphBuilder
from sw.formats.onnx_node import OnnxNode
from sw.network.graph import GATES

Numbers = Callable[[OnnxNode, int, int], NDArray[np.float32]]  # the constant at a place, with so many axes
TORCH_ORDER = (0, 2, 3, 1)  # of ONNX's gates, which are i, o, f, g: i, f, g, o
FUNCTIONS = [b"Sigmoid", b"Tanh", b"Tanh"]


class View(NamedTuple):
    """Values of the network with axes in an order of their own.

    values : one, or along the axis of directions several.
    axes : "n" the batch, "s" the steps, "d" directions, "f" features.
    last : whether it is the last step alone.
    """

    values: tuple[int, ...]
    axes: str
    last: bool = False


class OnnxSequences:
    """Everything that is known by a name and is no plain value of the network.

    Parameters
    ----------
    values : the plain values by name.
    constants : by name.
    numbers : reads a constant and counts it as used.
    """

    def __init__(
        self, builder: GraphBuilder, values: Mapping[str, int], constants: Mapping[str, NDArray[Any]], numbers: Numbers
    ):
        self._builder, self._values, self._constants, self._numbers = builder, values, constants, numbers
        self._views: dict[str, View] = {}
        self._sizes: set[str] = set()  # shapes and what is made of them
        self._zeros: set[str] = set()
        self._is_last: dict[int, bool | None] = {}  # of each LSTM, whether its last step is used or every step

    def plain(self, name: str) -> int | None:
        """The value of this name for an operator that takes the batch first, if it is one; it is used from then on."""
        view = self._views.get(name)
        if view is None or view.axes != ("nf" if view.last else "nsf") or len(view.values) > 1:
            return None
        return self._use(view)

    def knows(self, name: str) -> bool:
        """Whether it is the name of a sequence, of sizes or of zeros."""
        return name in self._views or name in self._sizes or name in self._zeros

    def names(self) -> dict[str, int]:
        """The values of LSTMs by a name."""
        return {name: view.values[0] for name, view in self._views.items()}

    def lstm(self, node: OnnxNode) -> tuple[str, NDArray[np.float32], NDArray[np.float32]]:
        """Apply an LSTM; its name, its matrix and its biases."""
        node.only("direction", b"forward")
        node.only("input_forget", 0)
        batch_first = bool(node.attribute("layout", 0))
        functions = node.attribute("activations")
        if functions not in (None, FUNCTIONS):
            raise EieError(f"{node.what}: its activations must be Sigmoid, Tanh, Tanh, got {str(functions)[:80]}")
        x = self._view(node)
        if x.axes != ("nsf" if batch_first else "snf") or x.last:
            order = "(n, steps, features)" if batch_first else "(steps, n, features), transposed from a batch first"
            raise EieError(f"{node.what}: it must take {order}")
        for place, what in ((4, "sequence lengths"), (7, "peepholes")):
            if len(node.inputs) > place and node.inputs[place]:
                raise EieError(f"{node.what}: {what} are not supported, {node.inputs[place][:80]!r} is given")
        for place in (5, 6):
            if len(node.inputs) > place and node.inputs[place] and not self._is_zero(node, place, 3):
                raise EieError(f"{node.what}: h and the cell must begin at zero, {node.inputs[place][:80]!r} is not")
        matrix, bias = self._weights(node)
        node.only("hidden_size", len(matrix) // GATES)
        value = self._builder.lstm(self._use(x), LayerUse(name=node.name, shape=matrix.shape), matrix.shape)
        self._is_last[value] = None
        for name, view in zip(
            node.outputs,
            (
                View((value,), "nsdf" if batch_first else "sdnf"),
                View((value,), "ndf" if batch_first else "dnf", last=True),
            ),
            strict=False,
        ):
            if name:
                self._views[name] = view
        return node.name, matrix, bias

    def transpose(self, node: OnnxNode) -> None:
        view = self._view(node)
        order: list[int] = node.attribute("perm", list(range(len(view.axes)))[::-1])
        if sorted(order) != list(range(len(view.axes))):
            raise EieError(f"{node.what}: perm must order {len(view.axes)} axes, got {order[:8]}")
        self._views[node.output] = view._replace(axes="".join(view.axes[axis] for axis in order))

    def squeeze(self, node: OnnxNode) -> None:
        view = self._view(node)
        given: Any = self._constants.get(node.inputs[1]) if len(node.inputs) > 1 else node.attribute("axes", [0])
        axes: list[int] = [] if given is None else np.atleast_1d(given).tolist()
        if len(axes) != 1 or self._axis(node, view, axes[0]) != "d" or len(view.values) > 1:
            raise EieError(f"{node.what}: it must remove the one direction of an LSTM, got axes {axes[:8]}")
        self._views[node.output] = view._replace(axes=view.axes.replace("d", ""))

    def gather(self, node: OnnxNode) -> None:
        """The last step of a sequence, or one of several LSTMs; of a shape anything."""
        place: int = node.attribute("axis", 0)
        if self._is_size(node):
            return
        view = self._view(node)
        index = self._constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
        if index is None or index.ndim or index.dtype.kind != "i":
            raise EieError(f"{node.what}: its index must be one whole number")
        number, axis = int(index), self._axis(node, view, place)
        if axis == "d" and -len(view.values) <= number < len(view.values):
            view = view._replace(values=(view.values[number],), axes=view.axes.replace("d", ""))
        elif axis == "s" and number in (-1, self._builder.shapes[view.values[0]][0] - 1) and len(view.values) == 1:
            view = View(view.values, view.axes.replace("s", ""), last=True)
        else:
            raise EieError(f"{node.what}: of a sequence it must take the last step, got index {number} of axis {place}")
        if view.values[0] not in self._is_last:
            raise EieError(f"{node.what}: it must take the last step of an LSTM's result")
        self._views[node.output] = view

    def concat(self, node: OnnxNode) -> bool:
        """Whether it joined sizes, or the last steps of several LSTMs; otherwise nothing is done."""
        if any(name in self._sizes for name in node.inputs):
            node.attribute("axis")
            self._sizes.add(node.output)
            return True
        views = [self._views.get(name, View((), "")) for name in node.inputs]
        if not views or any("d" not in view.axes or not view.last or view.axes != views[0].axes for view in views):
            return False
        node.only("axis", views[0].axes.index("d"))
        self._views[node.output] = views[0]._replace(values=tuple(value for view in views for value in view.values))
        return True

    def shape(self, node: OnnxNode) -> None:
        node.attribute("start")
        node.attribute("end")
        self._sizes.add(node.output)

    def unsqueeze(self, node: OnnxNode) -> None:
        node.attribute("axes")
        if not self._is_size(node):
            raise EieError(f"{node.what}: it must take a part of a shape")

    def expand(self, node: OnnxNode) -> None:
        if not node.inputs or not self._is_zero(node, 0, 3):
            raise EieError(f"{node.what}: it must take the zeros that an LSTM begins with")
        self._zeros.add(node.output)

    def zeros(self, node: OnnxNode) -> None:
        """Its result are zeros."""
        self._zeros.add(node.output)

    def slice(self, node: OnnxNode) -> None:
        if not node.inputs or node.inputs[0] not in self._zeros:
            raise EieError(f"{node.what}: it must take the zeros that LSTMs begin with")
        self._zeros.add(node.output)

    def _view(self, node: OnnxNode) -> View:
        """Of the operator's first input, a sequence."""
        name = node.inputs[0] if node.inputs else ""
        value = self._values.get(name, -1)
        if value >= 0 and len(self._builder.shapes[value]) == 2:
            return View((value,), "nsf")
        if name not in self._views:
            raise EieError(f"{node.what}: input 0 must be a sequence, {name[:80]!r} is none")
        return self._views[name]

    def _use(self, view: View) -> int:
        """The value; the first use of an LSTM's result says whether it is every step or the last."""
        (value,) = view.values
        if value in self._is_last:
            if self._is_last[value] is None and view.last:
                self._builder.keep_last(value)
            elif self._is_last[value] not in (None, view.last):
                raise EieError("of an LSTM every step or the last one must be used, one has both")
            self._is_last[value] = view.last
        return value

    def _axis(self, node: OnnxNode, view: View, axis: int) -> str:
        if not -len(view.axes) <= axis < len(view.axes):
            raise EieError(f"{node.what}: axis must be one of {len(view.axes)}, got {axis}")
        return view.axes[axis]

    def _is_size(self, node: OnnxNode) -> bool:
        """Whether the operator takes a size, of which it then makes one."""
        if not node.inputs or node.inputs[0] not in self._sizes:
            return False
        self._sizes.add(node.output)
        return True

    def _is_zero(self, node: OnnxNode, place: int, axes: int) -> bool:
        name = node.inputs[place]
        return name in self._zeros or (name in self._constants and not self._numbers(node, place, axes).any())

    def _weights(self, node: OnnxNode) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[W R] and the sum of both biases, gates in torch's order."""
        inner, outer = self._numbers(node, 1, 3), self._numbers(node, 2, 3)
        rows, units = outer.shape[1:]
        if inner.shape[:2] != (1, rows) or len(outer) != 1 or rows != GATES * units or 0 in (units, inner.shape[2]):
            raise EieError(
                f"{node.what}: weights must have shapes (1, 4 * units, features) and (1, 4 * units, units), "
                f"got {inner.shape} and {outer.shape}"
            )
        bias = np.zeros(rows, np.float32)
        if len(node.inputs) > 3 and node.inputs[3]:
            both = self._numbers(node, 3, 2)
            if both.shape != (1, 2 * rows):
                raise EieError(f"{node.what}: the biases must have shape {(1, 2 * rows)}, got {both.shape}")
            with np.errstate(over="ignore"):
                bias = both[0, :rows] + both[0, rows:]
        matrix = np.concatenate([inner[0], outer[0]], axis=1)
        by_gate = matrix.reshape(GATES, units, -1)[TORCH_ORDER, :]
        return by_gate.reshape(rows, -1), bias.reshape(GATES, units)[TORCH_ORDER, :].reshape(-1)
