"""Which nodes of an ONNX model make which part of the host, and the model of such a part.

A part makes one value: what a layer takes, an output, or a float32 value that several parts take. It holds every node
that only it needs. A value of another type that several parts need is made in each of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.onnx.host_trial import HostNode
from sw.network.host_model import TYPES
from sw.network.host_turns import inner_graphs


def find_cones(
    nodes: Sequence[HostNode], roots: Sequence[str], there: set[str], values: Mapping[str, NDArray[Any]]
) -> dict[str, list[HostNode]]:
    """The nodes of every part, in their order, by the value that it makes.

    Parameters
    ----------
    nodes : the host's, in the model's order.
    roots : values that a layer takes or that are outputs.
    there : values that no part needs to make: inputs, constants, results of layers.
    """
    cones: dict[str, list[HostNode]] = {name: [] for name in roots if name not in there}
    needed: dict[str, set[str]] = {name: {name} for name in cones}
    for node in reversed(nodes):
        outputs = [name for name in node.outputs if name in needed]
        owners = {owner for name in outputs for owner in needed[name]}
        if len(owners) > 1 and len(outputs) == 1 and _is_float(values.get(outputs[0])):
            owners = {outputs[0]}
            cones[outputs[0]] = []
            needed[outputs[0]] = owners
        for name in owners:
            cones[name].append(node)
        for name in node.inputs:
            if name not in there and name not in cones:
                needed.setdefault(name, set()).update(owners)
    return {name: own[::-1] for name, own in cones.items()}


def part_model(
    onnx: Any,
    like: Any,
    nodes: Sequence[HostNode],
    root: str,
    imports: Sequence[tuple[str, NDArray[Any]]],
    constants: Mapping[str, NDArray[Any]],
    output: NDArray[Any],
) -> bytes:
    """The bytes of the model of a part.

    Parameters
    ----------
    like : the whole model, whose versions it has.
    imports : names of the values that it takes, and an example of each.
    constants : those that it needs, by name.
    output : an example of what it makes.
    """
    names: dict[str, str] = {"": ""}
    helper = onnx.helper
    inputs = [_declared(helper, _named(names, name), example) for name, example in imports]
    tensors = [onnx.numpy_helper.from_array(array, _named(names, name)) for name, array in constants.items()]
    protos = [_renamed(node.proto, names) for node in nodes]
    graph = helper.make_graph(protos, "part", inputs, [_declared(helper, names[root], output)], tensors)
    opsets = [helper.make_opsetid("", each.version) for each in like.opset_import if each.domain in ("", "ai.onnx")]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=like.ir_version)
    return model.SerializeToString(deterministic=True)


def _named(names: dict[str, str], name: str) -> str:
    """A short name, the same each time."""
    return names.setdefault(name, f"{len(names):x}")


def _declared(helper: Any, name: str, example: NDArray[Any]) -> Any:
    kinds = {np.dtype(dtype): kind for kind, dtype in TYPES.items()}
    if example.dtype not in kinds:
        raise EieError(f"what a host's part takes and makes must be float32 or whole numbers, got {example.dtype}")
    return helper.make_tensor_value_info(name, kinds[example.dtype], example.shape)


def _renamed(proto: Any, names: dict[str, str]) -> Any:
    """A copy of a node with short names and without what says nothing."""
    node = type(proto)()
    node.CopyFrom(proto)
    _rename(node, names)
    return node


def _rename(node: Any, names: dict[str, str]) -> None:
    for field in ("name", "doc_string", "overload"):
        node.ClearField(field)
    if hasattr(node, "metadata_props"):
        node.ClearField("metadata_props")
    node.input[:] = [_named(names, name) for name in node.input]
    for attribute in node.attribute:
        attribute.ClearField("doc_string")
        for graph in inner_graphs(attribute):
            for value in (*graph.initializer, *graph.input):
                value.name = _named(names, value.name)
            for inner in graph.node:
                _rename(inner, names)
            for value in graph.output:
                value.name = _named(names, value.name)
            del graph.value_info[:]
    node.output[:] = [_named(names, name) for name in node.output]


def _is_float(value: NDArray[Any] | None) -> bool:
    return value is not None and value.dtype == np.float32 and value.size > 0
