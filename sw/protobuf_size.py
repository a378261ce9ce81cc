"""The fields of a protobuf message as they lie in a file, counted before a library makes objects of them."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from model.errors import EieError

MOST_FIELDS = 1 << 17  # an empty message is two bytes in a file and a hundred and fifty in memory
DEEPEST = 100  # as protobuf itself has it
LONGEST_VARINT = 10  # bytes
LENGTH = 2  # the kind of a field that says its length: bytes, a text, a message


class Bytes(Protocol):
    """Bytes one by one; IndexError behind the last."""

    def __getitem__(self, at: int, /) -> int: ...

    def __len__(self) -> int: ...


class Field(NamedTuple):
    """Bytes `first` to `stop` of a file: from `start` on the value, before it number, kind and length."""

    number: int
    kind: int
    first: int
    start: int
    stop: int


def fields(data: Bytes, at: int, end: int) -> Iterator[Field]:
    """The fields of a message between two bytes; EieError, or IndexError at the end, if it is cut off."""
    while at < end:
        first = at
        tag, start = _varint(data, at)
        match tag & 7:
            case 0:
                _, at = _varint(data, start)
            case 1:
                at = start + 8
            case 2:  # bytes, a text, a message
                size, start = _varint(data, start)
                at = start + size
            case 5:
                at = start + 4
            case kind:
                raise EieError(
                    f"this is not a whole protobuf message: a field of kind {kind} begins before byte {start}"
                )
        if at > end:
            raise EieError(f"this is not a whole protobuf message: a field ends at byte {at}, its message at {end}")
        yield Field(tag >> 3, tag & 7, first, start, at)


def check_fields(data: Bytes, descriptor: Any) -> None:
    """EieError if a message holds more than `MOST_FIELDS` fields, those of messages in it included, or is cut off.

    `descriptor` is protobuf's of the message: it says which fields are messages themselves.
    """
    try:
        _count(data, 0, len(data), descriptor, 0, 0)
    except IndexError as error:
        raise EieError("this is not a whole protobuf message: it ends inside a number") from error


def _count(data: Bytes, at: int, end: int, descriptor: Any, depth: int, found: int) -> int:
    """Fields so far and in the message between two bytes."""
    if depth > DEEPEST:
        raise EieError(f"messages must be nested at most {DEEPEST} deep, these are deeper")
    for each in fields(data, at, end):
        found += 1
        if found > MOST_FIELDS:
            raise EieError(f"a model must have at most {MOST_FIELDS} fields besides its numbers, it has more")
        field = descriptor.fields_by_number.get(each.number) if each.kind == LENGTH else None
        if field is not None and field.message_type is not None:
            found = _count(data, each.start, each.stop, field.message_type, depth + 1, found)
    return found


def _varint(data: Bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(LONGEST_VARINT):
        byte = data[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise EieError(f"this is not a whole protobuf message: the number at byte {at} is too long")
