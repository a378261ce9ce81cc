"""ONNX operators on elements: arithmetic with constants and between values, and nonlinear functions."""

from collections.abc import Callable
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.onnx.layers import scaled
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.values import Lowering, Operator, Operators, Value
from sw.network.graph import Operation, Relu
from sw.network.operations import Clip, Elementwise, ElementwiseKind, Function, FunctionName, LeakyRelu, Softmax

ONE, ZERO = np.ones(1), np.zeros(1)


def apply(it: Lowering, node: OnnxNode, operation: Operation, value: Value) -> Value:
    """An operation on every element."""
    return value._replace(draft=it.drafts.add(node.what, operation, value.draft))


def both(it: Lowering, node: OnnxNode, kind: ElementwiseKind, first: Value, second: Value) -> Value:
    """Two values element by element, broadcast the ONNX way."""
    rank = max(len(first.own), len(second.own))
    values: list[Value] = []
    for value in (first, second):
        more = rank - len(value.own)
        batch = None if value.batch is None else value.batch + more
        values.append(Value(value.draft, (*(1 for _ in range(more)), *value.own), batch, value.inside))
    first, second = values
    if (first.batch, first.inside) != (second.batch, second.inside):
        raise EieError(f"{node.what}: inputs of a batch must stay apart, its values have the batch in different axes")
    operation = Elementwise(kind=kind)
    own = operation.result_shape(node.what, first.own, second.own)
    if it.drafts.shapes[first.draft] == it.drafts.shapes[second.draft] and first.own == second.own:
        index = it.drafts.add(node.what, operation, first.draft, second.draft)
    else:
        # Leading axes of one element are left out: the batch of one input is the usual one.
        lead = next((axis for axis in range(rank - 1) if own[axis] > 1), rank - 1)
        sources = [it.indexed(value, value.own[lead:]) for value in values]
        index = it.drafts.add(node.what, operation, *sources)
    return Value(index, own, first.batch, first.inside)


def _arithmetic(it: Lowering, node: OnnxNode) -> None:
    """Add, Sub, Mul, Div: a constant becomes a scale and an offset."""
    constants = [it.is_constant(node, place) for place in (0, 1)]
    if not any(constants):
        kinds: dict[str, ElementwiseKind] = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide"}
        it.values[node.output] = both(it, node, kinds[node.operator], it.value(node, 0, True), it.value(node, 1, True))
        return
    place = constants.index(True)
    number, value = it.numbers(node, place).astype(np.float64), it.value(node, 1 - place, merged=True)
    with np.errstate(all="ignore"):
        if node.operator == "Add":
            scale, offset = ONE, number
        elif node.operator == "Mul":
            scale, offset = number, ZERO
        elif node.operator == "Sub":
            scale, offset = (ONE, -number) if place else (-ONE, number)
        elif place:
            scale, offset = 1 / number, ZERO
        else:  # c / x is c times the exponential of minus its logarithm only where x is positive
            raise EieError(f"{node.what}: a constant must not be divided by a value")
    if not (np.isfinite(scale).all() and np.isfinite(offset).all()):
        raise EieError(f"{node.what}: its constant must be finite, and not divide by 0")
    it.values[node.output] = scaled(it, node, value, scale, offset)


def _function(name: FunctionName) -> Operator:
    def lower(it: Lowering, node: OnnxNode) -> None:
        it.values[node.output] = apply(it, node, Function(name=name), it.value(node, merged=True))

    return lower


def _relu(it: Lowering, node: OnnxNode) -> None:
    it.values[node.output] = apply(it, node, Relu(), it.value(node, merged=True))


def _number(it: Lowering, node: OnnxNode, place: int, name: str, default: float) -> float:
    """A number that is an attribute in old models and a constant in newer ones."""
    given = node.attribute(name)
    if node.input(place):
        array = it.constant(node, place)
        if array.size != 1 or given is not None:
            raise EieError(f"{node.what}: {name} must be one number, given once")
        return float(array.reshape(-1)[0])
    return default if given is None else float(given)


def _clip(it: Lowering, node: OnnxNode) -> None:
    low, high = (
        _number(it, node, place, name, default) for place, name, default in ((1, "min", -inf), (2, "max", inf))
    )
    it.values[node.output] = clipped(it, node, it.value(node), low, high)


