"""Values of an ONNX model while it is read: their shape in the model, and which of its axes is the batch.

A network here is a function of one input; an ONNX model is one of a batch. So every value is followed with the batch
left out: its own shape is that in the model with the batch divided out of the axis that holds it, and an operation that
would mix the inputs of a batch is refused. Where the model leaves the batch open, its shapes are computed with a batch
that no other size is a multiple of.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.drafts import Drafts
from sw.formats.onnx.node import OnnxNode
from sw.network.graph import Shape

OPEN_BATCH = 1009  # prime


class NotLowered(EieError):
    """An operator that no network here has, of a model that may be right all the same."""


class BatchOfOne(EieError):
    """The model leaves its batch open, but takes one input at a time only."""


class Value(NamedTuple):
    """A value of the drafts as the model sees it.

    draft : the value of the drafts, whose shape has the same elements in the same order as `own`.
    own : the model's shape for a batch of one.
    batch : the axis that holds the batch; None in a model whose batch is 1.
    inside : the factor of that axis that is outside the batch, where others were merged into one.
    """

    draft: int
    own: Shape
    batch: int | None
    inside: int = 1


class Lowering:
    """What is known by a name so far, and the drafts that are being made.

    Parameters
    ----------
    batch : inputs that the model takes at once.
    opset : of the model.
    folder : of the model, for constants in files of their own.
    """

    def __init__(self, drafts: Drafts, constants: dict[str, NDArray[Any]], batch: int, opset: int):
        self.drafts, self.constants, self.batch, self.opset = drafts, constants, batch, opset
        self.values: dict[str, Value] = {}

    def shape(self, value: Value) -> Shape:
        """In the model, with its batch."""
        return tuple(size * self.batch if axis == value.batch else size for axis, size in enumerate(value.own))

    def is_constant(self, node: OnnxNode, place: int) -> bool:
        return node.input(place) in self.constants

    def value(self, node: OnnxNode, place: int = 0, merged: bool = False) -> Value:
        """An input that is a result of an operator; EieError for another.

        Only operators that look at no axis with the batch in it take one where it is `merged` behind others.
        """
        name = node.input(place)
        if name not in self.values:
            found = "a constant" if name in self.constants else "not there"
            raise EieError(f"{node.what}: input {place} must be the result of an operator, {name[:80]!r} is {found}")
        found = self.values[name]
        if found.inside > 1 and not merged:
            raise EieError(f"{node.what}: inputs of a batch must stay apart, of {self.shape(found)} they do not")
        return found

    def constant(self, node: OnnxNode, place: int) -> NDArray[Any]:
        """An input that is a constant; EieError for another."""
        name = node.input(place)
        if name not in self.constants:
            raise EieError(f"{node.what}: input {place} must be a constant, {name[:80]!r} is not")
        return self.constants[name]

    def numbers(self, node: OnnxNode, place: int, axes: int | None = None) -> NDArray[np.float32]:
        """A constant of real numbers, with so many axes."""
        array = self.constant(node, place)
        if array.dtype.kind not in "f" or (axes is not None and array.ndim != axes):
            wanted = "" if axes is None else f" with {axes} axes"
            raise EieError(
                f"{node.what}: weights and biases must be floating-point numbers{wanted}, "
                f"got {array.dtype} of shape {array.shape}"
            )
        with np.errstate(over="ignore"):
            return array.astype(np.float32, copy=False)

    def whole(self, node: OnnxNode, place: int, name: str, default: list[int] | None = None) -> list[int] | None:
        """Whole numbers that are an attribute in old models and a constant input in newer ones."""
        given = node.attribute(name)
        if len(node.inputs) > place and node.inputs[place]:
            if given is not None:
                raise EieError(f"{node.what}: {name} must be given once, it is an attribute and an input")
            given = self.constant(node, place)
            if given.dtype.kind != "i":
                raise EieError(f"{node.what}: {name} must be whole numbers, got {given.dtype}")
        if given is None:
            return default
        found: NDArray[Any] = np.atleast_1d(np.asarray(given)).reshape(-1)
        if found.dtype.kind != "i" and found.size:
            raise EieError(f"{node.what}: {name} must be whole numbers, got {str(given)[:80]}")
        return found.astype(np.int64).tolist()

    def axis(self, node: OnnxNode, value: Value, axis: int, mixes: bool = True) -> int:
        """An axis counted from 0; EieError if there is none, or if it holds the batch and the operator mixes it."""
        rank = len(value.own)
        if not -rank <= axis < rank:
            raise EieError(f"{node.what}: axis must be one of {rank}, got {axis}")
        if mixes and axis % rank == value.batch:
            raise EieError(f"{node.what}: it must not mix the inputs of a batch (axis {axis % rank}), it does")
        return axis % rank

    def indexed(self, value: Value, shape: Shape | None = None, what: str = "reshape") -> int:
        """The draft's value in its own shape, or in another with the same elements."""
        return self.drafts.reshape(what, value.draft, value.own if shape is None else shape)

    def make(self, node: OnnxNode, index: int, own: Shape, batch: int | None, place: int = 0) -> None:
        """Let the result at a place be this value."""
        assert prod(own) == prod(self.drafts.shapes[index])
        self.values[node.outputs[place]] = Value(index, own, batch)

    def same(self, node: OnnxNode, index: int, like: Value) -> None:
        """Let the result have the shape of a value."""
        self.make(node, index, like.own, like.batch)


Operator = Callable[[Lowering, OnnxNode], None]
Operators = Mapping[str, Operator]


def viewed(it: Lowering, value: Value, shape: Shape) -> Value | None:
    """The value in another shape of the model; None if no axis of it holds the batch."""
    if value.batch is None:
        return value._replace(own=shape)
    outer = prod(it.shape(value)[: value.batch]) * value.inside
    for axis, size in enumerate(shape):
        inside, rest = divmod(outer, prod(shape[:axis]))
        if rest == 0 and inside and size % (inside * it.batch) == 0:
            own = tuple(size // it.batch if place == axis else size for place, size in enumerate(shape))
            return Value(value.draft, own, axis, inside)
    return None
