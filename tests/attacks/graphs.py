"""Attacks on the files that say how layers are connected: JSON, Caffe's prototxt, and ONNX models."""

import json
from typing import Any

import numpy as np

from tests.attacks.corpus import add, attack

MAX = (1 << 31) - 1


def graph(*operations: dict[str, Any], shape: list[int] | None = None) -> bytes:
    """A graph as JSON."""
    document = {"input": shape or [12], "operations": [*operations, {"op": "layer", "name": "fc2"}]}
    return json.dumps(document).encode()


FC1 = {"op": "layer", "name": "fc1"}
JSON_GRAPHS: dict[str, tuple[str, bytes]] = {
    "empty": ("No byte at all.", b""),
    "not_utf8": ("Bytes that are no text.", b'{"operations": ["\xff\xfe"]}'),
    "deep_lists": ("A million open brackets.", b"[" * (1 << 20)),
    "deep_objects": ("A hundred thousand nested objects.", b'{"a":' * 100_000),
    "many_lists": ("Eight megabytes of empty lists, which take twenty times their text.", b"[" + b"[]," * 2_800_000),
    "duplicate_keys": ("A graph that is there twice.", b'{"operations": [], "operations": [{"op": "relu"}]}'),
    "long_number": ("A number of a million digits.", b'{"operations": [], "input": [' + b"9" * 1_000_000 + b"]}"),
    "float_overflow": ("A size of 1e999.", b'{"operations": [], "input": [1e999]}'),
    "not_a_number": ("A size of NaN, which is not JSON.", b'{"operations": [], "input": [NaN]}'),
    "negative_size": ("An input of -12 values.", graph(FC1, shape=[-12])),
    "zero_size": ("An input of no values.", graph(FC1, shape=[0])),
    "huge_input": ("An input of 2**93 elements.", graph(FC1, shape=[MAX, MAX, MAX])),
    "boolean_size": ("A truth value as a size.", b'{"operations": [], "input": [true]}'),
    "source_of_itself": ("An operation that takes its own result.", graph({**FC1, "from": 1})),
    "source_after": ("An operation that takes the result of a later one.", graph({**FC1, "from": 2})),
    "source_negative": ("An operation that takes value -1.", graph({**FC1, "from": -1})),
    "layer_twice": ("A layer that is applied twice.", graph(FC1, FC1)),
    "layer_of_none": ("A layer that is not in the weights.", graph({"op": "layer", "name": "../../etc/passwd"})),
    "name_with_escape": ("A name that writes a line.", graph({"op": "layer", "name": "\x1b[2J\nerror: no\u202e"})),
    "lone_surrogate": ("A name that is no Unicode.", b'{"operations": [{"op": "layer", "name": "\\ud800"}]}'),
    "unknown_operation": ("An operation of a million characters.", graph({"op": "x" * (1 << 20)})),
    "unknown_field": ("A field of a million characters.", graph({**FC1, "y" * (1 << 20): 1})),
    "stride_zero": (
        "A window that never moves on.",
        graph({"op": "max_pool", "kernel": 2, "stride": 0}, FC1, shape=[3, 4, 4]),
    ),
    "padding_overflow": (
        "Padding of 2**31 - 1.",
        graph({"op": "max_pool", "kernel": 2, "padding": MAX}, FC1, shape=[3, 4, 4]),
    ),
    "padding_that_grows": (
        "A value that padding makes larger in each of 4000 operations.",
        graph(*[{"op": "average_pool", "kernel": 3, "stride": 1, "padding": 2}] * 4000, FC1, shape=[3, 4, 4]),
    ),
    "joins_that_double": (
        "Thirty-four values that each hold the one before them twice.",
        graph(*[{"op": "concatenate", "from": [n, n]} for n in range(34)], FC1),
    ),
    "joins_of_everything": (
        "A thousand joins of four thousand values.",
        graph(*[{"op": "concatenate", "from": [0] * 4096}] * 1000, FC1),
    ),
    "too_many_operations": ("A hundred thousand operations.", graph(*[{"op": "relu"}] * 100_000, FC1)),
    "not_an_object": ("A text instead of a graph.", b'"graph"'),
    "null_operations": ("Operations that are null.", b'{"operations": null}'),
    "byte_order_mark": ("A byte order mark.", b"\xef\xbb\xbf{}"),
}
for _name, (_purpose, _data) in JSON_GRAPHS.items():
    add("graph", _name, _purpose, lambda data=_data: data)


