"""PyTorch state dicts, .pt, .pth and .th, without PyTorch: archives of a pickle and of the tensors' numbers."""

import io
import pickletools
import zipfile
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from model.errors import EieError
from sw.files import check_source, read_whole, reason
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.pickle_reader import MOST_OPCODES, Name, read_pickle
from sw.formats.tensors import network_from_tensors
from sw.formats.zip_archive import list_members, open_archive
from sw.network.network import Network

STORAGES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.BFloat16Storage": "<u2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "?",
}
WRAPPERS = ("state_dict", "model_state_dict", "model")
OLD_MAGIC, OLD_VERSION = 0x1950A86A20F9469CFC6C, 1001
LARGEST = (1 << 62) - 1
LARGEST_PICKLE = 1 << 24  # bytes of the record without the numbers; of a network with a thousand layers under 1 MB
MOST_DIMENSIONS = 8
MOST_SHARED = 3  # how many different tensors may show each number of a storage, on average


def load_pytorch(
    path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID
) -> Network:
    """The network in a state dict saved by PyTorch, named as in `sw.formats.tensors`.

    The state dict may be the value of one of `WRAPPERS` in a dictionary that holds no other tensors by name. Nothing in
    the file is run (`sw.formats.pickle_reader`). EieError for anything else; memory is bounded by the file's size.
    """
    if _first_byte(path) == b"\x80":  # a pickle's
        return network_from_tensors(_state_dict(_OldFile(read_whole(path)).read()), {}, connections, assumptions)
    with open_archive(path, "PyTorch file") as archive:
        tensors = _state_dict(_Archive(archive, path.stat().st_size).read())
    return network_from_tensors(tensors, {}, connections, assumptions)


def _first_byte(path: Path) -> bytes:
    check_source(path)
    try:
        with path.open("rb") as file:
            return file.read(1)
    except OSError as error:
        raise EieError(f"cannot read {path}: {reason(error)}") from error


def _state_dict(value: Any) -> dict[str, NDArray[Any]]:
    """The tensors by name, without the dictionary that training scripts put around them."""
    if not isinstance(value, dict):
        raise EieError(f"the file must hold a state dict, got a {type(value).__name__}")
    document = cast("dict[Any, Any]", value)
    if not any(isinstance(item, np.ndarray) for item in document.values()):
        wrapped = [name for name in WRAPPERS if isinstance(document.get(name), dict)]
        if len(wrapped) > 1:
            raise EieError(f"the file must hold one state dict, got {' and '.join(wrapped)}")
        document = document[wrapped[0]] if wrapped else document
    for name, item in document.items():
        if not isinstance(name, str) or not isinstance(item, np.ndarray):
            raise EieError(f"a state dict must hold tensors by name, {str(name)[:80]} is a {type(item).__name__}")
    return dict(document)