def clipped(it: Lowering, node: OnnxNode, value: Value, low: float, high: float) -> Value:
    """Bounds that float32 cannot pass are none."""
    widest = float(np.finfo(np.float32).max)
    low, high = (-inf if low <= -widest else low), (inf if high >= widest else high)
    if (low, high) == (-inf, inf):
        return value
    operation = Relu() if (low, high) == (0, inf) else Clip(low=float(np.float32(low)), high=float(np.float32(high)))
    return apply(it, node, operation, value)


def _extreme(it: Lowering, node: OnnxNode) -> None:
    """Min or Max with one number."""
    place = int(it.is_constant(node, 1))
    number = it.numbers(node, place)
    if len(node.inputs) != 2 or number.size != 1:
        raise EieError(f"{node.what}: it must be of a value and one number")
    limit = float(number.reshape(-1)[0])
    low, high = (-inf, limit) if node.operator == "Min" else (limit, inf)
    it.values[node.output] = clipped(it, node, it.value(node, 1 - place), low, high)


def _leaky(it: Lowering, node: OnnxNode) -> None:
    it.values[node.output] = leaky(it, node, it.value(node), np.array([node.attribute("alpha", 0.01)], np.float64))


def leaky(it: Lowering, node: OnnxNode, value: Value, slope: NDArray[np.float64]) -> Value:
    """x where it is positive, else slope * x, one slope for all or for each channel."""
    if slope.size == 1 and abs(slope).max() <= 1:
        return apply(it, node, LeakyRelu(slope=float(np.float32(slope.reshape(-1)[0]))), value)
    positive = apply(it, node, Relu(), value)
    negative = scaled(it, node, both(it, node, "subtract", value, positive), slope, ZERO)
    return both(it, node, "add", positive, negative)


def _prelu(it: Lowering, node: OnnxNode) -> None:
    it.values[node.output] = leaky(it, node, it.value(node), it.numbers(node, 1).astype(np.float64))


def _hard_sigmoid(it: Lowering, node: OnnxNode) -> None:
    alpha, beta = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    it.values[node.output] = _hard(it, node, it.value(node), alpha, beta)


def _hard(it: Lowering, node: OnnxNode, value: Value, alpha: float, beta: float) -> Value:
    return clipped(
        it, node, scaled(it, node, value, np.array([alpha], np.float64), np.array([beta], np.float64)), 0.0, 1.0
    )


