"""The constants of an ONNX model as arrays, also those that lie in files beside it."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import check_source, reason

# By the numbers of ONNX's TensorProto.DataType.
TYPES = {
    1: "<f4",
    2: "u1",
    3: "i1",
    4: "<u2",
    5: "<i2",
    6: "<i4",
    7: "<i8",
    9: "?",
    10: "<f2",
    11: "<f8",
    16: "bfloat16",
}
EXTERNAL = 1  # TensorProto.DataLocation


def check_text(*values: Any) -> None:
    """EieError for a text that is not UTF-8, which protobuf leaves as bytes."""
    for value in values:
        if not isinstance(value, str):
            raise EieError(f"the texts in an ONNX model must be UTF-8, got {str(value)[:80]}")


def read_constant(onnx: Any, tensor: Any, folder: Path) -> NDArray[Any]:
    """The array of a TensorProto: bool, int32, int64, float32 or float64 numbers; narrower floats become float32.

    Data outside the model must be a file in `folder`, the model's, or below it. EieError for everything else.
    """
    check_text(tensor.name, *(text for entry in tensor.external_data for text in (entry.key, entry.value)))
    what = f"constant {tensor.name}"
    if tensor.data_type not in TYPES:
        names: Any = onnx.TensorProto.DataType
        kind = names.Name(tensor.data_type) if tensor.data_type in names.values() else tensor.data_type
        raise EieError(f"{what} must hold floating-point, whole or boolean numbers, got {kind}")
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise EieError(f"{what} must have sizes of at least 0, got {shape[:8]}")
    if tensor.HasField("data_location") and tensor.data_location == EXTERNAL:
        return _narrow(_read_external(what, tensor, shape, folder))
    try:
        return _narrow(onnx.numpy_helper.to_array(tensor))
    except Exception as error:  # the library raises whatever numpy raises
        raise EieError(f"{what} must hold as many numbers as its shape {shape[:8]} says: {reason(error)}") from error


def _read_external(what: str, tensor: Any, shape: tuple[int, ...], folder: Path) -> NDArray[Any]:
    entries: dict[str, str] = {entry.key: entry.value for entry in tensor.external_data}
    kind = TYPES[tensor.data_type]
    dtype = np.dtype("<u2" if kind == "bfloat16" else kind)
    size = prod(shape) * dtype.itemsize
    offset, length = entries.get("offset", "0"), entries.get("length", str(size)) if size < 1 << 62 else "0"
    if not (offset.isdecimal() and len(offset) < 20) or length != str(size):
        raise EieError(f"{what} must take {size} bytes of its file, got {length[:40]} from {offset[:40]}")
    path = _inside(what, entries.get("location", ""), folder)
    if int(offset) + size > path.stat().st_size:
        raise EieError(f"{what} must end at byte {int(offset) + size} of {path}, which has {path.stat().st_size}")
    values: NDArray[Any] = np.fromfile(path, dtype, prod(shape), offset=int(offset)).reshape(shape)
    if kind == "bfloat16":  # the upper halves of float32 numbers
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def _inside(what: str, location: str, folder: Path) -> Path:
    """The file of that name; EieError unless it is in the folder, wherever links lead."""
    try:
        path = (folder / location).resolve()
        inside = path.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise EieError(f"{what} must lie in a file, got {location[:80]!r}") from error
    if not inside:
        raise EieError(f"{what} must lie in the folder of the model, got {location[:80]!r}")
    check_source(path)
    return path


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Floats narrower than float32 as float32, bfloat16 for one, which numpy has not."""
    return values if values.dtype.kind in "biu" or values.dtype.itemsize >= 4 else values.astype(np.float32)
