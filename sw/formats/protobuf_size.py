"""How many fields a protobuf message has, before a library makes objects of them."""

from typing import Any

from model.errors import EieError

MOST_FIELDS = 1 << 17  # an empty message is two bytes in a file and a hundred and fifty in memory
DEEPEST = 100  # as protobuf itself has it
LONGEST_VARINT = 10  # bytes


def check_fields(data: bytes, descriptor: Any) -> None:
    """EieError if a message holds more than `MOST_FIELDS` fields, those of messages in it included, or is cut off.

    `descriptor` is protobuf's of the message: it says which fields are messages themselves.
    """
    try:
        _count(data, 0, len(data), descriptor, 0, 0)
    except IndexError as error:
        raise EieError("this is not a whole protobuf message: it ends inside a number") from error


def _count(data: bytes, at: int, end: int, descriptor: Any, depth: int, fields: int) -> int:
    """Fields so far and in the message between two bytes."""
    if depth > DEEPEST:
        raise EieError(f"messages must be nested at most {DEEPEST} deep, these are deeper")
    while at < end:
        tag, at = _varint(data, at)
        fields += 1
        if fields > MOST_FIELDS:
            raise EieError(f"a model must have at most {MOST_FIELDS} fields besides its numbers, it has more")
        match tag & 7:
            case 0:  # a number
                _, at = _varint(data, at)
            case 1:
                at += 8
            case 2:  # bytes, a text, a message
                size, at = _varint(data, at)
                field = descriptor.fields_by_number.get(tag >> 3)
                if at + size <= end and field is not None and field.message_type is not None:
                    fields = _count(data, at, at + size, field.message_type, depth + 1, fields)
                at += size
            case 5:
                at += 4
            case kind:
                raise EieError(f"this is not a whole protobuf message: a field of kind {kind} begins before byte {at}")
    if at > end:
        raise EieError(f"this is not a whole protobuf message: a field ends at byte {at}, its message at {end}")
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(LONGEST_VARINT):
        byte = data[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise EieError(f"this is not a whole protobuf message: the number at byte {at} is too long")
