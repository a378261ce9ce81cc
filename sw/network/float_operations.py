"""What the operations of `sw.network.operations` do to (n, ...) arrays.

Their elements are float32 or float64; those that only order elements take any.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sw.network.host_model import run_host_model
from sw.network.host_part import HostPart
from sw.network.operations import (
    Affine,
    Clip,
    Elements,
    Elementwise,
    Flip,
    Function,
    Layout,
    LeakyRelu,
    Normalise,
    Product,
    Reshape,
    Slice,
    Softmax,
    Stretch,
    Transpose,
)

Array = NDArray[Any]


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, np.zeros(1, x.dtype))


FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "erf": special.erf,
    "absolute": np.abs,
    "softplus": _softplus,
    "round": np.rint,  # half to even
}
ELEMENTWISE: Mapping[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
}


def apply_float(operation: Elements, *sources: Array) -> Array:
    """The result, of the dtype of its sources, float32 or float64; infinity or NaN where the function has no value."""
    x = sources[0]
    with np.errstate(all="ignore"):
        match operation:
            case Clip():
                return np.clip(x, x.dtype.type(operation.low), x.dtype.type(operation.high))
            case LeakyRelu():
                return np.where(x > 0, x, x * x.dtype.type(operation.slope))
            case Affine():
                return x * x.dtype.type(operation.scale) + x.dtype.type(operation.offset)
            case Function():
                return FUNCTIONS[operation.name](x)
            case Softmax():
                function = special.log_softmax if operation.log else special.softmax
                return function(x, axis=operation.axis + 1)
            case Normalise():
                axes = tuple(range(-operation.axes, 0))
                centred = x - x.mean(axis=axes, keepdims=True)
                variance = np.square(centred).mean(axis=axes, keepdims=True)
                return centred / np.sqrt(variance + x.dtype.type(operation.epsilon))
            case Elementwise():
                return ELEMENTWISE[operation.kind](x, sources[1])
            case Product():
                return x @ sources[1]
            case HostPart():
                return run_host_model(operation.model, sources).reshape(len(x), *operation.shape).astype(x.dtype)
            case _:
                return arrange(operation, x)


def arrange(operation: Layout, x: Array) -> Array:
    """The elements of (n, ...) in another order; a Stretch puts zeros between them."""
    match operation:
        case Reshape():
            return x.reshape(len(x), *operation.shape)
        case Transpose():
            return x.transpose(0, *(axis + 1 for axis in operation.order))
        case Slice():
            part = slice(operation.start, operation.stop, operation.step)
            return x[(slice(None),) * (operation.axis + 1) + (part,)]
        case Flip():
            return np.flip(x, operation.axis + 1)
        case Stretch():
            rows, columns = operation.stride
            shape = operation.result_shape("stretch", x.shape[1:])
            stretched = np.zeros((len(x), *shape), x.dtype)
            stretched[:, :, ::rows, ::columns] = x
            return stretched
