"""Attacks by ONNX models that are whole, whose operators contradict themselves or each other."""

from typing import Any

import numpy as np

from tests.attacks.corpus import attack
from tests.attacks.graphs import node, onnx_model

HUGE = 1 << 62


def constant(name: str, *values: int) -> Any:
    """A node that gives these integers."""
    from onnx import helper, numpy_helper

    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(values, np.int64)))


@attack("onnx")
def cycle_of_two() -> bytes:
    """Two operators that take each other's results."""
    from onnx import helper

    nodes = (helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"]))
    return onnx_model(*nodes, node("Gemm", "b w", transB=1)).SerializeToString()


@attack("onnx")
def value_made_twice() -> bytes:
    """Two operators that give the same value."""
    from onnx import helper

    nodes = (helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Sigmoid", ["x"], ["a"]))
    return onnx_model(*nodes, node("Gemm", "a w", transB=1)).SerializeToString()


@attack("onnx")
def reshape_that_overflows() -> bytes:
    """A new shape whose product is 0 in 64 bits."""
    from onnx import helper

    nodes = (constant("s", 1, HUGE, 4), helper.make_node("Reshape", ["x", "s"], ["a"]))
    return onnx_model(*nodes, node("Gemm", "a w", transB=1)).SerializeToString()


@attack("onnx")
def transpose_of_one_axis_twice() -> bytes:
    """An order of axes that is none."""
    from onnx import helper

    turned = helper.make_node("Transpose", ["x"], ["a"], perm=[0, 0])
    return onnx_model(turned, node("Gemm", "a w", transB=1)).SerializeToString()


@attack("onnx")
def softmax_of_no_axis() -> bytes:
    """An axis far behind the last."""
    from onnx import helper

    last = helper.make_node("Softmax", ["x"], ["a"], axis=HUGE)
    return onnx_model(last, node("Gemm", "a w", transB=1)).SerializeToString()


@attack("onnx")
def slice_of_step_zero() -> bytes:
    """A part of a value that never ends."""
    from onnx import helper

    parts = [constant(name, value) for name, value in (("b", 0), ("e", 3), ("i", 1), ("t", 0))]
    cut = helper.make_node("Slice", ["x", "b", "e", "i", "t"], ["a"])
    return onnx_model(*parts, cut, node("Gemm", "a w", transB=1)).SerializeToString()


@attack("onnx")
def large_weights_of_another_shape() -> bytes:
    """A megabyte of weights, of which the shape says that they are four terabytes."""
    return onnx_model(dims=(1 << 20, 1 << 20), raw=bytes(1 << 20)).SerializeToString()


@attack("onnx")
def large_weights_cut_off() -> bytes:
    """Weights that go on behind the end of the file."""
    data = onnx_model(dims=(1 << 9, 1 << 9), raw=bytes(1 << 20)).SerializeToString()
    return data[: -(1 << 19)]


@attack("onnx")
def sparse_weights() -> bytes:
    """A sparse tensor with a place 2**62 in a matrix of six."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx_model(node("Gemm", "x v", transB=1))
    places = numpy_helper.from_array(np.array([HUGE], np.int64), "places")
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    sparse: onnx.SparseTensorProto = helper.make_sparse_tensor(values, places, [2, 3])
    model.graph.sparse_initializer.append(sparse)
    return model.SerializeToString()


@attack("onnx")
def loop_without_end() -> bytes:
    """A layer, and behind it a loop of 2**62 rounds for the host."""
    from onnx import helper

    value = helper.make_tensor_value_info("c", 9, [])
    counted = helper.make_tensor_value_info("n", 7, [])
    same = helper.make_node("Identity", ["c"], ["d"])
    body = helper.make_graph([same], "body", [counted, value], [helper.make_tensor_value_info("d", 9, [])])
    yes = helper.make_node("Greater", ["one", "zero"], ["yes"])
    numbers = [constant("rounds", HUGE), constant("one", 1), constant("zero", 0)]
    rounds = helper.make_node("Loop", ["rounds", "yes"], [], body=body)
    layer = helper.make_node("Gemm", ["x", "w"], ["a"], transB=1)
    return onnx_model(*numbers, yes, layer, rounds, node("Sin", "a")).SerializeToString()


@attack("onnx")
def host_part_of_a_foreign_domain() -> bytes:
    """A layer, and behind it an operator that a library of the file's choice would bring."""
    from onnx import helper

    layer = helper.make_node("Gemm", ["x", "w"], ["a"], transB=1)
    return onnx_model(layer, node("Run", "a", domain="com.microsoft")).SerializeToString()
