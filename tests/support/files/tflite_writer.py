"""Writes small TensorFlow Lite models, table by table, with the builders that the package tflite has."""

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

from sw.formats.tflite_file import DTYPES, OPTIONS

TYPES = {np.dtype(dtype): kind for kind, dtype in DTYPES.items()}


@dataclass
class Tensor:
    """A tensor; `data` of a constant, `scales` and `zeros` of integers, one for each index of `axis` or one."""

    shape: tuple[int, ...]
    data: np.ndarray | None = None
    dtype: Any = np.float32
    scales: tuple[float, ...] = ()
    zeros: tuple[int, ...] = ()
    axis: int = 0
    buffer: int | None = None  # another than its own


@dataclass
class Operator:
    """An operator on tensors by their numbers; `options` by their names in the schema."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


def constant(data: np.ndarray, **fields: Any) -> Tensor:
    return Tensor(data.shape, data, data.dtype, **fields)


def write_tflite(
    tensors: list[Tensor], operators: list[Operator], inputs: tuple[int, ...] = (0,), outputs: tuple[int, ...] = (-1,)
) -> bytes:
    """The bytes of a model; outputs count from behind where they are negative."""
    b = flatbuffers.Builder(1024)
    buffers = [_buffer(b, None)] + [_buffer(b, tensor.data) for tensor in tensors]
    made = [_tensor(b, number, tensor) for number, tensor in enumerate(tensors)]
    kinds = sorted({operator.kind for operator in operators})
    codes = [_code(b, kind) for kind in kinds]
    steps = [_operator(b, operator, kinds.index(operator.kind)) for operator in operators]
    ends = tuple(number % len(tensors) for number in outputs)
    parts = {
        "Tensors": _vector(b, made),
        "Inputs": b.CreateNumpyVector(np.array(inputs, np.int32)),
        "Outputs": b.CreateNumpyVector(np.array(ends, np.int32)),
        "Operators": _vector(b, steps),
    }
    graph = _table(b, "SubGraph", parts)
    parts = {"OperatorCodes": _vector(b, codes), "Subgraphs": _vector(b, [graph]), "Buffers": _vector(b, buffers)}
    b.Finish(_table(b, "Model", {"Version": 3, **parts}), b"TFL3")
    return bytes(b.Output())


def _table(b: Any, name: str, fields: dict[str, Any]) -> int:
    """A table of the schema with these fields."""
    getattr(tflite, f"{name}Start")(b)
    for field_name, value in fields.items():
        getattr(tflite, f"{name}Add{field_name}")(b, value)
    return getattr(tflite, f"{name}End")(b)


def _vector(b: Any, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _buffer(b: Any, data: np.ndarray | None) -> int:
    if data is None:
        return _table(b, "Buffer", {})
    b.StartVector(1, data.nbytes, 16)
    b.head -= data.nbytes
    b.Bytes[b.head : b.head + data.nbytes] = np.ascontiguousarray(data).tobytes()
    return _table(b, "Buffer", {"Data": b.EndVector()})


def _tensor(b: Any, number: int, tensor: Tensor) -> int:
    name = b.CreateString(f"tensor{number}")
    shape = b.CreateNumpyVector(np.array(tensor.shape, np.int32))
    parts: dict[str, Any] = {}
    if tensor.scales:
        scales = b.CreateNumpyVector(np.array(tensor.scales, np.float32))
        zeros = b.CreateNumpyVector(np.array(tensor.zeros or (0,) * len(tensor.scales), np.int64))
        fields = {"Scale": scales, "ZeroPoint": zeros, "QuantizedDimension": tensor.axis}
        parts = {"Quantization": _table(b, "QuantizationParameters", fields)}
    own = 0 if tensor.data is None else number + 1
    buffer = own if tensor.buffer is None else tensor.buffer
    kind = getattr(tflite.TensorType, TYPES[np.dtype(tensor.dtype)])
    return _table(b, "Tensor", {"Shape": shape, "Type": kind, "Buffer": buffer, "Name": name, **parts})


def _code(b: Any, kind: str) -> int:
    number = getattr(tflite.BuiltinOperator, kind)
    return _table(
        b, "OperatorCode", {"DeprecatedBuiltinCode": min(number, 127), "BuiltinCode": number, "Version": 1}
    )  # fmt: skip


def _operator(b: Any, operator: Operator, code: int) -> int:
    name = OPTIONS[operator.kind][0] if operator.kind in OPTIONS else ""
    parts: dict[str, Any] = {}
    if name:
        options = _table(b, name, operator.options)
        parts = {"BuiltinOptionsType": getattr(tflite.BuiltinOptions, name), "BuiltinOptions": options}
    inputs = b.CreateNumpyVector(np.array(operator.inputs, np.int32))
    outputs = b.CreateNumpyVector(np.array(operator.outputs, np.int32))
    return _table(b, "Operator", {"OpcodeIndex": code, "Inputs": inputs, "Outputs": outputs, **parts})
