"""sw/protobuf_size.py: messages that would take more than their size, or end too early."""

from types import SimpleNamespace
from typing import Any

import pytest

from model.errors import EieError
from sw.protobuf_size import DEEPEST, check_fields


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x08", "it ends inside a number"),
        (b"\x08" + b"\xff" * 11, "the number at byte 1 is too long"),
        (b"\x0e\x00", "a field of kind 6 begins before byte 1"),
        (b"\x3a\x7f", "a field ends at byte 129, its message at 2"),
        (b"\x09\x00", "a field ends at byte 9, its message at 2"),
        (b"\x0d\x00", "a field ends at byte 5, its message at 2"),
        (b"\x08\x01" * ((1 << 17) + 1), "at most 131072 fields besides its numbers"),
    ],
)
def test_protobuf_messages(data: bytes, sentence: str) -> None:
    onnx: Any = pytest.importorskip("onnx")
    from sw.protobuf_size import check_fields

    with pytest.raises(EieError, match=sentence):
        check_fields(data, onnx.ModelProto.DESCRIPTOR)


def test_messages_too_deep() -> None:
    data = b""
    for _ in range(DEEPEST + 1):
        size = len(data)
        data = b"\x0a" + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + data
    message = SimpleNamespace()
    message.fields_by_number = {1: SimpleNamespace(message_type=message)}
    with pytest.raises(EieError, match=f"messages must be nested at most {DEEPEST} deep"):
        check_fields(data, message)
