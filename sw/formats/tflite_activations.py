"""Activation functions of TensorFlow Lite models, fused or operators of their own, and the integers behind them."""

import numpy as np

from model.errors import EieError
from sw.formats.assumptions import Integers
from sw.formats.tflite_file import TfliteTensor
from sw.network.graph import Operation, Relu
from sw.network.operations import Affine, Clip, Function

# Fused activation functions by their numbers.
NONE, RELU, RELU_N1_TO_1, RELU6, TANH = range(5)
# Operators that are one.
PLAIN: dict[str, Operation] = {
    "LOGISTIC": Function(name="sigmoid"),
    "TANH": Function(name="tanh"),
    "RELU": Relu(),
    "RELU_N1_TO_1": Clip(low=-1, high=1),
}
BOUNDS = {
    NONE: (-np.inf, np.inf),
    RELU: (0, np.inf),
    RELU_N1_TO_1: (-1, 1),
    RELU6: (0, 6),
    TANH: (-np.inf, np.inf),
}
AWAY = 2.0**-16  # of a mean's magnitude


def activation_operations(
    what: str, activation: int, stored: TfliteTensor | None, integers: Integers
) -> list[Operation]:
    """Operations from an operator's plain result to what the file's tensor holds.

    Parameters
    ----------
    what : the operator's kind.
    activation : number of its activation function; EieError if that is none of the five.
    stored : the tensor of its result, if results of this kind are rounded to integers.
    integers : how far the integers of tensors are followed.
    """
    if activation not in BOUNDS:
        raise EieError(f"{what}: its activation must be one of RELU, RELU_N1_TO_1, RELU6, TANH, got {activation}")
    operations: list[Operation] = [Function(name="tanh")] if activation == TANH else []
    low, high = BOUNDS[activation]
    scale, zero = 0.0, 0
    if stored is not None and stored.scales is not None and stored.zeros is not None:
        scale, zero = float(stored.scales[0]), int(stored.zeros[0])
        limits = np.iinfo(stored.dtype)
        # A least integer that stands for 0 is a ReLU, whatever else is left out.
        if integers != "real" or zero == limits.min:
            low = max(low, (limits.min - zero) * scale)
        if integers != "real":
            high = min(high, (limits.max - zero) * scale)
    if low == 0:
        operations += [Relu(), *([Clip(high=high)] if high < np.inf else [])]
    elif low > -np.inf or high < np.inf:
        operations += [Clip(low=low, high=high)]
    if scale and integers == "rounded":
        operations += _rounding(what, scale, zero)
    return operations


def _rounding(what: str, scale: float, zero: int) -> list[Operation]:
    """Real numbers to those that integers stand for: half to even, but a mean's half away from the integer 0.

    A mean of up to 256 integers is a half, or farther from one than the little that is added to its magnitude.
    """
    more = 1 + AWAY if what == "AVERAGE_POOL_2D" else 1.0
    moved = zero if what == "AVERAGE_POOL_2D" else 0
    to_integers = Affine(scale=more / scale, offset=more * moved)
    return [to_integers, Function(name="round"), Affine(scale=scale, offset=-moved * scale)]