INDEXES: dict[str, tuple[str, bytes]] = {
    "deep": ("A million open brackets.", b"[" * (1 << 20)),
    "another_folder": ("A file above the index's folder.", b'{"weight_map": {"a.weight": "../good.safetensors"}}'),
    "device": ("A device instead of a file.", b'{"weight_map": {"a.weight": "/dev/zero"}}'),
    "itself": ("The index as its own part.", b'{"weight_map": {"a.weight": "bad.safetensors.index.json"}}'),
    "not_there": ("A tensor that its file lacks.", b'{"weight_map": {"a.weight": "good.safetensors"}}'),
    "name_with_escape": ("A file name that clears the terminal.", b'{"weight_map": {"a": "\\u001b[2J.safetensors"}}'),
    "no_map": ("A list instead of a map.", b'{"weight_map": []}'),
}
for _name, (_purpose, _data) in INDEXES.items():
    add("sharded", _name, _purpose, lambda data=_data: data)


def layer(kind: str, fields: str = "") -> str:
    """A layer of a prototxt that takes the input."""
    return f'layer {{ name: "fc1" type: "{kind}" bottom: "data" top: "fc1" {fields} }}\n'


INPUT = 'input: "data"\ninput_dim: 1\ninput_dim: 2\ninput_dim: 3\ninput_dim: 2\n'
PROTOTXTS: dict[str, tuple[str, str]] = {
    "empty": ("No byte at all.", ""),
    "deep_messages": ("A million open braces.", "a{" * (1 << 20)),
    "many_messages": ("Eight megabytes of empty messages of three bytes each.", "a{}" * 2_800_000),
    "many_fields": ("Eight megabytes of fields with names of their own.", "".join(f"x{n}:1 " for n in range(800_000))),
    "many_small_fields": ("A hundred thousand fields in less than a megabyte.", "a:1 " * 100_000),
    "long_token": ("A word of eight megabytes.", "a" * (1 << 23)),
    "long_space": ("Eight megabytes of spaces before something that is no token.", " " * (1 << 23) + "\\"),
    "open_text": ("A text of eight megabytes that never ends.", 'name: "' + "x" * (1 << 23)),
    "comment": ("A comment of eight megabytes that never ends.", "#" * (1 << 23)),
    "duplicate_input": ("Two inputs.", INPUT + INPUT),
    "sizes_overflow": ("An input of 10**40 values.", 'input: "data"\n' + "input_dim: 9999999999\n" * 4),
    "negative_size": ("An input of -2 channels.", INPUT.replace("2", "-2", 1)),
    "no_outputs": ("A layer of no outputs.", INPUT + layer("InnerProduct", "inner_product_param { num_output: 0 }")),
    "many_outputs": (
        "A layer of 9,999,999,999 outputs.",
        INPUT + layer("InnerProduct", "inner_product_param { num_output: 9999999999 }"),
    ),
    "group_zero": (
        "A convolution of no groups.",
        INPUT + layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 group: 0 }"),
    ),
    "stride_zero": (
        "A window that never moves on.",
        INPUT + layer("Pooling", "pooling_param { kernel_size: 2 stride: 0 }"),
    ),
    "padding_overflow": (
        "Padding of 9,999,999,999.",
        INPUT + layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 pad: 9999999999 }"),
    ),
    "bottom_of_itself": ("A layer that takes its own result.", INPUT + layer("ReLU").replace('"data"', '"fc1"')),
    "cycle": (
        "Two layers that take each other's result.",
        INPUT + 'layer { name: "a" type: "ReLU" bottom: "b" top: "a" } layer { name: "b" type: "ReLU" bottom: "a" }',
    ),
    "unknown_layer": ("A layer that would run Python.", INPUT + layer("Python", 'python_param { module: "os" }')),
    "message_for_a_value": ("A message where a number is wanted.", INPUT + layer("ReLU", "relu_param { engine { } }")),
    "joins_that_double": (
        "Forty values that each hold the one before them twice.",
        INPUT
        + "".join(
            f'layer {{ name: "c{n}" type: "Concat" bottom: "{b}" bottom: "{b}" top: "c{n}" }}\n'
            for n, b in enumerate(["data", *(f"c{n}" for n in range(39))])
        ),
    ),
    "name_with_escape": (
        "A layer whose name writes to the terminal.",
        INPUT + layer("Nothing").replace("fc1", "\x1b[2J\r\x07\u202e"),
    ),
}
for _name, (_purpose, _text) in PROTOTXTS.items():
    add("prototxt", _name, _purpose, lambda text=_text: text.encode())


