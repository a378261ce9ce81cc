"""The constants of an ONNX model as arrays, also those that are still in its file or lie in files beside it."""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import check_source, reason
from sw.formats.onnx.large_tensors import Place
from sw.formats.onnx.model import OnnxFile

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
TURNED = 1 << 18  # elements of a matrix that are turned at once


def check_text(*values: Any) -> None:
    """EieError for a text that is not UTF-8, which protobuf leaves as bytes."""
    for value in values:
        if not isinstance(value, str):
            raise EieError(f"the texts in an ONNX model must be UTF-8, got {str(value)[:80]}")


def read_constants(file: OnnxFile) -> dict[str, NDArray[Any]]:
    """The initializers of a model by name."""
    turned = set(_turned(file.model.graph))
    return {
        tensor.name: read_constant(file, tensor, file.places.get(number), tensor.name in turned)
        for number, tensor in enumerate(file.model.graph.initializer)
    }


def _turned(graph: Any) -> Iterator[str]:
    """Names of what is taken as a matrix (in, out), of which layers have the (out, in) one."""
    for node in graph.node:
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        if node.op_type in ("Gemm", "MatMul") and len(node.input) > 1 and not transposed:
            yield node.input[1]


def read_constant(file: OnnxFile, tensor: Any, place: Place | None = None, turned: bool = False) -> NDArray[Any]:
    """The array of a TensorProto: bool, int32, int64, float32 or float64 numbers; narrower floats become float32.

    `place` is where in the model's file its bytes are, if they are not in the message; a matrix that is `turned` has
    its columns one after another in memory. Data outside the model must be a file in the model's folder or below it.
    EieError for everything else.
    """
    check_text(tensor.name, *(text for entry in tensor.external_data for text in (entry.key, entry.value)))
    what = f"constant {tensor.name}"
    if tensor.data_type not in TYPES:
        names: Any = file.onnx.TensorProto.DataType
        kind = names.Name(tensor.data_type) if tensor.data_type in names.values() else tensor.data_type
        raise EieError(f"{what} must hold floating-point, whole or boolean numbers, got {kind}")
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise EieError(f"{what} must have sizes of at least 0, got {shape[:8]}")
    if tensor.HasField("data_location") and tensor.data_location == EXTERNAL:
        return _narrow(_read_external(what, tensor, shape, file.path.parent, turned))
    if place is not None:
        wanted = prod(shape) * _dtype(tensor).itemsize
        if place.size != wanted:
            raise EieError(f"{what} must take {wanted} bytes for its shape {shape[:8]}, it has {place.size}")
        return _narrow(_read(what, tensor, shape, file.path, place.start, turned))
    try:
        return _narrow(file.onnx.numpy_helper.to_array(tensor))
    except Exception as error:  # the library raises whatever numpy raises
        raise EieError(f"{what} must hold as many numbers as its shape {shape[:8]} says: {reason(error)}") from error


def _dtype(tensor: Any) -> np.dtype[Any]:
    kind = TYPES[tensor.data_type]
    return np.dtype("<u2" if kind == "bfloat16" else kind)


def _read_external(what: str, tensor: Any, shape: tuple[int, ...], folder: Path, turned: bool) -> NDArray[Any]:
    entries: dict[str, str] = {entry.key: entry.value for entry in tensor.external_data}
    size = prod(shape) * _dtype(tensor).itemsize
    offset, length = entries.get("offset", "0"), entries.get("length", str(size)) if size < 1 << 62 else "0"
    if not (offset.isdecimal() and len(offset) < 20) or length != str(size):
        raise EieError(f"{what} must take {size} bytes of its file, got {length[:40]} from {offset[:40]}")
    path = _inside(what, entries.get("location", ""), folder)
    if int(offset) + size > path.stat().st_size:
        raise EieError(f"{what} must end at byte {int(offset) + size} of {path}, which has {path.stat().st_size}")
    return _read(what, tensor, shape, path, int(offset), turned)


def _read(what: str, tensor: Any, shape: tuple[int, ...], path: Path, offset: int, turned: bool) -> NDArray[Any]:
    """Numbers of a file from a byte on."""
    dtype = _dtype(tensor)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            if turned and len(shape) == 2 and 0 not in shape:
                values = _read_turned(file, dtype, shape)
            else:
                values = np.fromfile(file, dtype, prod(shape)).reshape(shape)
    except (OSError, ValueError) as error:  # the file has become shorter
        raise EieError(f"{what} must be in {path} from byte {offset} on: {reason(error)}") from error
    if TYPES[tensor.data_type] == "bfloat16":  # the upper halves of float32 numbers
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def _read_turned(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A matrix, its columns one after another in memory, without having it there twice."""
    rows, columns = shape
    made = np.empty((columns, rows), dtype)
    step = max(TURNED // columns, 1)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        made[:, start : start + count] = np.fromfile(file, dtype, count * columns).reshape(count, columns).T
    return made.T


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
