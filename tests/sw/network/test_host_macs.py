"""sw/network/host_macs.py: the products of operators by their shapes."""

from typing import Any

import numpy as np
import pytest

from sw.network.host_macs import host_macs

onnx: Any = pytest.importorskip("onnx", reason="parts of the host are ONNX models")
helper: Any = onnx.helper


def model(nodes: list[Any], shapes: dict[str, list[int]]) -> bytes:
    """With inputs of these shapes."""
    inputs = [helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "part", inputs, [helper.make_tensor_value_info("y", 1, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def branch(name: str, sizes: int) -> Any:
    """A product of a (1, 4) with a constant (4, sizes)."""
    weights = onnx.numpy_helper.from_array(np.ones((4, sizes), np.float32), f"w{name}")
    result = helper.make_tensor_value_info(f"r{name}", 1, [1, sizes])
    return helper.make_graph(
        [helper.make_node("MatMul", ["a", f"w{name}"], [f"r{name}"])], name, [], [result], [weights]
    )


@pytest.mark.parametrize(
    ("nodes", "shapes", "wanted"),
    [
        ([("MatMul", "a b", {})], {"a": [2, 3, 4, 5], "b": [2, 3, 5, 6]}, 2 * 3 * 4 * 5 * 6),
        ([("Gemm", "a b", {"transA": 1})], {"a": [5, 4], "b": [5, 6]}, 4 * 5 * 6),
        ([("Conv", "a b", {"group": 2})], {"a": [1, 4, 9, 9], "b": [6, 2, 3, 3]}, 6 * 7 * 7 * 2 * 9),
        ([("ConvTranspose", "a b", {"strides": [2, 2]})], {"a": [1, 4, 5, 5], "b": [4, 6, 3, 3]}, 4 * 25 * 6 * 9),
        (
            [("LSTM", "a b c", {"hidden_size": 3})],
            {"a": [7, 1, 4], "b": [1, 12, 4], "c": [1, 12, 3]},
            7 * 12 * (4 + 3),
        ),
        ([("Sin", "a", {})], {"a": [1, 4]}, 0),
        ([("Einsum", "a b", {"equation": "ij,jk->ik"})], {"a": [4, 5], "b": [5, 6]}, None),
        ([("If", "up", {"then_branch": branch("then", 7), "else_branch": branch("else", 9)})], {"a": [1, 4]}, 36),
    ],
)
def test_products(nodes: list[tuple[str, str, Any]], shapes: dict[str, list[int]], wanted: int | None) -> None:
    made = []
    for kind, inputs, attributes in nodes:
        if kind == "If":
            zero = helper.make_node("Constant", [], ["up"], value=onnx.numpy_helper.from_array(np.array(True)))
            made.append(zero)
        made.append(helper.make_node(kind, inputs.split(), ["y"], **attributes))
    assert host_macs(model(made, shapes)) == wanted
