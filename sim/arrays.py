"""Input and output activations as .npy files, read without trusting them."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sw.errors import EieError
from sw.files import write_whole


def read_inputs(path: Path, features: int) -> NDArray[np.float32]:
    """The inputs in a .npy file: (inputs, features) or (features,), as float32 (inputs, features).

    The file is mapped, not loaded, until its shape is known to be right, so that a header that declares more than the
    file holds costs nothing. Raises EieError for anything else, pickles, NaN and infinity included.
    """
    if not path.is_file():
        raise EieError(f"{path} is not a file; wanted a .npy file of inputs")
    try:
        mapped = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise EieError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # numpy's header parser raises whatever Python's own parser does
        raise EieError(f"{path} is not a whole .npy file of numbers: {_first_line(error)}") from error
    if mapped.offset + mapped.nbytes != path.stat().st_size:
        wanted = mapped.offset + mapped.nbytes
        raise EieError(f"{path} has {path.stat().st_size} bytes; its header wants {wanted}, no more and no less")
    if mapped.dtype.kind not in "biuf":
        raise EieError(f"{path} holds {mapped.dtype} values; wanted real numbers")
    rows = mapped[np.newaxis] if mapped.ndim == 1 else mapped
    if rows.ndim != 2 or rows.shape[0] < 1 or rows.shape[1] != features:
        raise EieError(f"{path} has shape {mapped.shape}; wanted (inputs, {features}) with at least one input")
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


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
