"""Values of a Keras model while it is read: Keras has the channels last, a network here first.

A value whose channels are first already stays so until something needs the order that Keras has.
"""

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.drafts import Drafts, Padding, Scale
from sw.network.graph import Operation, Pads, Shape
from sw.network.layer import MAX_FEATURES
from sw.network.operations import Elementwise, ElementwiseKind

ONE, ZERO = np.ones(1), np.zeros(1)


class Value(NamedTuple):
    """A value of the drafts as Keras sees it.

    draft : the value of the drafts: of shape `own`, or of (channels, rows, columns) if it is turned.
    own : the shape that Keras has, without the batch: (.., channels) if it is turned.
    """

    draft: int
    own: Shape
    turned: bool = False


class Values:
    """What is done to values, in drafts."""

    def __init__(self, drafts: Drafts):
        self.drafts = drafts

    def plain(self, what: str, value: Value) -> int:
        """The value in Keras's order of elements."""
        if not value.turned:
            return self.drafts.reshape(what, value.draft, value.own)
        return self.drafts.reshape(what, self.drafts.transpose(what, value.draft, (1, 2, 0)), value.own)

    def image(self, what: str, value: Value, channels_first: bool = False) -> int:
        """(channels, rows, columns) of a value with two or three axes; of one with two the rows are one."""
        if len(value.own) not in (2, 3):
            raise EieError(f"{what}: it must take rows, columns and channels, it gets {value.own}")
        rows = (1,) if len(value.own) == 2 else ()
        if channels_first:
            return self.drafts.reshape(what, self.plain(what, value), (value.own[0], *rows, *value.own[1:]))
        if value.turned:
            return value.draft
        wide = self.drafts.reshape(what, value.draft, (*rows, *value.own))
        return self.drafts.transpose(what, wide, (2, 0, 1))

    def imaged(self, index: int, axes: int, channels_first: bool = False) -> Value:
        """A value with so many axes of (channels, rows, columns)."""
        channels, rows, columns = self.drafts.shapes[index]
        spatial = (columns,) if axes == 2 else (rows, columns)
        if channels_first:
            own = (channels, *spatial)
            return Value(self.drafts.reshape("channels", index, own), own)
        return Value(index, (*spatial, channels), turned=True)

    def apply(self, what: str, operation: Operation, value: Value) -> Value:
        """An operation on every element."""
        return value._replace(draft=self.drafts.add(what, operation, value.draft))

    def reshape(self, what: str, value: Value, shape: Shape) -> Value:
        if prod(shape) != prod(value.own):
            raise EieError(f"{what}: {value.own} must become a shape of as many elements, got {shape}")
        return Value(self.drafts.reshape(what, self.plain(what, value), shape), shape)

    def aligned(self, what: str, values: list[Value]) -> tuple[list[int], bool]:
        """Values of as many axes in one order of elements, and whether their channels are first."""
        axes = {len(value.own) for value in values}
        if len(axes) != 1:
            raise EieError(f"{what}: its values must have as many axes, got {[value.own for value in values][:8]}")
        if any(value.turned for value in values):
            return [self.image(what, value) for value in values], True
        return [self.plain(what, value) for value in values], False

    def both(self, what: str, kind: ElementwiseKind, first: Value, second: Value) -> Value:
        """Two values element by element."""
        (a, b), turned = self.aligned(what, [first, second])
        own = Elementwise(kind=kind).result_shape(what, first.own, second.own)
        return Value(self.drafts.add(what, Elementwise(kind=kind), a, b), own, turned)

    def scaled(
        self, what: str, name: str, value: Value, scale: NDArray[np.floating], offset: NDArray[np.floating] = ZERO
    ) -> Value:
        """scale * x + offset, both broadcast as Keras does to the value's shape, which they must not enlarge."""
        wide: list[NDArray[np.float64]] = []
        for array in (scale, offset):
            own = array.reshape((1,) * max(len(value.own) - array.ndim, 0) + array.shape)
            if own.ndim > len(value.own) or any(a not in (1, b) for a, b in zip(own.shape, value.own, strict=True)):
                raise EieError(f"{what}: numbers of shape {array.shape} must fit to a value of {value.own}")
            if value.turned:
                own = np.moveaxis(own, -1, 0)
                own = own[:, np.newaxis] if own.ndim == 2 else own
            wide.append(own.astype(np.float64))
        shape = self.drafts.shapes[value.draft] if value.turned else value.own
        used = [axis for axis in range(len(shape)) if any(array.shape[axis] > 1 for array in wide)]
        first, last = (used[0], used[-1] + 1) if used else (0, 0)
        middle = (*(1 for _ in shape[:first]), *shape[first:last], *(1 for _ in shape[last:]))
        if prod(middle) > MAX_FEATURES:
            raise EieError(f"{what}: its numbers must be at most {MAX_FEATURES}, got {prod(middle)}")
        numbers = [np.broadcast_to(array, middle).reshape(-1) for array in wide]
        if not all(np.isfinite(array).all() for array in numbers):
            raise EieError(f"{what}: its numbers must be finite")
        outer, inner = prod(shape[:first]), prod(shape[last:])
        own = Scale(name=name, scale=numbers[0], offset=numbers[1], outer=outer, inner=inner)
        return value._replace(draft=self.drafts.add(what, own, value.draft))

    def unpadded(self, index: int) -> tuple[int, Pads]:
        """The value before padding with zeros, if it is such, and that padding."""
        step = self.drafts.step(index)
        if step is None or not isinstance(step.draft, Padding):
            return index, (0, 0, 0, 0)
        return step.sources[0], step.draft.pads
