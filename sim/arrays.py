"""Input and output activations as .npy files, read without trusting them."""

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sw.errors import EieError
from sw.files import check_source, reason, write_whole

HEADERS: dict[tuple[int, int], Callable[[BinaryIO], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_inputs(path: Path, features: int) -> NDArray[np.float32]:
    """The inputs in a .npy file: (inputs, features) or (features,), as float32 (inputs, features).

    Nothing is loaded until the header is known to be right, so that one that declares more than the file holds costs
    nothing. Raises EieError for anything else, pickles, NaN and infinity included.
    """
    check_source(path)
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, is_fortran, dtype = HEADERS[np.lib.format.read_magic(file)](file)
            offset = file.tell()
    except OSError as error:
        raise EieError(f"cannot read {path}: {reason(error)}") from error
    except Exception as error:  # numpy's header parser raises whatever Python's own parser does
        raise EieError(f"{path} is not a .npy file: {reason(error)}") from error
    if dtype.kind not in "biuf":
        raise EieError(
            f"{path} holds {'Python objects' if dtype.hasobject else f'{dtype} values'}; wanted real numbers"
        )
    if len(shape) not in (1, 2) or shape[-1] != features or shape[0] < 1:
        raise EieError(f"{path} has shape {shape}; wanted (inputs, {features}) with at least one input")
    found, wanted = path.stat().st_size, offset + math.prod(shape) * dtype.itemsize
    if found != wanted:
        raise EieError(f"{path} has {found} bytes; its header wants {wanted}, no more and no less")
    rows = np.atleast_2d(np.memmap(path, dtype, "r", offset, shape, "F" if is_fortran else "C"))
    with np.errstate(over="ignore"):
        inputs = np.array(rows, dtype=np.float32, order="C")
    finite = np.isfinite(inputs)
    if not finite.all():
        row, column = (int(index) for index in np.argwhere(~finite)[0])
        raise EieError(
            f"{path}: input {row} has {rows[row, column]} at position {column}; wanted finite float32 numbers"
        )
    return inputs


def write_array(path: Path, values: NDArray[np.float32]) -> None:
    """Write one array as .npy, whole or not at all."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    write_whole(path, buffer.getvalue())
