"""Inputs, labels and outputs as .npy files, read without trusting them."""

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import check_source, reason, write_whole
from sw.network.accuracy import way_to_labels

HEADERS: dict[tuple[int, int], Callable[[BinaryIO], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
LONGEST_HEADER = 1 << 16


class _Array(NamedTuple):
    """What a .npy file says it holds; `offset` is where its values begin."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]
    offset: int


def read_inputs(path: Path, *shape: int) -> NDArray[np.float32]:
    """The inputs in a .npy file, each of `shape` or flattened, one or several: float32 (inputs, features).

    Nothing is loaded until the header is known to be right, so that one that declares more than the file holds costs
    nothing. Raises EieError for anything else, pickles, NaN and infinity included.
    """
    array = _read_header(path, "biuf", "real numbers")
    features = math.prod(shape)
    one = [shape, (features,)]
    if not (array.shape in one or (array.shape[1:] in one and array.shape[0] >= 1)):
        wanted = " or ".join(f"(inputs, {', '.join(map(str, each))})" for each in dict.fromkeys(one))
        raise EieError(f"{path} has shape {array.shape}; wanted {wanted} with at least one input")
    rows = _map(path, array).reshape(-1, features)
    with np.errstate(over="ignore"):
        inputs = np.array(rows, dtype=np.float32, order="C")
    finite = np.isfinite(inputs)
    if not finite.all():
        row, column = (int(index) for index in np.argwhere(~finite)[0])
        raise EieError(
            f"{path}: input {row} has {rows[row, column]} at position {column}; wanted finite float32 numbers"
        )
    return inputs


def read_labels(path: Path, inputs: int) -> NDArray[np.int64]:
    """One class for each of so many inputs, from a .npy file: (inputs,) int64; EieError for anything else."""
    array = _read_header(path, "iu", "whole numbers")
    if array.shape != (inputs,):
        way = way_to_labels(array.shape)
        raise EieError(f"{path} has shape {array.shape}; wanted one label for each of {inputs} inputs{way}")
    return _map(path, array).astype(np.int64)


def _read_header(path: Path, kinds: str, wanted: str) -> _Array:
    """The header of a .npy file whose dtype is of one of these kinds."""
    check_source(path)
    try:
        with path.open("rb") as file:
            head = io.BytesIO(file.read(LONGEST_HEADER))  # of which numpy cannot read more than there is
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, is_fortran, dtype = HEADERS[np.lib.format.read_magic(head)](head)
            offset = head.tell()
    except OSError as error:
        raise EieError(f"cannot read {path}: {reason(error)}") from error
    except Exception as error:  # numpy's header parser raises whatever Python's own parser does
        raise EieError(f"{path} is not a .npy file: {reason(error)}") from error
    if dtype.kind not in kinds:
        raise EieError(f"{path} holds {'Python objects' if dtype.hasobject else f'{dtype} values'}; wanted {wanted}")
    if any(type(size) is bool for size in shape):  # numpy's parser takes them for numbers, its arrays do not
        raise EieError(f"{path} has shape {shape}; wanted whole numbers")
    return _Array(shape, is_fortran, dtype, offset)


def _map(path: Path, array: _Array) -> NDArray[Any]:
    """The values of an array whose shape is known to be sensible."""
    found, wanted = path.stat().st_size, array.offset + math.prod(array.shape) * array.dtype.itemsize
    if found != wanted:
        raise EieError(f"{path} has {found} bytes; its header wants {wanted}, no more and no less")
    return np.memmap(path, array.dtype, "r", array.offset, array.shape, "F" if array.is_fortran else "C")


def write_array(path: Path, values: NDArray[np.float32]) -> None:
    """Write one array as .npy, whole or not at all."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    write_whole(path, buffer.getvalue())
