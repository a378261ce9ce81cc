"""Operations without weights on whole values: arithmetic on elements, and the order of elements.

Each class says the shape of its result. `sources` is how many values it takes. The results of `RANGED` operations have
a range that does not follow from that of their sources, so a calibrated network holds it (`sw.network.calibrate`).
Shapes are those of one input, without the batch.
"""

from dataclasses import dataclass
from math import isfinite, prod
from typing import ClassVar, Literal

from model.errors import EieError
from sw.network.host_part import HostPart

MAX_AXES = 6  # of a value

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """min(max(x, low), high); without bounds -inf and inf. ReLU6 is Clip(low=0, high=6)."""

    low: float = -float("inf")
    high: float = float("inf")
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        if not self.low <= self.high:
            raise EieError(f"{what}: low must be at most high, got {self.low} and {self.high}")
        return first


@dataclass(frozen=True, kw_only=True)
class LeakyRelu:
    """x where it is positive, else slope * x."""

    slope: float
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        if not abs(self.slope) <= 1:
            raise EieError(f"{what}: slope must be between -1 and 1, got {self.slope}")
        return first


@dataclass(frozen=True, kw_only=True)
class Affine:
    """scale * x + offset."""

    scale: float = 1.0
    offset: float = 0.0
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        if not (isfinite(self.scale) and isfinite(self.offset)):
            raise EieError(f"{what}: scale and offset must be finite, got {self.scale} and {self.offset}")
        return first


FunctionName = Literal["sigmoid", "tanh", "exp", "log", "sqrt", "erf", "absolute", "softplus", "round"]


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of each element."""

    name: FunctionName
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        return first


@dataclass(frozen=True, kw_only=True)
class Softmax:
    """exp(x) over its sum along one axis, or the logarithm of this."""

    axis: int
    log: bool = False
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        _check_axis(what, self.axis, first)
        return first


@dataclass(frozen=True, kw_only=True)
class Normalise:
    """(x - mean) / sqrt(variance + epsilon) over the last `axes` axes: a layer normalisation without its weights."""

    axes: int
    epsilon: float
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        if not 1 <= self.axes <= len(first):
            raise EieError(f"{what}: axes must be 1 to {len(first)}, got {self.axes}")
        if not (isfinite(self.epsilon) and self.epsilon >= 0):
            raise EieError(f"{what}: epsilon must be at least 0, got {self.epsilon}")
        return first


ElementwiseKind = Literal["add", "subtract", "multiply", "divide"]


@dataclass(frozen=True, kw_only=True)
class Elementwise:
    """Two values of as many axes, each as long in both or 1 in one of them, which is repeated."""

    kind: ElementwiseKind
    sources: ClassVar[int] = 2

    def result_shape(self, what: str, first: Shape, *others: Shape) -> Shape:
        (second,) = others
        fit = len(first) == len(second) and all(a == b or 1 in (a, b) for a, b in zip(first, second, strict=True))
        if not fit:
            raise EieError(f"{what}: the two values must have equal sizes, or 1, got {first} and {second}")
        return tuple(max(a, b) for a, b in zip(first, second, strict=True))


@dataclass(frozen=True, kw_only=True)
class Product:
    """The matrix product of two values: (.., a, b) and (.., b, c) to (.., a, c)."""

    sources: ClassVar[int] = 2

    def result_shape(self, what: str, first: Shape, *others: Shape) -> Shape:
        (second,) = others
        if len(first) < 2 or len(first) != len(second) or first[:-2] != second[:-2] or first[-1] != second[-2]:
            raise EieError(f"{what}: a product must be of (.., a, b) and (.., b, c), got {first} and {second}")
        return (*first[:-1], second[-1])


@dataclass(frozen=True, kw_only=True)
class Reshape:
    """The same elements in the same order, in other axes."""

    shape: Shape
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        if not 1 <= len(self.shape) <= MAX_AXES or min(self.shape) < 1 or prod(self.shape) != prod(first):
            raise EieError(f"{what}: a shape must have the {prod(first)} elements of {first}, got {self.shape}")
        return self.shape


@dataclass(frozen=True, kw_only=True)
class Transpose:
    """Axes in another order: axis k of the result is axis `order[k]` of the source."""

    order: tuple[int, ...]
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        if sorted(self.order) != list(range(len(first))):
            raise EieError(f"{what}: order must be that of {len(first)} axes, got {self.order}")
        return tuple(first[axis] for axis in self.order)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Elements start, start + step, .. below stop along one axis."""

    axis: int
    start: int
    stop: int
    step: int = 1
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        _check_axis(what, self.axis, first)
        size = first[self.axis]
        if not 0 <= self.start < self.stop <= size or self.step < 1:
            raise EieError(
                f"{what}: a part of {size} elements must have start < stop <= {size} and a step of at least 1, "
                f"got {self.start}, {self.stop} and {self.step}"
            )
        count = -(-(self.stop - self.start) // self.step)
        return (*first[: self.axis], count, *first[self.axis + 1 :])


@dataclass(frozen=True, kw_only=True)
class Flip:
    """Elements along one axis from the last to the first."""

    axis: int
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        _check_axis(what, self.axis, first)
        return first


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """(channels, rows, columns) with stride - 1 zeros between neighbours: what a transposed convolution moves over."""

    stride: tuple[int, int]
    sources: ClassVar[int] = 1

    def result_shape(self, what: str, first: Shape, *_: Shape) -> Shape:
        if len(first) != 3:
            raise EieError(f"{what}: it must take (channels, rows, columns), it gets {first}")
        if not all(1 <= stride <= 255 for stride in self.stride):
            raise EieError(f"{what}: stride must be between 1 and 255, got {self.stride}")
        rows, columns = ((size - 1) * stride + 1 for size, stride in zip(first[1:], self.stride, strict=True))
        return first[0], rows, columns


Layout = Reshape | Transpose | Slice | Flip | Stretch
Ranged = Affine | Function | Softmax | Normalise | Elementwise | Product | HostPart
Elements = Layout | Ranged | Clip | LeakyRelu
LAYOUT = (Reshape, Transpose, Slice, Flip, Stretch)
RANGED = (Affine, Function, Softmax, Normalise, Elementwise, Product, HostPart)


def _check_axis(what: str, axis: int, shape: Shape) -> None:
    if not 0 <= axis < len(shape):
        raise EieError(f"{what}: axis must be 0 to {len(shape) - 1}, got {axis}")
