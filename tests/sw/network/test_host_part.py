"""sw/network/host_part.py and host_model.py: which models the host runs, and what it makes of values."""

from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.network import host_model
from sw.network.host_model import describe, run_host_model
from sw.network.host_part import HostPart
from tests.support.files.onnx_models import helper, onnx, onnxruntime

assert onnxruntime


def model(*nodes: Any, given: int = 1, made: int = 1, shape: tuple[Any, ...] = (1, 4), tensors: Any = ()) -> Any:
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Sin", ["x"], ["y"])],
        "part",
        [helper.make_tensor_value_info("x", given, shape)],
        [helper.make_tensor_value_info("y", made, shape)],
        list(tensors),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_each_input_is_run_by_itself():
    x = np.random.default_rng(0).normal(size=(5, 2, 2)).astype(np.float32)
    softmax = model(helper.make_node("Softmax", ["x"], ["y"], axis=0)).SerializeToString()
    assert np.array_equal(run_host_model(softmax, [x]), np.ones((5, 1, 4), np.float32))
    part = HostPart(model=model().SerializeToString(), shape=(4,))
    assert part.result_shape("it", (2, 2)) == (4,)


def test_whole_numbers_must_be_whole():
    cast = model(helper.make_node("Cast", ["x"], ["y"], to=1), given=7).SerializeToString()
    assert run_host_model(cast, [np.array([[1, 2, 3, 4.0]])]).tolist() == [[[1, 2, 3, 4]]]
    for bad in (0.5, 2.0**24, np.nan):
        with pytest.raises(EieError, match="takes whole numbers below 16777216, it gets others"):
            run_host_model(cast, [np.array([[bad, 2, 3, 4.0]])])


def test_nan_is_refused_and_infinity_is_not():
    log = model(helper.make_node("Log", ["x"], ["y"])).SerializeToString()
    assert run_host_model(log, [np.array([[0, 1, 1, 1.0]])]).tolist() == [[[-np.inf, 0, 0, 0]]]
    with pytest.raises(EieError, match="must be numbers, got NaN"):
        run_host_model(log, [np.array([[-1, 1, 1, 1.0]])])


def external() -> Any:
    tensor = onnx.numpy_helper.from_array(np.ones(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def loop() -> Any:
    body = helper.make_graph([], "body", [], [])
    return helper.make_node("Loop", ["x"], ["y"], body=body)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (model(helper.make_node("Sin", ["x"], ["y"], domain="com.example")), "com.example.Sin is not ONNX's own"),
        (model(loop()), "operator Loop of node  is not run: how often it repeats its graph must be a constant"),
        (model(helper.make_node("Scan", ["x"], ["y"], body=loop().attribute[0].g)), "not run: it repeats a graph"),
        (model(helper.make_node("Bernoulli", ["x"], ["y"])), "not run: it is not a function of its inputs"),
        (model(tensors=[external()]), "constant w of a host's part must be in the model, it is outside"),
        (model(shape=(1, "n")), "must have known sizes"),
        (model(shape=(1 << 20, 1 << 20)), "must have known sizes"),
        (model(made=7), "the output of a host's part must be float32, it is int64"),
        (model(given=8), "must be a tensor of numbers"),
    ],
)
def test_what_is_not_run(made: Any, sentence: str):
    with pytest.raises(EieError, match=sentence):
        describe(made.SerializeToString())


def test_sizes_must_fit():
    part = HostPart(model=model().SerializeToString(), shape=(5,))
    with pytest.raises(EieError, match="takes a value of"):
        part.result_shape("it", (3,))
    with pytest.raises(EieError, match="takes 1 values, it gets 2"):
        part.result_shape("it", (4,), (4,))
    with pytest.raises(EieError, match="it must be of"):
        part.result_shape("it", (4,))


def test_a_model_that_onnxruntime_refuses_and_memory_without_end():
    with pytest.raises(EieError, match="onnxruntime must be able to run"):
        run_host_model(model(helper.make_node("Sin", ["z"], ["y"])).SerializeToString(), [np.zeros((1, 4))])
    size = onnx.numpy_helper.from_array(np.array([1 << 33]), "s")
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["a"]),
        helper.make_node("ReduceSum", ["a"], ["b"]),
        helper.make_node("Add", ["x", "b"], ["y"]),
    ]
    huge = model(*nodes, tensors=[size]).SerializeToString()
    with pytest.raises(EieError, match="onnxruntime must be able to run"):
        run_host_model(huge, [np.zeros((1, 4))])


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    def missing(_name: str) -> Any:
        raise ImportError

    monkeypatch.setattr(host_model, "import_module", missing)
    with pytest.raises(EieError, match=r"in onnxruntime: pip install 'onnx"):
        describe(model().SerializeToString() + b"\x0a\x00")
