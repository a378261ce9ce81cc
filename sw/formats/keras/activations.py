"""Activation functions of Keras, by name and as layers."""

from collections.abc import Callable, Mapping
from math import inf, sqrt
from typing import Any, cast

import numpy as np

from model.errors import EieError
from sw.formats.keras.config import Config, listed, shown
from sw.formats.keras.values import Value, Values
from sw.network.graph import Relu
from sw.network.operations import Clip, Function, FunctionName, LeakyRelu, Softmax

# The hard sigmoid is (slope * x + 1/2) between 0 and 1, with another slope in each version of Keras.
HARD_SLOPE = {2: 0.2, 3: 1 / 6}
SELU = 1.05070098735548049342, 1.67326324235437728482

Lower = Callable[[Values, str, Value], Value]


def _function(name: FunctionName) -> Lower:
    return lambda it, what, value: it.apply(what, Function(name=name), value)


def affine(it: Values, what: str, value: Value, scale: float, offset: float = 0.0) -> Value:
    return it.scaled(what, what, value, np.array([scale]), np.array([offset]))


def relu(it: Values, what: str, value: Value, high: float = inf, slope: float = 0.0) -> Value:
    """min(max(x, 0), high), where what is negative is multiplied by `slope`."""
    made = it.apply(what, LeakyRelu(slope=slope) if slope else Relu(), value)
    return it.apply(what, Clip(high=float(np.float32(high))), made) if high < inf else made


def _exponential(it: Values, what: str, value: Value, alpha: float, gamma: float = 1.0, width: float = 1.0) -> Value:
    """gamma * (max(x, 0) + alpha * (exp(min(x, 0) / width) - 1))."""
    below = affine(it, what, it.apply(what, Clip(high=0.0), value), 1 / width)
    below = affine(it, what, it.apply(what, Function(name="exp"), below), alpha, -alpha)
    return affine(it, what, it.both(what, "add", it.apply(what, Relu(), value), below), gamma)


def _gelu(it: Values, what: str, value: Value) -> Value:
    inner = it.apply(what, Function(name="erf"), affine(it, what, value, 1 / sqrt(2)))
    return it.both(what, "multiply", value, affine(it, what, inner, 0.5, 0.5))


def _gated(gate: Lower) -> Lower:
    return lambda it, what, value: it.both(what, "multiply", value, gate(it, what, value))


def _hard(slope: float) -> Lower:
    return lambda it, what, value: it.apply(what, Clip(low=0, high=1), affine(it, what, value, slope, 0.5))


def _mish(it: Values, what: str, value: Value) -> Value:
    inner = it.apply(what, Function(name="tanh"), it.apply(what, Function(name="softplus"), value))
    return it.both(what, "multiply", value, inner)


def _softsign(it: Values, what: str, value: Value) -> Value:
    below = affine(it, what, it.apply(what, Function(name="absolute"), value), 1.0, 1.0)
    return it.both(what, "divide", value, below)


def softmax(it: Values, what: str, value: Value, axis: int = -1, log: bool = False) -> Value:
    """Along one axis, counted without the batch, or from behind."""
    rank = len(value.own)
    if not -rank <= axis < rank:
        raise EieError(f"{what}: axis must be one of {rank}, got {axis}")
    operation = Softmax(axis=axis % rank, log=log)
    return Value(it.drafts.add(what, operation, it.plain(what, value)), value.own)


