"""The operators of a TensorFlow Lite model as a network: values there have their channels last, here first."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.assumptions import Integers
from sw.formats.connections import LayerUse
from sw.formats.graph_builder import GraphBuilder
from sw.formats.tflite_activations import NONE, PLAIN, RELU6, activation_operations
from sw.formats.tflite_file import TfliteModel, TfliteOperator, TfliteTensor
from sw.formats.tflite_layers import layer_name, same_padding, weight_layer
from sw.network.graph import NO_PADS, Concatenate, Convolution, Operation, Pads, Pool
from sw.network.network import Network
from sw.network.operations import Affine, Clip, Elementwise, LeakyRelu, Reshape, Softmax, Transpose

FIRST, LAST = Transpose(order=(2, 0, 1)), Transpose(order=(1, 2, 0))  # where the channels go
LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# Whose results are rounded to the integers of their tensor.
STORED = (*LAYERS, "ADD", "SUB", "MUL", "DIV", "QUANTIZE", "AVERAGE_POOL_2D", "MEAN", "CONCATENATION", "LEAKY_RELU")
KINDS: dict[str, Literal["add", "subtract", "multiply", "divide"]] = {
    "ADD": "add",
    "SUB": "subtract",
    "MUL": "multiply",
    "DIV": "divide",
}


@dataclass(frozen=True)
class _Value:
    """A computed tensor.

    Parameters
    ----------
    number : in the builder.
    is_map : whether it has rows and columns and there its channels first.
    pads : zeros that are still to be put around it.
    """

    number: int
    is_map: bool
    pads: Pads = NO_PADS


class TfliteGraph:
    """Walks the operators in their order."""

    def __init__(self, model: TfliteModel, integers: Integers = "saturated"):
        self._model = model
        self._integers: Integers = integers
        if len(model.inputs) != 1 or len(model.outputs) != 1 or min(*model.inputs, *model.outputs) < 0:
            raise EieError(
                f"a TensorFlow Lite model must have one input and one output, "
                f"got {len(model.inputs)} and {len(model.outputs)}"
            )
        shape = model.tensors[model.inputs[0]].shape
        if len(shape) not in (2, 3, 4) or shape[0] != 1:
            raise EieError(
                f"the input must have shape (1, features), (1, steps, features) or (1, rows, columns, channels), "
                f"got {shape}"
            )
        self._builder = GraphBuilder(shape[1:])
        self._values: dict[int, _Value] = {model.inputs[0]: _Value(0, is_map=False)}
        self._constants: dict[int, NDArray[np.float32]] = {}  # made by operators
        self._weights: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def network(self) -> Network:
        """The network; EieError for what no network here can have."""
        operators: dict[str, Callable[[TfliteOperator], _Value | None]] = {
            "AVERAGE_POOL_2D": self._pool,
            "CONCATENATION": self._concatenate,
            "CONV_2D": self._layer,
            "DEPTHWISE_CONV_2D": self._layer,
            "DEQUANTIZE": self._same,
            "EXPAND_DIMS": self._reshape,
            "FULLY_CONNECTED": self._layer,
            "HARD_SWISH": self._hard_swish,
            "LEAKY_RELU": lambda operator: self._apply(operator, LeakyRelu(slope=float(operator.options["Alpha"]))),
            "LOG_SOFTMAX": self._softmax,
            "MAX_POOL_2D": self._pool,
            "MEAN": self._mean,
            "PAD": self._pad,
            "QUANTIZE": self._same,
            "RELU6": lambda operator: self._activate(operator.kind, self._value(operator, 0), RELU6),
            "RESHAPE": self._reshape,
            "SOFTMAX": self._softmax,
            "SQUEEZE": self._reshape,
            **dict.fromkeys(KINDS, self._elementwise),
            **dict.fromkeys(PLAIN, lambda operator: self._apply(operator, PLAIN[operator.kind])),
        }
        for operator in self._model.operators:
            if len(operator.outputs) != 1 or operator.outputs[0] < 0:
                raise EieError(f"{operator.kind} must have one result, got {len(operator.outputs)}")
            (number,) = operator.outputs
            if number in self._values or number in self._constants or self._tensor(number).numbers is not None:
                raise EieError(f"{operator.kind}: its result {self._tensor(number).name[:80]} must be computed once")
            value = operators[operator.kind](operator)
            if value is not None:
                activation = operator.options.get("FusedActivationFunction", NONE)
                integers = self._tensor(number) if operator.kind in STORED else None
                self._values[number] = self._activate(operator.kind, value, activation, integers)
                self._check(operator, number)
        (output,) = self._model.outputs
        if output not in self._values:
            raise EieError("the output must be computed by an operator, it is not")
        result = self._plain("the output", self._values[output]).number
        if result != len(self._builder.shapes) - 1:
            raise EieError("the output must be the result of the last operator, it is not")
        names = {self._tensor(number).name: value.number for number, value in self._values.items()}
        return self._builder.connections(names).network(self._weights)

    def _tensor(self, number: int) -> TfliteTensor:
        return self._model.tensors[number]

    def _check(self, operator: TfliteOperator, number: int) -> None:
        """EieError unless a result has the shape that the file says."""
        value, said = self._values[number], self._tensor(number).shape
        shape = self._builder.shapes[value.number]
        if value.is_map:
            _, rows, columns = shape
            top, left, bottom, right = value.pads
            shape = (top + rows + bottom, left + columns + right, shape[0])
        if said != (1, *shape):
            raise EieError(f"{operator.kind}: its result must have shape {(1, *shape)}, the file has {said}")

    def _number(self, operator: TfliteOperator, place: int) -> int:
        number = operator.inputs[place] if place < len(operator.inputs) else -1
        if number < 0:
            raise EieError(f"{operator.kind}: input {place} must be there, it is not")
        return number

    def _value(self, operator: TfliteOperator, place: int) -> _Value:
        number = self._number(operator, place)
        if number not in self._values:
            raise EieError(f"{operator.kind}: input {place} must be computed, {self._tensor(number).name[:80]} is not")
        value = self._values[number]
        if value.pads != NO_PADS:
            raise EieError(f"{operator.kind}: zeros around its input are supported for convolutions only")
        return value

    def _constant(self, operator: TfliteOperator, place: int) -> TfliteTensor | None:
        number = operator.inputs[place] if place < len(operator.inputs) else -1
        return None if number < 0 or self._tensor(number).numbers is None else self._tensor(number)

    def _real(self, operator: TfliteOperator, place: int) -> NDArray[np.float32]:
        """A constant's real numbers."""
        number = self._number(operator, place)
        if number in self._constants:
            return self._constants[number]
        tensor = self._constant(operator, place)
        if tensor is None:
            raise EieError(f"{operator.kind}: input {place} must be a constant, it is not")
        return tensor.real()

    def _map(self, what: str, value: _Value) -> _Value:
        """The value with its channels first."""
        if value.is_map or len(self._builder.shapes[value.number]) != 3:
            return value
        return _Value(self._builder.operation(what, FIRST, value.number), is_map=True)

    def _plain(self, what: str, value: _Value) -> _Value:
        """The value in the file's order of elements."""
        if not value.is_map:
            return value
        _, rows, columns = self._builder.shapes[value.number]
        if rows == columns == 1:
            shape = (1, 1, self._builder.shapes[value.number][0])
            return _Value(self._builder.operation(what, Reshape(shape=shape), value.number), is_map=False)
        return _Value(self._builder.operation(what, LAST, value.number), is_map=False)

    def _features(self, what: str, value: _Value) -> _Value:
        shape = self._builder.shapes[value.number]
        source = value if value.is_map and shape[1:] == (1, 1) else self._plain(what, value)
        return _Value(self._builder.flatten(what, source.number), is_map=False)

    def _apply(self, operator: TfliteOperator, *operations: Operation) -> _Value:
        value = self._value(operator, 0)
        for operation in operations:
            value = _Value(self._builder.operation(operator.kind, operation, value.number), value.is_map)
        return value

    def _activate(self, what: str, value: _Value, activation: int, integers: TfliteTensor | None = None) -> _Value:
        """The value behind its activation function, and in the range of the integers that it is stored in."""
        number = value.number
        for operation in activation_operations(what, activation, integers, self._integers):
            number = self._builder.operation(what, operation, number)
        return _Value(number, value.is_map, value.pads)

    def _same(self, operator: TfliteOperator) -> _Value | None:
        """The same real numbers in another form."""
        if self._constant(operator, 0) is not None:
            self._constants[operator.outputs[0]] = self._real(operator, 0)
            return None
        return self._value(operator, 0)

    def _layer(self, operator: TfliteOperator) -> _Value:
        """A convolution, a depthwise one or a fully connected layer."""
        number = self._number(operator, 0)
        is_convolution = operator.kind != "FULLY_CONNECTED"
        source = self._values[number] if number in self._values and is_convolution else self._value(operator, 0)
        pads = source.pads
        source = self._map(operator.kind, source) if is_convolution else self._features(operator.kind, source)
        bias = operator.inputs[2] if len(operator.inputs) > 2 else -1
        tensor = self._tensor(self._number(operator, 1))
        layer = weight_layer(
            operator,
            self._builder.shapes[source.number],
            self._real(operator, 1),
            tensor,
            None if bias < 0 else (self._real_bias(operator, number, tensor)),
            pads,
        )
        name = layer_name(tensor.name, self._weights)
        use = LayerUse(name=name, convolution=layer.convolution, shape=layer.weight.shape)
        result = self._builder.layer(source.number, use, layer.weight.shape)
        self._weights[name] = layer.weight, layer.bias
        return _Value(result, is_map=is_convolution)

    def _real_bias(self, operator: TfliteOperator, source: int, weight: TfliteTensor) -> NDArray[np.float32]:
        """Integer biases are in steps of the input's scale times the weights', whatever their own scale says."""
        bias = self._constant(operator, 2)
        if bias is None or bias.numbers is None or bias.dtype.kind == "f":
            return self._real(operator, 2)
        scales = self._tensor(source).scales
        if scales is None or weight.scales is None:
            raise EieError(f"{operator.kind}: integer biases must go with integer inputs and weights, they do not")
        return (bias.numbers.astype(np.float64) * (scales[0] * weight.scales)).astype(np.float32)

    def _pool(self, operator: TfliteOperator) -> _Value:
        source = self._map(operator.kind, self._value(operator, 0))
        shape, options = self._builder.shapes[source.number], operator.options
        kernel, stride = (options["FilterHeight"], options["FilterWidth"]), (options["StrideH"], options["StrideW"])
        if len(shape) != 3 or min(*kernel, *stride) < 1:
            raise EieError(f"{operator.kind}: it must take rows, columns and channels in windows, got {shape[:8]}")
        pool = Pool(
            kind="max" if operator.kind == "MAX_POOL_2D" else "average",
            kernel=kernel,
            stride=stride,
            padding=same_padding(operator, shape, kernel, stride),
            count_padding=operator.kind == "MAX_POOL_2D",
        )
        return _Value(self._builder.operation(operator.kind, pool, source.number), is_map=True)

    def _mean(self, operator: TfliteOperator) -> _Value:
        """Of all rows and columns."""
        source = self._map(operator.kind, self._value(operator, 0))
        axes = self._real(operator, 1).reshape(-1)
        shape = self._builder.shapes[source.number]
        if len(shape) != 3 or sorted(int(axis) % 4 for axis in axes) != [1, 2]:
            raise EieError(f"{operator.kind}: it must be the mean of rows and columns (axes 1 and 2), got {axes[:8]}")
        pool = Pool(kind="average", kernel=(shape[1], shape[2]), stride=(1, 1))
        value = _Value(self._builder.operation(operator.kind, pool, source.number), is_map=True)
        return value if operator.options["KeepDims"] else self._features(operator.kind, value)

    def _pad(self, operator: TfliteOperator) -> _Value:
        source = self._map(operator.kind, self._value(operator, 0))
        pads = self._real(operator, 1)
        if not source.is_map or pads.shape != (4, 2) or pads[[0, 3]].any() or pads.min() < 0 or pads.max() > 1 << 12:
            raise EieError(f"{operator.kind}: zeros must be put around rows and columns of a map only")
        top, bottom, left, right = (int(pad) for pad in pads[1:3].reshape(-1))
        return _Value(source.number, is_map=True, pads=(top, left, bottom, right))

    def _reshape(self, operator: TfliteOperator) -> _Value:
        source, wanted = self._value(operator, 0), self._tensor(operator.outputs[0]).shape
        shape = self._builder.shapes[source.number]
        if wanted[:1] != (1,) or len(wanted) not in (2, 3, 4) or prod(wanted) != prod(shape):
            raise EieError(f"{operator.kind}: {(1, *shape)} must become a shape of as many elements, got {wanted}")
        if len(wanted) == 2:
            return self._features(operator.kind, source)
        plain = self._plain(operator.kind, source)
        if self._builder.shapes[plain.number] == wanted[1:]:
            return plain
        reshape = Reshape(shape=wanted[1:])
        return _Value(self._builder.operation(operator.kind, reshape, plain.number), is_map=False)

    def _softmax(self, operator: TfliteOperator) -> _Value:
        """Along the last axis."""
        source = self._plain(operator.kind, self._value(operator, 0))
        beta = float(operator.options.get("Beta", 1.0))
        scaled = source.number
        if beta != 1:
            scaled = self._builder.operation(operator.kind, Affine(scale=beta), scaled)
        axis = len(self._builder.shapes[scaled]) - 1
        softmax = Softmax(axis=axis, log=operator.kind == "LOG_SOFTMAX")
        return _Value(self._builder.operation(operator.kind, softmax, scaled), is_map=False)

    def _concatenate(self, operator: TfliteOperator) -> _Value:
        """Along the last axis, which is the channels' or the features'."""
        sources = [self._map(operator.kind, self._value(operator, place)) for place in range(len(operator.inputs))]
        axes = {len(self._builder.shapes[source.number]) for source in sources}
        if len(axes) != 1 or axes == {2} or operator.options["Axis"] not in (-1, max(axes)):
            raise EieError(
                f"{operator.kind}: it must join values along their channels, got axis {operator.options['Axis']}"
            )
        joined = self._builder.operation(operator.kind, Concatenate(), *(source.number for source in sources))
        return _Value(joined, is_map=sources[0].is_map)

    def _elementwise(self, operator: TfliteOperator) -> _Value:
        if len(operator.inputs) != 2:
            raise EieError(f"{operator.kind}: it must take two values, got {len(operator.inputs)}")
        constant = [place for place in (0, 1) if self._number(operator, place) not in self._values]
        if constant:
            return self._with_constant(operator, constant[0])
        first, second = (self._map(operator.kind, self._value(operator, place)) for place in (0, 1))
        operation = Elementwise(kind=KINDS[operator.kind])
        return _Value(self._builder.operation(operator.kind, operation, first.number, second.number), first.is_map)

    def _with_constant(self, operator: TfliteOperator, place: int) -> _Value:
        """Arithmetic with one number, or with one for each channel: a depthwise convolution by 1."""
        number = self._real(operator, place).astype(np.float64)
        source = self._map(operator.kind, self._value(operator, 1 - place))
        if place == 0 and operator.kind in ("SUB", "DIV"):
            raise EieError(f"{operator.kind}: a constant must come second, it comes first")
        with np.errstate(divide="ignore"):
            scale = {"MUL": number, "DIV": 1 / number}.get(operator.kind, np.ones_like(number))
        offset = {"ADD": number, "SUB": -number}.get(operator.kind, np.zeros_like(number))
        if number.size == 1:
            affine = Affine(scale=float(scale.item()), offset=float(offset.item()))
            return _Value(self._builder.operation(operator.kind, affine, source.number), source.is_map)
        channels = self._builder.shapes[source.number][0]
        if not source.is_map or number.size != channels or number.shape[-1] != channels:
            raise EieError(f"{operator.kind}: a constant must be one number, or one for each channel of a map")
        name = layer_name(self._tensor(self._number(operator, place)).name, self._weights)
        weight = scale.astype(np.float32).reshape(channels, 1, 1, 1)
        use = LayerUse(name=name, convolution=Convolution(groups=channels), shape=weight.shape)
        result = self._builder.layer(source.number, use, weight.shape)
        self._weights[name] = weight, offset.astype(np.float32).reshape(channels)
        return _Value(result, is_map=True)

    def _hard_swish(self, operator: TfliteOperator) -> _Value:
        """x * min(max(x + 3, 0), 6) / 6."""
        source = self._value(operator, 0)
        gate = self._apply(operator, Affine(offset=3.0), Clip(low=0, high=6), Affine(scale=1 / 6))
        product = Elementwise(kind="multiply")
        return _Value(self._builder.operation(operator.kind, product, source.number, gate.number), source.is_map)
