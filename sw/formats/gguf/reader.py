"""Networks as GGUF files of floating-point numbers or of blocks of 8-bit ones: named tensors without a graph."""

from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import check_source, reason
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.gguf.header import TensorPlace, read_header
from sw.formats.tensors import network_from_tensors
from sw.network.network import Network

BLOCK = 32  # numbers of Q8_0 that share a scale
Q8_0 = np.dtype([("scale", "<f2"), ("numbers", "i1", (BLOCK,))])
BFLOAT16 = np.dtype("<u2")
# By ggml's type: its name, what lies in the file, and how many numbers one of that is.
READ: dict[int, tuple[str, np.dtype[Any], int]] = {
    0: ("F32", np.dtype("<f4"), 1),
    1: ("F16", np.dtype("<f2"), 1),
    8: ("Q8_0", Q8_0, BLOCK),
    28: ("F64", np.dtype("<f8"), 1),
    30: ("BF16", BFLOAT16, 1),
}
NOT_READ = (
    "Q4_0=2 Q4_1=3 Q5_0=6 Q5_1=7 Q8_1=9 Q2_K=10 Q3_K=11 Q4_K=12 Q5_K=13 Q6_K=14 Q8_K=15 IQ2_XXS=16 IQ2_XS=17 "
    "IQ3_XXS=18 IQ1_S=19 IQ4_NL=20 IQ3_S=21 IQ2_S=22 IQ4_XS=23 I8=24 I16=25 I32=26 I64=27 IQ1_M=29 TQ1_0=34 TQ2_0=35 "
    "MXFP4=39 NVFP4=40 Q1_0=41"
)
OTHERS = {int(kind): name for name, _, kind in (each.partition("=") for each in NOT_READ.split())}


def load_gguf(path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID) -> Network:
    """The network in a GGUF file, named as in `sw.formats.tensors`.

    8-bit blocks (Q8_0) are read as the real numbers that they mean. EieError for anything else in the file, tensors of
    other types by name.
    """
    check_source(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            header = read_header(file, size)
            _check_places(header.tensors, max(size - header.start, 0))
            tensors = {each.name: _read(file, header.start + each.offset, each) for each in header.tensors}
    except OSError as error:
        raise EieError(f"cannot read {path}: {reason(error)}") from error
    blocks = sum(READ[each.kind][1] is Q8_0 for each in header.tensors)
    network = network_from_tensors(tensors, {}, connections, assumptions)
    if blocks:
        assumptions.say(f"{blocks} tensors of 8-bit blocks (Q8_0) are read as the real numbers that they mean")
    return network


def _check_places(tensors: list[TensorPlace], size: int) -> None:
    """EieError unless all types are read and every tensor has its own bytes in the file."""
    free = 0
    for each in sorted(tensors, key=lambda each: each.offset):
        if each.kind not in READ:
            known = ", ".join(name for name, _, _ in READ.values())
            kind = OTHERS.get(each.kind, f"type {each.kind}")
            raise EieError(f"{each.name} must be of type {known}, got {kind}: convert it to F16 or Q8_0 first")
        if each.shape[-1] % READ[each.kind][2]:
            raise EieError(f"{each.name} must have rows of whole blocks of {BLOCK} numbers, got shape {each.shape}")
        end = each.offset + _bytes(each)
        if each.offset < free or end > size:
            raise EieError(f"{each.name} must have bytes {each.offset} to {end} of {size} for itself, it has not")
        free = end


def _bytes(tensor: TensorPlace) -> int:
    _, dtype, numbers = READ[tensor.kind]
    return prod(tensor.shape) // numbers * dtype.itemsize


def _read(file: BinaryIO, start: int, tensor: TensorPlace) -> NDArray[Any]:
    dtype = READ[tensor.kind][1]
    file.seek(start)
    values = np.fromfile(file, dtype, _bytes(tensor) // dtype.itemsize)
    if values.nbytes != _bytes(tensor):
        raise EieError(f"{tensor.name} must have {_bytes(tensor)} bytes, the file has become shorter")
    if dtype is BFLOAT16:  # the upper halves of float32 numbers
        values = (values.astype(np.uint32) << 16).view(np.float32)
    elif dtype is Q8_0:
        values = values["scale"].astype(np.float32)[:, np.newaxis] * values["numbers"]
    return values.reshape(tensor.shape)
