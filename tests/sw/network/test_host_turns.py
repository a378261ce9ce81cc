"""sw/network/host_turns.py: loops run as often as they say themselves, and no more than so often."""

from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.network.host_model import describe, run_host_model
from sw.network.host_turns import MOST_TURNS

onnx: Any = pytest.importorskip("onnx", reason="parts of the host are ONNX models")
pytest.importorskip("onnxruntime", reason="runs parts of the host")
helper: Any = onnx.helper


def number(name: str, value: int, shape: tuple[int, ...] = (), dtype: Any = np.int64) -> Any:
    return onnx.numpy_helper.from_array(np.full(shape, value, dtype), name)


def value(name: str, kind: int, *shape: int) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def body_of(name: str, inside: list[Any], result: str) -> Any:
    """Of a loop that hands on one value of four numbers; `inside` makes `result` of `name`."""
    nodes = [helper.make_node("Identity", [f"c{name}"], [f"d{name}"]), *inside]
    return helper.make_graph(
        nodes,
        "body",
        [value(f"n{name}", 7), value(f"c{name}", 9), value(name, 1, 1, 4)],
        [value(f"d{name}", 9), value(result, 1, 1, 4)],
    )


def model(turns: str, tensors: list[Any], inner: str | None = None) -> Any:
    """x doubled `turns` times; with `inner` in a loop of its own in each turn."""
    double = helper.make_node("Add", ["s", "s"], ["t"])
    if inner is not None:
        body = body_of("u", [helper.make_node("Add", ["u", "u"], ["w"])], "w")
        double = helper.make_node("Loop", [inner, "", "s"], ["t"], body=body)
    outer = body_of("s", [double], "t")
    node = helper.make_node("Loop", [turns, "", "x"], ["y"], body=outer)
    graph = helper.make_graph([node], "part", [value("x", 1, 1, 4)], [value("y", 1, 1, 4)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_a_loop_with_a_constant_number_of_turns() -> None:
    x = np.arange(4, dtype=np.float32)[np.newaxis]
    for made, times in (
        (model("m", [number("m", 5)]), 32),
        (model("m", [number("m", 3, (1,)), number("k", 2)], "k"), 64),
        (model("m", [number("m", 0)]), 1),
    ):
        assert np.array_equal(run_host_model(made.SerializeToString(), [x])[0], times * x)


def twice_written() -> Any:
    """A short loop, whose number is written again as a sparse constant."""
    made = model("m", [number("m", 3)])
    places = onnx.numpy_helper.from_array(np.array([0], np.int64), "places")
    again = onnx.numpy_helper.from_array(np.array([1 << 40]), "m")
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(again, places, [1]))
    return made


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            model("m", [number("m", MOST_TURNS + 1)]),
            f"repeats its graph {MOST_TURNS + 1} times, wanted {MOST_TURNS}",
        ),
        (model("m", [number("m", 65), number("k", 64)], "k"), "it repeats its graph 4160 times"),
        (model("", []), "must be a constant"),
        (model("m", [number("m", 3, dtype=np.int32)]), "must be a constant"),
        (model("m", [number("m", 3, (2,))]), "must be a constant"),
        (model("m", [number("m", 3), number("m", 4)]), "must be a constant"),
        (model("ns", [number("ns", 3)], "ns"), "must be a constant"),  # inside, the number of the turn hides it
        (twice_written(), "must be a constant"),
    ],
)
def test_loops_that_are_not_run(made: Any, sentence: str) -> None:
    with pytest.raises(EieError, match=sentence):
        describe(made.SerializeToString())