@attack("prototxt", "technology", "config", "recipe", "journal", "baseline", "results")
def not_utf8() -> bytes:
    """Bytes that are no text."""
    return b"\xff\xfe\x00\x80" * 16


def onnx_model(*nodes: Any, dims: tuple[int, ...] = (2, 3), raw: bytes | None = None, **fields: Any) -> Any:
    """A model of one matrix of weights; `fields` of its tensor."""
    import onnx
    from onnx import helper

    tensor: Any = onnx.TensorProto(name="w", data_type=fields.pop("data_type", 1), dims=dims)
    tensor.raw_data = np.ones(6, "<f4").tobytes() if raw is None else raw
    for name, value in fields.items():
        tensor.external_data.add(key=name, value=value)
        tensor.data_location = 1
    if fields:
        tensor.ClearField("raw_data")
    whole: Any = helper.make_graph(
        list(nodes) or [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)],
        "graph",
        [helper.make_tensor_value_info("x", 1, [1, 3])],
        [helper.make_tensor_value_info("y", 1, None)],
        [tensor],
    )
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)])


def node(operator: str, inputs: str, **attributes: Any) -> Any:
    """A node whose result is the output."""
    from onnx import helper

    return helper.make_node(operator, inputs.split(), ["y"], **attributes)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


@attack("onnx")
def empty() -> bytes:
    """No byte at all."""
    return b""


@attack("onnx")
def length_bomb() -> bytes:
    """A field that is said to have 2**62 bytes."""
    return b"\x3a" + _varint(1 << 62)


@attack("onnx")
def deep_messages() -> bytes:
    """A graph in an attribute of a node of a graph, ten thousand deep."""
    data = b""
    for _ in range(10_000):
        data = b"\x32" + _varint(len(data)) + data  # AttributeProto.g
        data = b"\x2a" + _varint(len(data)) + data  # NodeProto.attribute
        data = b"\x0a" + _varint(len(data)) + data  # GraphProto.node
        if len(data) > 1 << 17:
            break
    return b"\x3a" + _varint(len(data)) + data


@attack("onnx")
def many_nodes() -> bytes:
    """Four million empty nodes of two bytes each, which take a hundred times as much."""
    data = b"\x0a\x00" * (1 << 22)
    return b"\x08\x08\x42\x02\x10\x11\x3a" + _varint(len(data)) + data


@attack("onnx")
def huge_dims() -> bytes:
    """Weights of 2**62 rows and columns."""
    return onnx_model(dims=(1 << 62, 1 << 62)).SerializeToString()


@attack("onnx")
def negative_dims() -> bytes:
    """Weights of -2 rows."""
    return onnx_model(dims=(-2, -3)).SerializeToString()


