"""A network being read: operations as another format has them, before they are folded (`sw.formats.draft_folding`).

Orders of axes that cancel out disappear here already.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.network.graph import (
    Concatenate,
    Convolution,
    Flatten,
    Lstm,
    Operation,
    Pads,
    Shape,
    layer_shape,
    lstm_shape,
    operation_shape,
)
from sw.network.layer import check_shape
from sw.network.operations import Reshape, Transpose


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A layer, or the matrix of an LSTM."""

    name: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    convolution: Convolution | None = None
    lstm: Lstm | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """scale * x + offset of a value seen as (outer, channels, inner), one number for each channel."""

    name: str
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    outer: int
    inner: int

    def after(self, first: "Scale") -> "Scale | None":
        """Both in one, if they have the same channels or one has but one."""
        if len(first.scale) > 1 and len(self.scale) > 1 and (first.outer, first.inner) != (self.outer, self.inner):
            return None
        wider = self if len(self.scale) > 1 else first
        return replace(
            wider, name=self.name, scale=self.scale * first.scale, offset=self.scale * first.offset + self.offset
        )


@dataclass(frozen=True, kw_only=True)
class Padding:
    """Zeros around (channels, rows, columns)."""

    pads: Pads


Draft = Operation | Weights | Scale | Padding


@dataclass(frozen=True)
class Step:
    """One operation on values."""

    what: str
    draft: Draft
    sources: tuple[int, ...]


class Drafts:
    """Operations in execution order on values, of which 0 is the network's input.

    Attributes
    ----------
    shapes : the shape of every value so far, without the batch.
    """

    def __init__(self, input_shape: Shape):
        self.shapes: list[Shape] = [input_shape]
        self.steps: list[Step] = []
        self._reshaped: dict[tuple[int, Shape], int] = {}

    def add(self, what: str, draft: Draft, *sources: int) -> int:
        """Apply an operation, called `what` in errors, and return its result."""
        shapes = [self.shapes[source] for source in sources]
        match draft:
            case Weights():
                check_shape(draft.name, draft.weight.shape, draft.convolution)
                own = draft.name, draft.weight.shape, draft.convolution
                shape = layer_shape(shapes[0], *own) if draft.lstm is None else lstm_shape(shapes[0], draft.lstm, *own)
            case Scale():
                shape = shapes[0]
            case Padding():
                top, left, bottom, right = draft.pads
                channels, rows, columns = shapes[0]
                shape = (channels, rows + top + bottom, columns + left + right)
            case _:
                shape = operation_shape(what, draft, shapes)
        self.steps.append(Step(what, draft, sources))
        self.shapes.append(shape)
        return len(self.steps)

    def step(self, value: int) -> Step | None:
        """What makes a value; None for the input."""
        return self.steps[value - 1] if value else None

    def reshape(self, what: str, value: int, shape: Shape) -> int:
        """The same elements in another shape."""
        if self.shapes[value] == shape:
            return value
        made = self.step(value)
        if made is not None and isinstance(made.draft, Reshape | Flatten):
            return self.reshape(what, made.sources[0], shape)
        if (value, shape) not in self._reshaped:
            operation = Flatten() if len(shape) == 1 else Reshape(shape=shape)
            self._reshaped[value, shape] = self.add(what, operation, value)
        return self._reshaped[value, shape]

    def transpose(self, what: str, value: int, order: tuple[int, ...]) -> int:
        """Axes in another order; those of one element are left out of it."""
        shape = self.shapes[value]
        result = tuple(shape[axis] for axis in order)
        kept = [axis for axis in range(len(shape)) if shape[axis] > 1]
        moved = [kept.index(axis) for axis in order if axis in kept]
        if moved == sorted(moved):
            return self.reshape(what, value, result)
        narrow = self.reshape(what, value, tuple(shape[axis] for axis in kept))
        made = self.step(narrow)
        if made is not None and isinstance(made.draft, Transpose):
            both = tuple(made.draft.order[axis] for axis in moved)
            return self.reshape(what, self.transpose(what, made.sources[0], both), result)
        return self.reshape(what, self.add(what, Transpose(order=tuple(moved)), narrow), result)

    def join(self, what: str, values: Sequence[int], axis: int) -> int:
        """Values of as many axes joined along one of them."""
        shapes = [self.shapes[value] for value in values]
        before, after = shapes[0][:axis], shapes[0][axis + 1 :]
        result = (*before, sum(shape[axis] for shape in shapes), *after)
        if any((shape[:axis], shape[axis + 1 :]) != (before, after) for shape in shapes):
            raise EieError(f"{what}: values to be joined must differ along one axis only, got {shapes[:8]}")
        if prod(before) == 1:
            parts = [self.reshape(what, value, shape[axis:]) for value, shape in zip(values, shapes, strict=True)]
            return self.reshape(what, self.add(what, Concatenate(), *parts), result)
        parts = [
            self.transpose(what, self.reshape(what, value, (prod(before), shape[axis], prod(after))), (1, 0, 2))
            for value, shape in zip(values, shapes, strict=True)
        ]
        joined = self.add(what, Concatenate(), *parts)
        return self.reshape(what, self.transpose(what, joined, (1, 0, 2)), result)

    def joined_part(self, value: int, start: int, stop: int) -> int | None:
        """The value that these elements are, if the value was joined along its first axis of it and others."""
        made = self.step(value)
        while made is not None and isinstance(made.draft, Reshape | Flatten):
            made = self.step(made.sources[0])
        if made is None or not isinstance(made.draft, Concatenate):
            return None
        first = 0
        for source in made.sources:
            if (first, first + prod(self.shapes[source])) == (start, stop):
                return source
            first += prod(self.shapes[source])
        return None
