"""Networks as safetensors files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import check_source, reason, write_whole
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.tensors import network_from_tensors, tensors_from_network
from sw.network.network import Network

FLOATS = ("F32", "F64", "F16", "BF16")
COUNTS = ("BOOL", "U8", "I8", "I16", "I32", "I64")  # of masks and counters, which are not weights


def load_safetensors(
    path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID
) -> Network:
    """The network in a safetensors file, named as in `sw.formats.tensors`; EieError for anything else in the file."""
    check_source(path)
    return network_from_tensors(*read_tensors(path), connections, assumptions, ordered=False)


def save_safetensors(network: Network, path: Path) -> None:
    """Write the file that `load_safetensors` reads back as an equal network."""
    write_whole(path, safetensors.numpy.save(*tensors_from_network(network)))


def read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The tensors and the metadata of a file that is there; EieError for one that is not whole."""
    open_file: Any = safetensors.safe_open
    try:
        with open_file(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
            keys: list[str] = list(file.keys())
            dtypes: dict[str, str] = {key: file.get_slice(key).get_dtype() for key in keys}
            for key, dtype in dtypes.items():
                if dtype not in FLOATS + COUNTS:
                    raise EieError(f"{key} must hold floating-point numbers ({', '.join(FLOATS)}), got {dtype}")
                shape: list[int] = file.get_slice(key).get_shape()
                if 0 in shape:  # times anything is no byte, of which numpy makes no array if it is too much
                    raise EieError(f"{key} must not be empty, got {tuple(shape)}")
            tensors = {key: file.get_tensor(key) for key in keys if dtypes[key] != "BF16"}
        return tensors | _read_bfloat16(path, [key for key in keys if dtypes[key] == "BF16"]), metadata
    except (safetensors.SafetensorError, OSError) as error:
        raise EieError(f"this is not a whole safetensors file: {reason(error)}") from error


def _read_bfloat16(path: Path, keys: list[str]) -> dict[str, NDArray[np.float32]]:
    """The bfloat16 tensors of a file that the library accepted; they are the upper halves of float32 numbers."""
    tensors: dict[str, NDArray[np.float32]] = {}
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        for key in keys:
            begin, end = header[key]["data_offsets"]
            file.seek(8 + size + begin)
            halves = np.frombuffer(file.read(end - begin), "<u2")
            tensors[key] = (halves.astype(np.uint32) << 16).view(np.float32).reshape(header[key]["shape"])
    return tensors