class _Archive:
    """The records of one file and the tensors made of them."""

    def __init__(self, archive: zipfile.ZipFile, size: int):
        self._archive = archive
        if any("/code/" in name for name in archive.namelist()):
            raise EieError(
                "this is a TorchScript program, which is code: torch.onnx.export(torch.jit.load(FILE), INPUTS, "
                "'net.onnx', dynamo=False) makes a model of it that is read"
            )
        self._records = list_members(archive, (zipfile.ZIP_STORED,), size)
        pickles = [name for name in self._records if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise EieError(f"a PyTorch file must have one record data.pkl, got {len(pickles)}")
        if self._records[pickles[0]].file_size > LARGEST_PICKLE:
            raise EieError(f"the record {pickles[0]} must have at most {LARGEST_PICKLE} bytes, it has more")
        self._folder = pickles[0].removesuffix("data.pkl")
        self._storages: dict[str, _Storage] = {}

    def read(self) -> Any:
        """What the file holds, its tensors as arrays."""
        if f"{self._folder}byteorder" in self._records:
            order = bytes(self._record("byteorder"))
            if order != b"little":
                raise EieError(f"a PyTorch file's numbers must be little-endian, got {order[:20]!r}")
        return read_pickle(bytes(self._record("data.pkl")), FUNCTIONS, set(STORAGES), self._storage)

    def _record(self, name: str) -> bytearray:
        record = self._records.get(self._folder + name)
        if record is None:
            raise EieError(f"the file must have a record {name[:80]}, it does not")
        data = bytearray(record.file_size)
        opened: Any = self._archive.open(record)
        with opened as file:
            if file.readinto(data) != len(data):
                raise EieError(f"the record {name} must have {len(data)} bytes, it has fewer")
        return data

    def _storage(self, key: Any) -> "_Storage":
        """The numbers that a persistent id stands for: ("storage", type, record, device, count)."""
        match key:
            case ("storage", Name(kind), str(name), _, int(count)) if kind in STORAGES:
                pass
            case _:
                raise EieError("a PyTorch file must refer to storages of tensors, it refers to something else")
        if name not in self._storages:
            data = self._record(f"data/{name}")
            if count * np.dtype(STORAGES[kind]).itemsize != len(data):
                raise EieError(f"the record data/{name[:80]} must hold {count} numbers, it has {len(data)} bytes")
            self._storages[name] = _Storage(kind, data)
        if self._storages[name].kind != kind:
            raise EieError(f"the record data/{name[:80]} must hold numbers of one type, it is said to hold two")
        return self._storages[name]


class _OldFile:
    """PyTorch's format from before version 1.6: five pickles, then the numbers of each storage behind their count.

    The pickles are a magic number, the version, the system's sizes, the object and the keys of storages in the order
    in which these follow.
    """

    def __init__(self, data: bytes):
        self._data = data
        self._kinds: dict[str, str] = {}
        self._places: dict[str, tuple[int, int]] = {}  # first byte and count of a storage's numbers
        self._storages: dict[str, _Storage] = {}

    def read(self) -> Any:
        """What the file holds, its tensors as arrays."""
        stream = io.BytesIO(self._data)
        magic, version, system = (self._plain(_pickle(stream)) for _ in range(3))
        if magic != OLD_MAGIC or version != OLD_VERSION or not isinstance(system, dict):
            raise EieError("this is neither PyTorch's format nor the one from before version 1.6")
        if cast("dict[Any, Any]", system).get("little_endian") is not True:
            raise EieError("a PyTorch file's numbers must be little-endian, these are not")
        written = _pickle(stream)
        # First only what storages there are: how many bytes one takes is said by those that show it.
        nothing: dict[str, Callable[..., Any]] = dict.fromkeys(FUNCTIONS, _nothing)
        read_pickle(written, {**nothing, "collections.OrderedDict": _ordered_dict}, set(STORAGES), self._note)
        keys: Any = self._plain(_pickle(stream))
        at = stream.tell()
        for key in cast("list[Any]", keys) if isinstance(keys, list) else []:
            if not isinstance(key, str) or key not in self._kinds or key in self._places:
                raise EieError(f"a storage must be shown by a tensor and be there once, {str(key)[:80]} is not")
            count = int.from_bytes(self._data[at : at + 8], "little")
            self._places[key] = at + 8, count
            at += 8 + count * np.dtype(STORAGES[self._kinds[key]]).itemsize
        if at != len(self._data):
            raise EieError(f"the file must end with its last storage at byte {at}, it has {len(self._data)}")
        return read_pickle(written, FUNCTIONS, set(STORAGES), self._storage)

    def _plain(self, data: bytes) -> Any:
        return read_pickle(data, {}, set(), _nothing)

    def _note(self, key: Any) -> None:
        name, kind, _ = _old_key(key)
        if self._kinds.setdefault(name, kind) != kind:
            raise EieError(f"storage {name[:80]} must hold numbers of one type, it is said to hold two")

    def _storage(self, key: Any) -> "_Storage":
        name, kind, count = _old_key(key)
        if self._places.get(name, (0, -1))[1] != count:
            raise EieError(f"storage {name[:80]} must hold {count} numbers, it does not")
        if name not in self._storages:
            first, size = self._places[name][0], count * np.dtype(STORAGES[kind]).itemsize
            self._storages[name] = _Storage(kind, bytearray(self._data[first : first + size]))
        return self._storages[name]


def _old_key(key: Any) -> tuple[str, str, int]:
    """Name, type and count of ("storage", type, name, device, count, no view)."""
    match key:
        case ("storage", Name(kind), str(name), _, int(count), None) if kind in STORAGES:
            return name, kind, count
        case _:
            raise EieError("a PyTorch file must refer to storages of tensors, it refers to something else")


def _pickle(stream: io.BytesIO) -> bytes:
    """The bytes of the pickle that begins where the stream is."""
    first = stream.tell()
    try:
        for number, _ in enumerate(pickletools.genops(stream)):
            if number > MOST_OPCODES or stream.tell() - first > LARGEST_PICKLE:
                raise EieError(f"a pickle must have at most {MOST_OPCODES} opcodes, it has more")
    except (ValueError, IndexError, KeyError) as error:
        raise EieError(f"this is not a whole pickle: {reason(error)}") from error
    return stream.getbuffer()[first : stream.tell()].tobytes()


def _nothing(*_: Any) -> None:
    """No value."""


class _Storage:
    """Numbers that tensors show; equal tensors are one array, and the others are bounded."""

    def __init__(self, kind: str, data: bytearray):
        self.kind = kind
        values = np.frombuffer(data, STORAGES[kind])
        if kind == "torch.BFloat16Storage":  # the upper halves of float32 numbers
            values = (values.astype(np.uint32) << 16).view(np.float32)
        self._values = values
        self._tensors: dict[tuple[int, tuple[int, ...], tuple[int, ...]], NDArray[Any]] = {}
        self._room = MOST_SHARED * values.size

    def tensor(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> NDArray[Any]:
        """The numbers from `offset` on, in steps of `strides` numbers along each axis; float32 if they are floats."""
        key = (offset, shape, strides)
        if key in self._tensors:
            return self._tensors[key]
        size, reach = prod(shape), sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if size < 1 or size > self._values.size or offset + reach >= self._values.size:
            raise EieError(
                f"a tensor must lie in the {self._values.size} numbers of its storage, got shape {shape} with strides "
                f"{strides} from {offset}"
            )
        self._room -= size
        if self._room < 0:
            raise EieError(f"a storage must be shown by at most {MOST_SHARED} tensors that differ, this one is by more")
        numbers = self._values[offset:]
        view = as_strided(numbers, shape, [stride * numbers.itemsize for stride in strides])
        with np.errstate(over="ignore"):
            dtype = np.float32 if view.dtype.kind == "f" else view.dtype
            self._tensors[key] = np.ascontiguousarray(view, dtype).reshape(shape)
        return self._tensors[key]


def _ordered_dict(*arguments: Any) -> dict[Any, Any]:
    if arguments:
        raise EieError("an OrderedDict must be made empty, this one is not")
    return {}


def _rebuild_tensor(*arguments: Any) -> NDArray[Any]:
    """(storage, offset, size, strides, requires_grad, hooks), as PyTorch calls it."""
    if len(arguments) != 6 or not isinstance(arguments[0], _Storage):
        raise EieError("a tensor must be of a storage, an offset, a size and strides, got something else")
    (offset,), shape, strides = _sizes((arguments[1],)), _sizes(arguments[2]), _sizes(arguments[3])
    if len(shape) != len(strides):
        raise EieError(f"a tensor must have as many strides as sizes, got {len(strides)} and {len(shape)}")
    return arguments[0].tensor(offset, shape, strides)


def _sizes(value: Any) -> tuple[int, ...]:
    sizes: tuple[Any, ...] = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (None,)
    if len(sizes) > MOST_DIMENSIONS or not all(isinstance(size, int) and 0 <= size <= LARGEST for size in sizes):
        raise EieError(f"a tensor's sizes must be at most {MOST_DIMENSIONS} whole numbers, got something else")
    return sizes


def _rebuild_parameter(*arguments: Any) -> NDArray[Any]:
    match arguments:
        case (np.ndarray() as tensor, _, _):
            return tensor
        case _:
            raise EieError("a parameter must be of a tensor, got something else")


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
}