def _named(version: int) -> Mapping[str, Lower]:
    sigmoid = _function("sigmoid")
    gamma, alpha = SELU
    return {
        "celu": lambda it, what, value: _exponential(it, what, value, 1.0),
        "elu": lambda it, what, value: _exponential(it, what, value, 1.0),
        "exponential": _function("exp"),
        "gelu": _gelu,
        "hard_sigmoid": _hard(HARD_SLOPE[version]),
        "hard_silu": _gated(_hard(1 / 6)),
        "hard_swish": _gated(_hard(1 / 6)),
        "hard_tanh": lambda it, what, value: it.apply(what, Clip(low=-1, high=1), value),
        "leaky_relu": lambda it, what, value: relu(it, what, value, slope=float(np.float32(0.2))),
        "linear": lambda it, what, value: value,
        "log_softmax": lambda it, what, value: softmax(it, what, value, log=True),
        "mish": _mish,
        "relu": relu,
        "relu6": lambda it, what, value: relu(it, what, value, 6.0),
        "selu": lambda it, what, value: _exponential(it, what, value, alpha, gamma),
        "sigmoid": sigmoid,
        "silu": _gated(sigmoid),
        "softmax": softmax,
        "softplus": _function("softplus"),
        "softsign": _softsign,
        "swish": _gated(sigmoid),
        "tanh": _function("tanh"),
    }


NAMED = {version: _named(version) for version in HARD_SLOPE}


def activate(it: Values, what: str, value: Value, activation: Any, version: int) -> Value:
    """The value behind an activation function as configurations have it; EieError for one that is not known."""
    if isinstance(activation, dict):
        fields = cast("dict[str, Any]", activation)
        inner: Any = fields.get("config")
        if fields.get("registered_name") not in (None, fields.get("class_name"), inner):
            raise EieError(f"{what}: its activation must be Keras's own, got {str(fields.get('registered_name'))[:80]}")
        if isinstance(inner, dict):
            return apply_layer(it, Config(fields), value, version)
        activation = inner if fields.get("class_name") == "function" else None
    name = "linear" if activation is None else activation
    if not isinstance(name, str) or name not in NAMED[version]:
        known = ", ".join(NAMED[version])
        raise EieError(f"{what}: its activation must be one of {known}, got {str(name)[:80]}")
    return NAMED[version][name](it, what, value)


def apply_layer(it: Values, config: Config, value: Value, version: int) -> Value:
    """A layer that is an activation function without weights."""
    if config.kind not in LAYERS:
        raise EieError(f"{config.what}: it must be an activation function")
    made = LAYERS[config.kind](it, config, value, version)
    config.finish()
    return made


def _relu_layer(it: Values, config: Config, value: Value, _: int) -> Value:
    config.only("threshold", 0.0, 0)
    high, slope = config.take("max_value"), config.take("negative_slope", 0.0)
    if high is not None and not (isinstance(high, int | float) and high >= 0):
        raise EieError(f"{config.what}: max_value must be a number of at least 0, got {str(high)[:80]}")
    return relu(it, config.what, value, inf if high is None else float(high), float(np.float32(slope)))


def _leaky_layer(it: Values, config: Config, value: Value, _: int) -> Value:
    slope = config.take("alpha")
    slope = config.take("negative_slope", 0.3) if slope is None else slope
    if not isinstance(slope, int | float):
        raise EieError(f"{config.what}: its slope must be a number, got {str(slope)[:80]}")
    return relu(it, config.what, value, slope=float(np.float32(slope)))


def _softmax_layer(it: Values, config: Config, value: Value, _: int) -> Value:
    given: Any = config.take("axis", -1 if "axis" not in config.fields["config"] else None)
    found = listed(given) or [given]
    axis: Any = found[0]
    if len(found) != 1 or type(axis) is not int or axis == 0:
        raise EieError(f"{config.what}: it must be along one axis, not the batch's, got {shown(given)}")
    return softmax(it, config.what, value, axis - (axis > 0))


Layer = Callable[[Values, Config, Value, int], Value]
LAYERS: Mapping[str, Layer] = {
    "Activation": lambda it, config, value, version: activate(
        it, config.what, value, config.take("activation"), version
    ),
    "ELU": lambda it, config, value, _: _exponential(it, config.what, value, config.take("alpha", 1.0)),
    "LeakyReLU": _leaky_layer,
    "ReLU": _relu_layer,
    "Softmax": _softmax_layer,
}
