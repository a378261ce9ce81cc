"""The large constants of an ONNX file stay in the file until their arrays are read from it, once and into their place.

Parsed with the rest of the model they would be there three times: in the file's bytes, in the message, in the array.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from model.errors import EieError
from sw.files import check_source, reason
from sw.protobuf_size import LENGTH, Bytes, Field, fields

LARGE = 1 << 20  # bytes of a tensor that stays in the file
BLOCK = 1 << 16  # bytes that are looked at together
# Numbers of fields in onnx.proto.
GRAPH, INITIALIZER, DATA_TYPE, RAW_DATA = 7, 5, 2, 9
SIZES = 7  # TensorProto.DataType.INT64: what shapes are computed from stays with the model


class FileBytes(Bytes):
    """The bytes of an open file, of which only blocks that are asked for are read."""

    def __init__(self, file: BinaryIO):
        self._file, self._size = file, file.seek(0, 2)
        self._number, self._block = -1, b""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, at: int, /) -> int:
        if not 0 <= at < self._size:
            raise IndexError(at)
        if at // BLOCK != self._number:
            self._number = at // BLOCK
            self._block = self.part(self._number * BLOCK, min((self._number + 1) * BLOCK, self._size))
        return self._block[at % BLOCK]

    def part(self, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop`; EieError if the file has become shorter."""
        self._file.seek(start)
        found = self._file.read(stop - start)
        if len(found) < stop - start:
            raise EieError(f"the file had {self._size} bytes and ends now at byte {start + len(found)}")
        return found


class Place(NamedTuple):
    """The bytes of a tensor: so many from `start` on."""

    start: int
    size: int


def without_large(data: FileBytes) -> tuple[bytes, dict[int, Place]]:
    """The ModelProto without the bytes of large initializers of its graph, and where in the file these are, by the
    number of the initializer; `data` must have passed `check_fields`.
    """
    model, places = list[bytes](), dict[int, Place]()
    number = 0
    for each in fields(data, 0, len(data)):
        if (each.number, each.kind) != (GRAPH, LENGTH):
            model.append(data.part(each.first, each.stop))
            continue
        graph: list[bytes] = []  # a second graph would be one with the first, as protobuf has it
        for part in fields(data, each.start, each.stop):
            place = None
            if (part.number, part.kind) == (INITIALIZER, LENGTH):
                place = _place(data, part)
                number += 1
            if place is None:
                graph.append(data.part(part.first, part.stop))
            else:
                places[number - 1] = place
                graph.append(message(INITIALIZER, b"".join(_others(data, part))))
        model.append(message(GRAPH, b"".join(graph)))
    return b"".join(model), places


def open_source(path: Path) -> BinaryIO:
    """A file to read from; EieError if it cannot be read."""
    check_source(path)
    try:
        return path.open("rb")
    except OSError as error:
        raise EieError(f"cannot read {path}: {reason(error)}") from error


def _place(data: FileBytes, tensor: Field) -> Place | None:
    """Where the bytes of a large tensor are; None for one that is small or that has them twice."""
    found = list(fields(data, tensor.start, tensor.stop)) if tensor.stop - tensor.start >= LARGE else []
    raw = [each for each in found if (each.number, each.kind) == (RAW_DATA, LENGTH)]
    kinds = [data[each.start] for each in found if each.number == DATA_TYPE]
    if len(raw) != 1 or raw[0].stop - raw[0].start < LARGE or SIZES in kinds:
        return None
    return Place(raw[0].start, raw[0].stop - raw[0].start)


def _others(data: FileBytes, tensor: Field) -> Iterator[bytes]:
    for each in fields(data, tensor.start, tensor.stop):
        if (each.number, each.kind) != (RAW_DATA, LENGTH):
            yield data.part(each.first, each.stop)


def message(number: int, content: bytes) -> bytes:
    """A field that is a message."""
    size, head = len(content), bytearray([number << 3 | LENGTH])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size]) + content