def _hard_swish(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    it.values[node.output] = both(it, node, "multiply", value, _hard(it, node, value, 1 / 6, 0.5))


def _swish(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    inner = scaled(it, node, value, np.array([node.attribute("alpha", 1.0)], np.float64), ZERO)
    it.values[node.output] = both(it, node, "multiply", value, apply(it, node, Function(name="sigmoid"), inner))


def _exponential(it: Lowering, node: OnnxNode) -> None:
    """Elu, Selu, Celu: gamma * (max(x, 0) + alpha * (exp(min(x, 0) / width) - 1))."""
    value = it.value(node)
    alpha = node.attribute("alpha", 1.67326319217681884765625 if node.operator == "Selu" else 1.0)
    gamma = node.attribute("gamma", 1.05070102214813232421875) if node.operator == "Selu" else 1.0
    width = alpha if node.operator == "Celu" else 1.0
    below = scaled(it, node, clipped(it, node, value, -inf, 0.0), np.array([1 / width], np.float64), ZERO)
    below = scaled(
        it,
        node,
        apply(it, node, Function(name="exp"), below),
        np.array([alpha], np.float64),
        np.array([-alpha], np.float64),
    )
    made = both(it, node, "add", apply(it, node, Relu(), value), below)
    it.values[node.output] = scaled(it, node, made, np.array([gamma], np.float64), ZERO)


def _gelu(it: Lowering, node: OnnxNode) -> None:
    value, way = it.value(node), node.attribute("approximate", b"none")
    if way == b"none":
        inner = apply(
            it, node, Function(name="erf"), scaled(it, node, value, np.array([1 / sqrt(2)], np.float64), ZERO)
        )
    else:
        cube = both(it, node, "multiply", both(it, node, "multiply", value, value), value)
        sum_ = both(it, node, "add", value, scaled(it, node, cube, np.array([0.044715], np.float64), ZERO))
        inner = apply(
            it, node, Function(name="tanh"), scaled(it, node, sum_, np.array([sqrt(2 / np.pi)], np.float64), ZERO)
        )
    half = scaled(it, node, inner, np.array([0.5], np.float64), np.array([0.5], np.float64))
    it.values[node.output] = both(it, node, "multiply", value, half)


def _mish(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    inner = apply(it, node, Function(name="tanh"), apply(it, node, Function(name="softplus"), value))
    it.values[node.output] = both(it, node, "multiply", value, inner)


def _softsign(it: Lowering, node: OnnxNode) -> None:
    value = it.value(node)
    below = scaled(it, node, apply(it, node, Function(name="absolute"), value), ONE, ONE)
    it.values[node.output] = both(it, node, "divide", value, below)


def _power(it: Lowering, node: OnnxNode) -> None:
    value, exponent = it.value(node), it.constant(node, 1).reshape(-1).tolist()
    if exponent == [0.5]:
        it.values[node.output] = apply(it, node, Function(name="sqrt"), value)
    elif exponent in ([2], [3]):
        made = both(it, node, "multiply", value, value)
        it.values[node.output] = made if exponent == [2] else both(it, node, "multiply", made, value)
    else:
        raise EieError(f"{node.what}: its exponent must be 0.5, 2 or 3, got {exponent[:4]}")


def _negative(it: Lowering, node: OnnxNode) -> None:
    it.values[node.output] = scaled(it, node, it.value(node), -ONE, ZERO)


def _softmax(it: Lowering, node: OnnxNode) -> None:
    value, log = it.value(node), node.operator == "LogSoftmax"
    axis = it.axis(node, value, node.attribute("axis", -1 if it.opset >= 13 else 1))
    if it.opset < 13 and axis < len(value.own) - 1:  # over all axes from this one on
        rows = int(np.prod(value.own[:axis]))
        index = it.indexed(value, (rows, int(np.prod(value.own[axis:]))))
        made = it.drafts.add(node.what, Softmax(axis=1, log=log), index)
    else:
        lead = next((each for each in range(axis) if value.own[each] > 1), axis)
        index = it.indexed(value, value.own[lead:])
        made = it.drafts.add(node.what, Softmax(axis=axis - lead, log=log), index)
    it.same(node, made, value)


def _through(*attributes: str) -> Operator:
    """What leaves its first input as it is."""

    def lower(it: Lowering, node: OnnxNode) -> None:
        for name in attributes:
            node.attribute(name)
        it.values[node.output] = it.value(node)

    return lower


def _cast(it: Lowering, node: OnnxNode) -> None:
    node.attribute("saturate")
    node.attribute("round_mode")
    if node.attribute("to", 1) not in (1, 10, 11, 16):  # float32, float16, float64, bfloat16
        raise EieError(f"{node.what}: a value must stay a floating-point number")
    it.values[node.output] = it.value(node)


def _dropout(it: Lowering, node: OnnxNode) -> None:
    node.attribute("seed")
    node.attribute("ratio")
    if node.input(2) and it.constant(node, 2).any():
        raise EieError(f"{node.what}: training_mode must be false, it is true")
    it.values[node.output] = it.value(node)


_FUNCTIONS: dict[str, FunctionName] = {
    "Abs": "absolute",
    "Erf": "erf",
    "Exp": "exp",
    "Log": "log",
    "Round": "round",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Sqrt": "sqrt",
    "Tanh": "tanh",
}
_OWN: dict[str, Callable[[Lowering, OnnxNode], None]] = {
    "Cast": _cast,
    "CastLike": _through(),
    "Celu": _exponential,
    "Clip": _clip,
    "Dropout": _dropout,
    "Elu": _exponential,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Identity": _through(),
    "LeakyRelu": _leaky,
    "LogSoftmax": _softmax,
    "Max": _extreme,
    "Min": _extreme,
    "Mish": _mish,
    "Neg": _negative,
    "PRelu": _prelu,
    "Pow": _power,
    "Relu": _relu,
    "Selu": _exponential,
    "Softmax": _softmax,
    "Softsign": _softsign,
    "Swish": _swish,
}
OPERATORS: Operators = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _arithmetic),
    **{name: _function(function) for name, function in _FUNCTIONS.items()},
    **_OWN,
}
