"""The file of an ONNX model as the package onnx reads it."""

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from model.errors import EieError
from sw.extras import pip_install
from sw.files import reason
from sw.formats.onnx.large_tensors import FileBytes, Place, open_source, without_large
from sw.protobuf_size import check_fields


class OnnxFile(NamedTuple):
    """A model that was opened.

    onnx : the package.
    model : its ModelProto, without the bytes of large initializers.
    places : where in the file these are, by the number of the initializer.
    size : bytes that the model has without them.
    """

    path: Path
    onnx: Any
    model: Any
    places: dict[int, Place]
    size: int


def open_model(path: Path) -> OnnxFile:
    """The model in a file; EieError if the package onnx is missing, or the file is no ONNX model."""
    try:
        onnx: Any = import_module("onnx")
    except ImportError as error:
        raise EieError(f"reading ONNX needs the package onnx: {pip_install('onnx')}") from error
    with open_source(path) as file:
        source = FileBytes(file)
        check_fields(source, onnx.ModelProto.DESCRIPTOR)
        data, places = without_large(source)
    try:
        return OnnxFile(path, onnx, onnx.load_model_from_string(data), places, len(data))
    except Exception as error:  # whatever the installed protobuf raises
        raise damaged(error) from error


def damaged(error: Exception) -> EieError:
    """The sentence for what a library could not read."""
    return EieError(f"this is not a whole ONNX file: {reason(error)}")
