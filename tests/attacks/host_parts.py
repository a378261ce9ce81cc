"""Attacks by the ONNX models that a model file holds for the host; every checksum is right."""

from collections.abc import Callable
from typing import Any

from sw.file.reader import varint
from tests.attacks.corpus import add
from tests.attacks.eie import crc, record
from tests.attacks.graphs import node

MAGIC = b"\x89EIE\x04"
HOST_PART, OTHER = 28, 7
GRAPH = 2


def host_file(model: bytes, size: int | None = None) -> bytes:
    """A network of a part of the host with this model, and of an empty layer of 3 inputs and 2 outputs behind it."""
    part = bytes([OTHER, HOST_PART, 1, 3]) + varint(len(model) if size is None else size) + model
    graph = bytes([1, 3, 2]) + part + bytes([0])
    body = bytes([1, GRAPH]) + graph + record()
    return crc(MAGIC + varint(len(body)) + body) + crc(b"")


def part_model(*nodes: Any, **changes: Any) -> Any:
    """A model of three values."""
    import onnx
    from onnx import helper

    values = [helper.make_tensor_value_info(name, 1, [1, 3]) for name in "xy"]
    own = list(nodes) or [helper.make_node("Sin", ["x"], ["y"])]
    tensors: list[onnx.TensorProto] = changes.get("tensors", [])
    graph = helper.make_graph(own, "part", [values[0]], [values[1]], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _outside() -> bytes:
    import onnx

    tensor = onnx.TensorProto(name="w", data_type=1, dims=(1, 3), data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    return part_model(node("Add", "x w"), tensors=[tensor]).SerializeToString()


def _loop() -> bytes:
    from onnx import helper

    body = helper.make_graph([], "body", [], [])
    return part_model(node("Loop", "x", body=body)).SerializeToString()


def _functions() -> bytes:
    made = part_model()
    made.functions.add(name="Sin", domain="")
    return made.SerializeToString()


def _huge() -> bytes:
    made = part_model()
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1 << 60
    return made.SerializeToString()


PARTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "part_that_is_no_model": ("A part of the host whose model is noise.", lambda: host_file(b"\xff\x00" * 9)),
    "part_of_no_bytes": ("A part of the host without a model.", lambda: host_file(b"")),
    "part_longer_than_the_file": ("A part of 2**35 - 1 bytes.", lambda: host_file(b"\x08\x09", (1 << 35) - 1)),
    "part_with_constants_outside": ("A constant in a file of the system.", lambda: host_file(_outside())),
    "part_of_a_foreign_domain": (
        "An operator that a library of the file's choice would bring.",
        lambda: host_file(part_model(node("Run", "x", domain="com.example")).SerializeToString()),
    ),
    "part_that_loops": ("A loop.", lambda: host_file(_loop())),
    "part_with_functions": ("A function that takes an operator's name.", lambda: host_file(_functions())),
    "part_of_huge_values": ("An input of 2**60 elements.", lambda: host_file(_huge())),
    "part_of_many_fields": (
        "A model of half a million empty fields.",
        lambda: host_file(part_model().SerializeToString() + b"\x72\x00" * (1 << 19)),
    ),
}
for _name, (_purpose, _make) in PARTS.items():
    add("eie", _name, _purpose, _make)
