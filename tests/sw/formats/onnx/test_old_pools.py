"""sw/formats/onnx/old_pools.py: sizes that are inferred are those that are computed, whatever the opset."""

from pathlib import Path
from typing import Any

import pytest

from model.errors import EieError
from sw.formats.onnx.host_trial import check_given
from sw.formats.onnx.model import open_model
from sw.formats.onnx.old_pools import counted
from sw.formats.onnx.partition import partition
from tests.support.files.onnx_graphs import helper, model, node, onnx, reference, values, write

CEIL = {"ceil_mode": 1, "strides": [2, 2]}
SHAPE = ["n", 2, 5, 6]


def pools(operator: str, **attributes: Any) -> list[Any]:
    """Two pools behind each other and a convolution."""
    more = {**CEIL, "pads": [1, 1, 1, 1], "kernel_shape": [2, 2]}
    return [node(operator, "x", "a", **attributes), node("MaxPool", "a", "b", **more), node("Conv", "b k", "y")]


@pytest.mark.parametrize("opset", [12, 21, 22])
@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    "attributes",
    [
        {**CEIL, "kernel_shape": [2, 2], "pads": [1, 1, 1, 1]},  # of the rows one window fewer, of the columns none
        {**CEIL, "kernel_shape": [3, 2], "pads": [1, 1, 0, 1], "strides": [2, 3]},
        {**CEIL, "kernel_shape": [2, 3]},
        {**CEIL, "kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"},
        {"kernel_shape": [2, 2]},
    ],
)
def test_inferred_is_computed(operator: str, attributes: dict[str, Any], opset: int) -> None:
    content = model(pools(operator, **attributes), {"k": values(3, 2, 1, 1)}, [1, *SHAPE[1:]], opset=opset)
    if "auto_pad" in attributes:  # the reference has no ceil_mode there
        assert opset == 22 or counted(onnx, content).graph.node[0] == content.graph.node[0]
        return
    (wanted,) = reference.ReferenceEvaluator(content).run(None, {"x": values(1, 2, 5, 6)})
    before = content.SerializeToString()
    graph = onnx.shape_inference.infer_shapes(counted(onnx, content), strict_mode=True).graph
    assert [size.dim_value for size in graph.output[0].type.tensor_type.shape.dim] == list(wanted.shape)
    assert content.SerializeToString() == before


def test_layers_behind_take_what_is_computed(tmp_path: Path) -> None:
    nodes = pools("MaxPool", **CEIL, kernel_shape=[2, 2], pads=[1, 1, 1, 1])
    nodes.append(node("Hardmax", "y", "z"))
    found = [
        partition(
            write(tmp_path / "net.onnx", model(nodes, {"k": values(3, 2, 1, 1)}, SHAPE, opset=opset, output="z")),
            (2, 5, 6),
        )
        for opset in (17, 22)
    ]
    assert found[0] == found[1]
    assert [part.vectors for part in found[0] if part.place == "array"] == [2 * 3]


def test_right_sizes_contradict_nothing(tmp_path: Path) -> None:
    nodes = pools("MaxPool", **CEIL, kernel_shape=[2, 2], pads=[1, 1, 1, 1])
    content = model(nodes, {"k": values(3, 2, 1, 1)}, [1, 2, 5, 6])
    (wanted,) = reference.ReferenceEvaluator(content).run(None, {"x": values(1, 2, 5, 6)})
    for sizes, contradicts in ((list(wanted.shape), False), ([size + 1 for size in wanted.shape], True)):
        content.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, sizes))
        file = open_model(write(tmp_path / "net.onnx", content))
        if contradicts:
            with pytest.raises(EieError, match="its operators must fit together"):
                check_given(file, {})
        else:
            check_given(file, {})
