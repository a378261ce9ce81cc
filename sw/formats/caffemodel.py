"""Trained networks of Caffe: `.caffemodel` files, of which only the weights are read; a .prototxt says the rest.

The schema has no more than the fields that hold weights, in both forms of layers that Caffe wrote.
"""

from functools import cache
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.extras import pip_install
from sw.files import read_whole, reason
from sw.formats.connections import Connections
from sw.network.graph import Shape
from sw.network.network import Network
from sw.protobuf_size import check_fields

Floats = NDArray[np.float32]
# By message: name, number and type of each field; numbers in a row are bytes, as they are in the file when packed.
SCHEMA = {
    "BlobShape": [("dim", 1, "int64", True)],
    "BlobProto": [
        ("num", 1, "int32", False),
        ("channels", 2, "int32", False),
        ("height", 3, "int32", False),
        ("width", 4, "int32", False),
        ("data", 5, "bytes", False),
        ("shape", 7, "BlobShape", False),
        ("double_data", 8, "bytes", False),
    ],
    "LayerParameter": [("name", 1, "bytes", False), ("blobs", 7, "BlobProto", True)],
    "V1LayerParameter": [("name", 4, "bytes", False), ("blobs", 6, "BlobProto", True)],
    "NetParameter": [("layers", 2, "V1LayerParameter", True), ("layer", 100, "LayerParameter", True)],
}
MOST_AXES = 8


def load_caffemodel(path: Path, connections: Connections | None) -> Network:
    """The network in a .caffemodel file, connected as its .prototxt says, with a layer's one or two blobs as its
    weights and biases. EieError for anything else, a layer that only one of both has by name.
    """
    if connections is None or any(use.shape is None for use in connections.uses):
        raise EieError("a .caffemodel file must come with its network's deploy .prototxt as graph (--graph)")
    shapes: dict[str, Shape] = {use.name: use.shape for use in connections.uses if use.shape is not None}
    weights: dict[str, tuple[Floats, Floats]] = {}
    for name, blobs in _layers(read_whole(path)):
        if name in weights:
            raise EieError(f"each layer must be in the file once, {name} is not")
        if len(blobs) > 2:
            raise EieError(f"layer {name} must have weights and biases, it has {len(blobs)} blobs")
        shape = shapes.get(name, blobs[0].shape)
        weight = _fitted(f"layer {name}: its weights", blobs[0], shape)
        bias = blobs[1] if len(blobs) > 1 else np.zeros(shape[:1], np.float32)
        weights[name] = weight, _fitted(f"layer {name}: its biases", bias, shape[:1])
    return connections.network(weights)


def _fitted(what: str, blob: Floats, shape: Shape) -> Floats:
    """The blob in a shape that differs from its own in axes of one element only."""
    if [size for size in blob.shape if size > 1] != [size for size in shape if size > 1]:
        raise EieError(f"{what} must have shape {shape}, got {blob.shape}")
    return blob.reshape(shape)


def _layers(data: bytes) -> list[tuple[str, list[Floats]]]:
    """Name and blobs of every layer that has blobs."""
    message: Any = _message()
    check_fields(data, message.DESCRIPTOR)
    try:
        net: Any = message.FromString(data)
    except Exception as error:  # whatever the installed protobuf raises
        raise EieError(f"this is not a whole .caffemodel file: {reason(error)}") from error
    found: list[tuple[str, list[Floats]]] = []
    for layer in (*net.layer, *net.layers):
        name = layer.name.decode(errors="replace")
        if layer.blobs:
            found.append((name, [_blob(f"layer {name}", blob) for blob in layer.blobs]))
    if not found:
        raise EieError("a .caffemodel file must hold layers with weights, it holds none")
    return found


def _blob(what: str, blob: Any) -> Floats:
    old = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else old
    wide = bool(blob.double_data)
    values = (
        np.frombuffer(blob.double_data if wide else blob.data, "<f8" if wide else "<f4", -1)
        if (len(blob.double_data) % 8 == len(blob.data) % 4 == 0)
        else np.zeros(0)
    )
    if len(shape) > MOST_AXES or min(shape, default=0) < 1 or prod(shape) != values.size or (wide and blob.data):
        raise EieError(f"{what[:80]}: a blob must hold as many numbers as its shape {shape[:MOST_AXES]} says")
    with np.errstate(over="ignore"):
        return values.reshape(shape).astype(np.float32)


@cache
def _message() -> Any:
    """The class of NetParameter."""
    try:
        descriptors: Any = import_module("google.protobuf.descriptor_pb2")
        pools: Any = import_module("google.protobuf.descriptor_pool")
        factory: Any = import_module("google.protobuf.message_factory")
    except ImportError as error:
        raise EieError(f"reading .caffemodel files needs the package protobuf: {pip_install('onnx')}") from error
    kinds: Any = descriptors.FieldDescriptorProto
    file: Any = descriptors.FileDescriptorProto(name="eie_caffe.proto", package="eie_caffe", syntax="proto2")
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, number, kind, many in fields:
            made = message.field.add(name=field, number=number)
            made.label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
            if kind in SCHEMA:
                made.type, made.type_name = kinds.TYPE_MESSAGE, f".eie_caffe.{kind}"
            else:
                made.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
    pool: Any = pools.DescriptorPool()
    pool.Add(file)
    return factory.GetMessageClass(pool.FindMessageTypeByName("eie_caffe.NetParameter"))
