"""Networks as npz files, numpy's archives of arrays."""

import io
import warnings
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import reason, write_whole
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.tensors import GRAPH, ORDER, check_number, network_from_tensors, tensors_from_network
from sw.formats.zip_archive import check_contents, list_members, open_archive
from sw.network.network import Network

HEADERS: Any = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
METADATA = {f"__{key}__": key for key in (GRAPH, ORDER)}
LARGEST_TEXT = 1 << 20  # characters of metadata
FREE = 1 << 24  # bytes that any file may unpack to
RATIO = 256  # and how many each of its bytes may; the weights of a pruned network take about 20


def load_npz(path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID) -> Network:
    """The network in an npz file, named as in `sw.formats.tensors`; EieError for anything else in the file.

    The metadata are arrays of text, ``__graph__`` and ``__order__``. Nothing is unpickled, and a file cannot unpack to
    more than `RATIO` times its size.
    """
    arrays = read_arrays(path)
    metadata = {METADATA[name]: str(arrays.pop(name)) for name in METADATA if name in arrays}
    return network_from_tensors(arrays, metadata, connections, assumptions)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of numbers in an npz file by their names, and texts of metadata; EieError as of `load_npz`."""
    with open_archive(path, "npz file") as archive:
        most = FREE + RATIO * path.stat().st_size
        members = list_members(archive, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), most)
        for name in members:
            if not name.endswith(".npy"):
                raise EieError(f"an npz file must hold arrays (NAME.npy) only, got {name[:80]}")
        check_contents(archive, members.values())
        return {name.removesuffix(".npy"): _read_array(archive, member) for name, member in members.items()}


def save_npz(network: Network, path: Path) -> None:
    """Write the file that `load_npz` reads back as an equal network; equal networks give equal bytes."""
    tensors, metadata = tensors_from_network(network)
    arrays: dict[str, NDArray[Any]] = {**tensors, **{f"__{key}__": np.array(text) for key, text in metadata.items()}}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            # A member without a date, so that the bytes do not depend on the time; numpy's savez does the same.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)
    write_whole(path, file.getvalue())


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """One array whose declared size is that of its member, so that no header makes numpy allocate more."""
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            shape, _, dtype = HEADERS[npy.read_magic(file)](file)
        except (zipfile.BadZipFile, zlib.error, EOFError):
            raise  # of the archive, not of the header
        except Exception as error:  # numpy's header parser raises whatever Python's own parser does
            raise EieError(f"{name} must be an array in numpy's format: {reason(error)}") from error
        header_bytes = file.tell()
    if name not in METADATA:
        check_number(name, dtype)
    elif dtype.kind != "U" or shape or dtype.itemsize > 4 * LARGEST_TEXT:
        raise EieError(f"{name} must be one text of at most {LARGEST_TEXT} characters, got {dtype}")
    if any(type(size) is bool for size in shape):  # numpy's parser takes them for numbers, its reader does not
        raise EieError(f"{name} must have a shape of whole numbers, got {str(shape)[:80]}")
    if min(shape, default=0) < 0 or header_bytes + prod(shape) * dtype.itemsize != member.file_size:
        raise EieError(f"{name} must take the {member.file_size} bytes of its member, its shape is {str(shape)[:80]}")
    with archive.open(member) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array
