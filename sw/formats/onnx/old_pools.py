"""Pooling of before opset 22, so that shape inference counts the windows that are computed.

With ceil_mode the last window may begin behind the elements. Nothing computes it, but inference counts it there (onnx
1.23.2, `findings/onnx_old_ceil_shapes.sh`), and calls a file that declares the right sizes contradictory.
"""

from importlib import import_module
from typing import Any

POOLS = ("MaxPool", "AveragePool")
MENDED = 22  # the opset from which inference counts as everybody does


def counted(onnx: Any, model: Any) -> Any:
    """The model, or a copy of it for inference alone, in which such pools have padding in place of ceil_mode.

    Pools inside branches, and those whose sizes are not known, stay as they are.
    """
    opset = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=MENDED)
    if opset >= MENDED or not any(_rounds_up(onnx, node) for node in model.graph.node):
        return model
    made = onnx.ModelProto()
    made.CopyFrom(model)
    sizes: dict[str, list[int]] = {}
    for node in made.graph.node:
        if _rounds_up(onnx, node):
            sizes = sizes or _sizes(made)
            if _padded(onnx, node, sizes.get(node.input[0], [])):
                sizes = {}
    return made


def _attributes(onnx: Any, node: Any) -> dict[str, Any]:
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def _rounds_up(onnx: Any, node: Any) -> bool:
    if node.op_type not in POOLS or node.domain not in ("", "ai.onnx"):
        return False
    given = _attributes(onnx, node)
    return given.get("ceil_mode", 0) == 1 and given.get("auto_pad", b"NOTSET") == b"NOTSET"


def _sizes(model: Any) -> dict[str, list[int]]:
    """Of every value whose sizes are all known."""
    graph = import_module("onnx.shape_inference").infer_shapes(model, data_prop=True).graph
    found: dict[str, list[int]] = {}
    for value in (*graph.input, *graph.value_info):
        each = [size.dim_value for size in value.type.tensor_type.shape.dim]
        if each and min(each) > 0:
            found[value.name] = each
    return found


def _padded(onnx: Any, node: Any, sizes: list[int]) -> bool:
    """Whether inference would count a window too many; then its padding says how many there are."""
    given = _attributes(onnx, node)
    kernel = given["kernel_shape"]
    axes = len(kernel)
    if len(sizes) != axes + 2:
        return False
    strides, dilations = given.get("strides", [1] * axes), given.get("dilations", [1] * axes)
    pads = given.get("pads", [0] * (2 * axes))
    begins, ends = list(pads[:axes]), list(pads[axes:])
    too_many = False
    for axis, (size, width, step, apart) in enumerate(zip(sizes[2:], kernel, strides, dilations, strict=True)):
        span = (width - 1) * apart + 1
        last = -(-(size + begins[axis] + ends[axis] - span) // step) * step  # where the last window begins
        if last >= size + begins[axis]:
            too_many = True
        else:
            ends[axis] = last + span - size - begins[axis]
    if too_many:
        kept = [each for each in node.attribute if each.name not in ("ceil_mode", "pads")]
        padding = onnx.helper.make_attribute("pads", [*begins, *ends])
        del node.attribute[:]
        node.attribute.extend([*kept, padding])
    return too_many
