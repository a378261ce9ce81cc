"""The bytes of a TensorFlow Lite model as plain tensors and operators; the package tflite knows the file's tables."""

import struct
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.extras import pip_install
from sw.files import reason
from sw.network.graph import MAX_NODES

IDENTIFIER = b"TFL3"
MAX_TENSORS = 1 << 14
MAX_AXES = 8
SHARED = 3  # how often the file's bytes may be shown by tensors, on average
DTYPES = {
    "FLOAT32": "<f4",
    "FLOAT16": "<f2",
    "FLOAT64": "<f8",
    "INT8": "i1",
    "UINT8": "u1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "BOOL": "?",
}
WINDOW = ("Padding", "StrideW", "StrideH", "FusedActivationFunction")
DILATION = ("DilationWFactor", "DilationHFactor")
# The table of options of every operator that is known, and its fields.
OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ADD": ("AddOptions", ("FusedActivationFunction",)),
    "AVERAGE_POOL_2D": ("Pool2DOptions", (*WINDOW, "FilterWidth", "FilterHeight")),
    "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
    "CONV_2D": ("Conv2DOptions", (*WINDOW, *DILATION)),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", (*WINDOW, *DILATION, "DepthMultiplier")),
    "DEQUANTIZE": ("DequantizeOptions", ()),
    "DIV": ("DivOptions", ("FusedActivationFunction",)),
    "EXPAND_DIMS": ("ExpandDimsOptions", ()),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction", "WeightsFormat", "KeepNumDims")),
    "HARD_SWISH": ("HardSwishOptions", ()),
    "LEAKY_RELU": ("LeakyReluOptions", ("Alpha",)),
    "LOGISTIC": ("", ()),
    "LOG_SOFTMAX": ("LogSoftmaxOptions", ()),
    "MAX_POOL_2D": ("Pool2DOptions", (*WINDOW, "FilterWidth", "FilterHeight")),
    "MEAN": ("ReducerOptions", ("KeepDims",)),
    "MUL": ("MulOptions", ("FusedActivationFunction",)),
    "PAD": ("PadOptions", ()),
    "QUANTIZE": ("QuantizeOptions", ()),
    "RELU": ("", ()),
    "RELU6": ("", ()),
    "RELU_N1_TO_1": ("", ()),
    "RESHAPE": ("ReshapeOptions", ()),
    "SOFTMAX": ("SoftmaxOptions", ("Beta",)),
    "SQUEEZE": ("SqueezeOptions", ()),
    "SUB": ("SubOptions", ("FusedActivationFunction",)),
    "TANH": ("", ()),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class TfliteTensor:
    """A tensor as the file has it.

    Parameters
    ----------
    shape : the batch first, which is 1 where it may vary.
    numbers : of `shape`, None if they are computed.
    scales, zeros : real numbers are (number - zero) * scale; one of each, or one for every index of `axis`. None where
        numbers are real themselves.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    numbers: NDArray[Any] | None
    scales: NDArray[np.float64] | None
    zeros: NDArray[np.int64] | None
    axis: int

    def per_axis(self, values: NDArray[Any]) -> NDArray[Any]:
        """One value, or as many as `axis` has indices, in a shape that goes with the tensor's."""
        if values.size == 1:
            return values.reshape(())
        return values.reshape([values.size if axis == self.axis else 1 for axis in range(len(self.shape))])

    def real(self) -> NDArray[np.float32]:
        """The constant's real numbers."""
        assert self.numbers is not None
        if self.scales is None or self.zeros is None:
            with np.errstate(over="ignore"):
                return self.numbers.astype(np.float32)
        shifted = self.numbers.astype(np.int32) - self.per_axis(self.zeros).astype(np.int32)
        return (shifted * self.per_axis(self.scales).astype(np.float32)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class TfliteOperator:
    """An operator; inputs of -1 are absent. `options` are its table's fields by their names in the schema."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TfliteModel:
    """The one subgraph of a file."""

    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def parse_tflite(data: bytes) -> TfliteModel:
    """The model in a file's bytes; EieError, by name, for what is not understood. Memory is bounded by their number."""
    try:
        tflite: Any = import_module("tflite")
    except ImportError as error:
        raise EieError(f"reading TensorFlow Lite needs the package tflite: {pip_install('tflite')}") from error
    if data[4:8] != IDENTIFIER:
        raise EieError(f"a TensorFlow Lite file must have {IDENTIFIER.decode()} as its bytes 4 to 7, it does not")
    try:
        return _Parser(tflite, data).model()
    except EieError:
        raise
    except (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError) as error:
        # What the tables' reader raises where an offset leads nowhere.
        raise EieError(f"this is not a whole TensorFlow Lite file: {reason(error)}") from error


class _Parser:
    def __init__(self, tflite: Any, data: bytes):
        self._tflite = tflite
        self._model = tflite.Model.GetRootAs(data, 0)
        self._room = SHARED * len(data)
        if self._model.SubgraphsLength() != 1:
            raise EieError(f"a TensorFlow Lite model must have one subgraph, got {self._model.SubgraphsLength()}")
        self._graph = self._model.Subgraphs(0)
        self._types = _by_number(tflite.TensorType)
        self._kinds = _by_number(tflite.BuiltinOperator)

    def model(self) -> TfliteModel:
        tensors, operators = self._graph.TensorsLength(), self._graph.OperatorsLength()
        if tensors > MAX_TENSORS or operators > MAX_NODES:
            raise EieError(
                f"a model must have at most {MAX_TENSORS} tensors and {MAX_NODES} operators, got {tensors}, {operators}"
            )
        return TfliteModel(
            tensors=tuple(self._tensor(self._graph.Tensors(number)) for number in range(tensors)),
            operators=tuple(self._operator(self._graph.Operators(number), tensors) for number in range(operators)),
            inputs=self._numbers("the model's inputs", self._graph, "Inputs", tensors),
            outputs=self._numbers("the model's outputs", self._graph, "Outputs", tensors),
        )

    def _tensor(self, table: Any) -> TfliteTensor:
        name = (table.Name() or b"").decode(errors="replace")
        kind = self._types.get(table.Type(), str(table.Type()))
        if kind not in DTYPES:
            raise EieError(f"tensor {name[:80]}: its type must be one of {', '.join(DTYPES)}, got {kind}")
        if table.ShapeLength() > MAX_AXES:
            raise EieError(f"tensor {name[:80]}: it must have at most {MAX_AXES} axes, got {table.ShapeLength()}")
        if table.IsVariable() or table.Sparsity() is not None:
            raise EieError(f"tensor {name[:80]}: variables and sparse tensors are not supported")
        shape = tuple(int(table.Shape(axis)) for axis in range(table.ShapeLength()))
        if min(shape, default=1) < 1:
            raise EieError(f"tensor {name[:80]}: its sizes must be at least 1, got {shape}")
        dtype = np.dtype(DTYPES[kind])
        scales, zeros, axis = self._quantisation(name, shape, table.Quantization())
        numbers = self._constant(name, shape, dtype, table.Buffer())
        return TfliteTensor(
            name=name, shape=shape, dtype=dtype, numbers=numbers, scales=scales, zeros=zeros, axis=axis
        )  # fmt: skip

    def _quantisation(
        self, name: str, shape: tuple[int, ...], table: Any
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.int64] | None, int]:
        if table is None or table.ScaleLength() == 0:
            return None, None, 0
        axis: int = table.QuantizedDimension()
        count: int = table.ScaleLength()
        fits = count == 1 or (0 <= axis < len(shape) and shape[axis] == count)
        if table.DetailsType() or not fits or table.ZeroPointLength() not in (0, 1, count):
            raise EieError(
                f"tensor {name[:80]}: it must have one scale and zero point, or one for each index of an axis"
            )
        scales = table.ScaleAsNumpy().astype(np.float64)
        if not (np.isfinite(scales).all() and (scales > 0).all()):
            raise EieError(f"tensor {name[:80]}: its scales must be above 0 and finite, one is not")
        zeros = table.ZeroPointAsNumpy() if table.ZeroPointLength() else np.zeros(1, np.int64)
        if np.abs(zeros).max() > 1 << 15:
            raise EieError(f"tensor {name[:80]}: its zero points must fit into 16 bits, one does not")
        return scales, zeros.astype(np.int64), axis

    def _constant(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], number: int) -> NDArray[Any] | None:
        if not 0 <= number < self._model.BuffersLength():
            raise EieError(f"tensor {name[:80]}: its buffer must be one of the file's, got number {number}")
        buffer = self._model.Buffers(number)
        if buffer.Offset() > 1:
            raise EieError(f"tensor {name[:80]}: numbers outside the model's tables are not supported")
        size = buffer.DataLength()
        if size == 0:
            return None
        self._room -= size
        if size != prod(shape) * dtype.itemsize or self._room < 0:
            raise EieError(f"tensor {name[:80]}: its numbers must fill the shape {shape}, and each be shown once or so")
        return np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype).reshape(shape)

    def _operator(self, table: Any, tensors: int) -> TfliteOperator:
        code = self._model.OperatorCodes(table.OpcodeIndex())
        if not 0 <= table.OpcodeIndex() < self._model.OperatorCodesLength():
            raise EieError("an operator must be of a kind that the file lists, one is not")
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = self._kinds.get(number, str(number))
        if kind not in OPTIONS:
            custom = f" {(code.CustomCode() or b'').decode(errors='replace')[:80]}" if kind == "CUSTOM" else ""
            raise EieError(f"operator {kind}{custom} is not supported; known are {', '.join(OPTIONS)}")
        name, fields = OPTIONS[kind]
        options: dict[str, Any] = {}
        if fields:
            found = table.BuiltinOptions()
            if found is None or table.BuiltinOptionsType() != getattr(self._tflite.BuiltinOptions, name):
                raise EieError(f"operator {kind}: it must have {name}, it does not")
            read = getattr(self._tflite, name)()
            read.Init(found.Bytes, found.Pos)
            options = {field: getattr(read, field)() for field in fields}
        return TfliteOperator(
            kind=kind,
            inputs=self._numbers(f"inputs of {kind}", table, "Inputs", tensors),
            outputs=self._numbers(f"outputs of {kind}", table, "Outputs", tensors),
            options=options,
        )

    def _numbers(self, what: str, table: Any, field: str, tensors: int) -> tuple[int, ...]:
        count = getattr(table, f"{field}Length")()
        if count > MAX_TENSORS:
            raise EieError(f"{what} must be at most {MAX_TENSORS}, got {count}")
        numbers = tuple(int(getattr(table, field)(place)) for place in range(count))
        if not all(-1 <= number < tensors for number in numbers):
            raise EieError(f"{what} must be tensors 0 to {tensors - 1}, or -1 for none, got {numbers[:8]}")
        return numbers


def _by_number(constants: Any) -> dict[int, str]:
    """The names of a class of numbers."""
    return {getattr(constants, name): name for name in dir(constants) if not name.startswith("_")}
