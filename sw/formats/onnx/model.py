"""The file of an ONNX model as the package onnx reads it."""

from importlib import import_module
from pathlib import Path
from typing import Any

from model.errors import EieError
from sw.files import read_whole, reason
from sw.formats.protobuf_size import check_fields


def open_model(path: Path) -> tuple[Any, Any, int]:
    """The package onnx, the model, and the bytes of its file.

    EieError if the package is missing, or the file no ONNX model.
    """
    try:
        onnx: Any = import_module("onnx")
    except ImportError as error:
        raise EieError("reading ONNX needs the package onnx: install eie[onnx]") from error
    data = read_whole(path)
    check_fields(data, onnx.ModelProto.DESCRIPTOR)
    try:
        return onnx, onnx.load_model_from_string(data), len(data)
    except Exception as error:  # whatever the installed protobuf raises
        raise damaged(error) from error


def damaged(error: Exception) -> EieError:
    """The sentence for what a library could not read."""
    return EieError(f"this is not a whole ONNX file: {reason(error)}")
