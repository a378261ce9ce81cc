"""One weight layer in float32: fully connected, or a convolution."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.network.graph import Convolution, Shape

MAX_WEIGHTS = 1 << 31  # of one layer
MAX_FEATURES = 1 << 20  # inputs or outputs of one layer


def has_biases(bias: NDArray[np.float32]) -> bool:
    """Whether they must be kept where a layer may be without: -0 is not what comes back of none."""
    return bool(bias.view(np.uint32).any())


@dataclass(frozen=True, eq=False)
class Layer:
    """y = weight @ x + bias, or the same at every position of a convolution; then ReLU if `relu`.

    Parameters
    ----------
    name : unique in its network.
    weight : (out, in), or (out, in / groups, rows, columns) of a convolution; float32, finite.
    bias : (out,) float32, finite.
    convolution : None for a fully connected layer.
    """

    name: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    relu: bool
    convolution: Convolution | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        check_shape(self.name, self.weight.shape, self.convolution)
        if self.bias.shape != self.weight.shape[:1]:
            raise EieError(f"{self.name}.bias must have shape {self.weight.shape[:1]}, got {self.bias.shape}")
        for part, values in (("weight", self.weight), ("bias", self.bias)):
            if values.dtype != np.float32:
                raise EieError(f"{self.name}.{part} must be float32, got {values.dtype}")
            # NaN and infinity show in either end; no array as large as the layer is made to find them.
            if not np.isfinite([values.min(), values.max()]).all():
                raise EieError(f"{self.name}.{part} must be finite, got NaN or infinity")


def check_name(name: str) -> None:
    """A layer's name: 1 to 255 printable bytes of UTF-8, no comma (it separates names in metadata), no space around."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise EieError(f"a layer name must be valid UTF-8, got {name!r}") from error
    if not 1 <= size <= 255 or "," in name or name != name.strip() or not name.isprintable():
        raise EieError(
            f"a layer name must have 1 to 255 bytes, printable, no comma and no space around it, got {name[:255]!r}"
        )


def check_shape(name: str, shape: Shape, convolution: Convolution | None) -> None:
    """The shape of a layer's weights, bounded before anything is allocated for it."""
    wanted = 2 if convolution is None else 4
    if len(shape) != wanted or 0 in shape:
        kind = "(out, in)" if convolution is None else "(out, in / groups, rows, columns)"
        raise EieError(f"{name}.weight must have shape {kind} and not be empty, got {shape}")
    outputs, inputs = matrix_shape(shape)
    if not (1 <= outputs <= MAX_FEATURES and 1 <= inputs <= MAX_FEATURES and outputs * inputs <= MAX_WEIGHTS):
        raise EieError(
            f"layer {name}: it must have 1 to {MAX_FEATURES} outputs and inputs and at most {MAX_WEIGHTS} weights, "
            f"got {outputs} x {inputs}"
        )
    if convolution is not None:
        convolution.check(name, shape)


def matrix_shape(shape: Shape) -> tuple[int, int]:
    """(outputs, weights of one output) of a weight tensor."""
    return shape[0], prod(shape[1:])