@attack("onnx")
def other_number_of_weights() -> bytes:
    """Fewer weights than their shape says."""
    return onnx_model(raw=bytes(20)).SerializeToString()


@attack("onnx")
def text_weights() -> bytes:
    """Weights that are texts."""
    return onnx_model(data_type=8).SerializeToString()


@attack("onnx")
def unknown_type() -> bytes:
    """Weights of a type that does not exist."""
    return onnx_model(data_type=1 << 30).SerializeToString()


@attack("onnx")
def not_finite() -> bytes:
    """Weights of NaN."""
    return onnx_model(raw=np.full(6, np.nan, "<f4").tobytes()).SerializeToString()


@attack("onnx")
def external_elsewhere() -> bytes:
    """Weights in a file outside the model's folder."""
    return onnx_model(location="../../../../etc/passwd", length="24").SerializeToString()


@attack("onnx")
def external_absolute() -> bytes:
    """Weights in a device that has no end."""
    return onnx_model(location="/dev/zero", length="24").SerializeToString()


@attack("onnx")
def external_in_itself() -> bytes:
    """Weights of which the model says that they are its folder."""
    return onnx_model(location=".", length="24").SerializeToString()


@attack("onnx")
def external_huge() -> bytes:
    """Weights of 2**61 bytes in a small file."""
    return onnx_model(dims=(1 << 30, 1 << 29), location="good.npy", length=str(1 << 61)).SerializeToString()


@attack("onnx")
def external_offset() -> bytes:
    """Weights from byte -1 on."""
    return onnx_model(location="good.npy", offset="-1", length="24").SerializeToString()


@attack("onnx")
def unknown_operator() -> bytes:
    """An operator of another domain with a name that writes to the terminal."""
    return onnx_model(node("\x1b[2J\nerror: no", "x w", domain="evil")).SerializeToString()


@attack("onnx")
def nan_attribute() -> bytes:
    """A factor of NaN."""
    return onnx_model(node("Gemm", "x w", transB=1, alpha=float("nan"))).SerializeToString()


@attack("onnx")
def cycle() -> bytes:
    """A node that takes its own result."""
    return onnx_model(node("Relu", "y")).SerializeToString()


@attack("onnx")
def reshape_overflow() -> bytes:
    """A constant that is a shape of a billion rows."""
    from onnx import helper

    shape: Any = helper.make_tensor("s", 7, [2], [1 << 40, 1 << 40])
    nodes = [helper.make_node("Constant", [], ["s"], value=shape), helper.make_node("Reshape", ["w", "s"], ["v"])]
    return onnx_model(*nodes, node("Gemm", "x v")).SerializeToString()


@attack("onnx")
def spread_constant() -> bytes:
    """A sparse constant, whose dense form would be any size."""
    from onnx import helper

    tensor: Any = helper.make_sparse_tensor(
        helper.make_tensor("v", 1, [1], [1.0]), helper.make_tensor("i", 7, [1], [0]), [1 << 40]
    )
    constant = helper.make_node("Constant", [], ["c"], sparse_value=tensor)
    return onnx_model(constant, node("Gemm", "x c")).SerializeToString()


@attack("onnx")
def typed_data() -> bytes:
    """Weights given twice, as bytes and as numbers."""
    model = onnx_model()
    model.graph.initializer[0].float_data.extend([1.0] * 7)
    model.graph.initializer[0].ClearField("raw_data")
    return model.SerializeToString()


@attack("onnx")
def wide_typed_data() -> bytes:
    """A million boolean numbers, of a byte each in the file and of four in memory, for a shape that wants more."""
    import onnx

    model = onnx_model(dims=(1 << 11, 1 << 11), raw=b"", data_type=onnx.TensorProto.FLOAT)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_type = onnx.TensorProto.INT32
    tensor.int32_data.extend([1] * (1 << 20))
    return model.SerializeToString()
