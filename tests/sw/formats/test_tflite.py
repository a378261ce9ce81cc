"""sw/formats/tflite*.py: every operator against the vendor's interpreter, and files that say what cannot be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.compress.pipeline import compress
from sw.formats.assumptions import Assumptions, Integers
from sw.formats.network_file import load_network
from sw.network.integer_forward import run_integers
from tests.support.networks.formats import assert_refuses_cuts, assert_survives_damage

pytest.importorskip("tflite")

from sw.formats.tflite_file import parse_tflite
from tests.support.files.tflite_interpreter import interpret
from tests.support.files.tflite_writer import Operator, Tensor, constant, write_tflite

RNG = np.random.default_rng(0)
STEP = {"StrideH": 1, "StrideW": 1}
Built = tuple[list[Tensor], list[Operator]]


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def one(
    kind: str, inside: tuple[int, ...], outside: tuple[int, ...], *constants: np.ndarray, **options: object
) -> Built:
    """A model of one operator, its constants behind its input; behind a layer by 1 if it is none itself."""
    end = len(constants) + 1
    if kind in LAYERS:
        tensors = [Tensor(inside), *map(constant, constants), Tensor(outside)]
        return tensors, [Operator(kind, tuple(range(end)), (end,), options)]
    flat, size = len(inside) == 2, inside[-1]
    weight = normal(size, size) if flat else normal(size, 1, 1, size)
    first = Operator(LAYERS[2 if flat else 0], (0, 1, 2), (3,), {"FusedActivationFunction": 0} if flat else dict(STEP))
    both = [constant(weight), constant(normal(size))]
    tensors = [Tensor(inside), *both, Tensor(inside), *map(constant, constants), Tensor(outside)]
    return tensors, [first, Operator(kind, tuple(range(3, end + 3)), (end + 3,), options)]


def conv(inside: tuple[int, ...], outside: tuple[int, ...], *size: int, **options: int) -> Built:
    return one("CONV_2D", inside, outside, normal(*size), normal(size[0]), **STEP | options)


def depthwise(inside: tuple[int, ...], outside: tuple[int, ...], *size: int, **options: int) -> Built:
    return one("DEPTHWISE_CONV_2D", inside, outside, normal(1, *size), normal(size[-1]), **STEP | options)


def residual() -> Built:
    """A convolution whose result goes two ways, both joined again, then features through a softmax."""
    pool = {**STEP, "FilterHeight": 2, "FilterWidth": 3, "StrideH": 2}
    tensors = [
        Tensor((1, 5, 6, 2)), constant(normal(3, 3, 3, 2)), constant(normal(3)), Tensor((1, 5, 6, 3)),
        constant(normal(3, 1, 1, 3)), Tensor((1, 5, 6, 3)), Tensor((1, 5, 6, 3)), Tensor((1, 3, 6, 3)),
        constant(np.array([1, 54], np.int32)), Tensor((1, 54)), constant(normal(4, 54)), Tensor((1, 4)), Tensor((1, 4)),
    ]  # fmt: skip
    operators = [
        Operator("CONV_2D", (0, 1, 2), (3,), STEP | {"FusedActivationFunction": 1}),
        Operator("CONV_2D", (3, 4, 2), (5,), dict(STEP)),
        Operator("ADD", (3, 5), (6,), {"FusedActivationFunction": 3}),
        Operator("AVERAGE_POOL_2D", (6,), (7,), pool),
        Operator("RESHAPE", (7, 8), (9,)),
        Operator("FULLY_CONNECTED", (9, 10, -1), (11,), {"FusedActivationFunction": 0}),
        Operator("SOFTMAX", (11,), (12,), {"Beta": 0.5}),
    ]
    return tensors, operators


def padded() -> Built:
    """Zeros put around a map by an operator of their own."""
    pads = np.array([[0, 0], [0, 1], [2, 0], [0, 0]], np.int32)
    tensors, operators = conv((1, 6, 8, 2), (1, 2, 3, 3), 3, 3, 3, 2, StrideH=2, StrideW=2, Padding=1)
    tensors[0] = Tensor((1, 5, 6, 2))
    inputs = (len(tensors) + 1, 1, 2)
    pad = Operator("PAD", (0, len(tensors)), (len(tensors) + 1,))
    extra = [constant(pads), Tensor((1, 6, 8, 2))]
    last = Tensor((1, 2, 3, 3))
    result = len(tensors) + 2
    return [*tensors[:3], Tensor((1,)), *extra, last], [
        pad,
        Operator("CONV_2D", inputs, (result,), operators[0].options),
    ]


def half_weights() -> Built:
    """Weights stored in 16 bits behind a DEQUANTIZE."""
    tensors = [Tensor((1, 5)), constant(normal(3, 5).astype(np.float16)), Tensor((3, 5)), Tensor((1, 3))]
    layer = Operator("FULLY_CONNECTED", (0, 2, -1), (3,), {"FusedActivationFunction": 0})
    return tensors, [Operator("DEQUANTIZE", (1,), (2,)), layer]


def joined(axis: int) -> Built:
    tensors, (layer, other) = one("TANH", (1, 4, 4, 2), (1, 4, 4, 2))
    join = Operator("CONCATENATION", (3, 4), (5,), {"Axis": axis})
    return [*tensors, Tensor((1, 4, 4, 4))], [layer, other, join]


MAP = (1, 7, 5, 3)
POOL = {"FilterHeight": 3, "FilterWidth": 2, "StrideH": 2, "StrideW": 2}
CHANNELS = np.array([0.5, -2, 3], np.float32)
BUILT: dict[str, Callable[[], Built]] = {
    "conv, same": lambda: conv(MAP, (1, 4, 3, 4), 4, 3, 2, 3, StrideH=2, StrideW=2, FusedActivationFunction=1),
    "conv, valid": lambda: conv(MAP, (1, 5, 4, 4), 4, 3, 2, 3, Padding=1, FusedActivationFunction=3),
    "conv, dilated": lambda: conv(MAP, (1, 7, 5, 4), 4, 3, 2, 3, DilationHFactor=2, DilationWFactor=3),
    "conv, -1 to 1": lambda: conv(MAP, (1, 7, 5, 4), 4, 1, 1, 3, FusedActivationFunction=2),
    "conv, one row": lambda: conv((1, 1, 20, 3), (1, 1, 10, 4), 4, 1, 5, 3, StrideW=2),
    "depthwise": lambda: depthwise(MAP, (1, 7, 5, 3), 3, 3, 3, DepthMultiplier=1),
    "depthwise, two each": lambda: depthwise(MAP, (1, 4, 3, 6), 3, 3, 6, DepthMultiplier=2, StrideH=2, StrideW=2),
    "linear": lambda: one("FULLY_CONNECTED", (1, 6), (1, 4), normal(4, 6), normal(4), FusedActivationFunction=1),
    "linear, map": lambda: one("FULLY_CONNECTED", (1, 2, 3, 2), (1, 4), normal(4, 12), FusedActivationFunction=0),
    "average pool": lambda: one("AVERAGE_POOL_2D", MAP, (1, 4, 3, 3), **POOL),
    "max pool": lambda: one("MAX_POOL_2D", MAP, (1, 3, 2, 3), **POOL, Padding=1),
    "mean": lambda: one("MEAN", MAP, (1, 3), np.array([1, 2], np.int32), KeepDims=0),
    "mean, kept": lambda: one("MEAN", MAP, (1, 1, 1, 3), np.array([1, 2], np.int32), KeepDims=1),
    "logistic": lambda: one("LOGISTIC", MAP, MAP),
    "hard swish": lambda: one("HARD_SWISH", MAP, MAP),
    "leaky relu": lambda: one("LEAKY_RELU", MAP, MAP, Alpha=0.25),
    "relu6": lambda: one("RELU6", MAP, MAP),
    "log softmax": lambda: one("LOG_SOFTMAX", (1, 5), (1, 5)),
    "add a number": lambda: one("ADD", MAP, MAP, np.array(0.5, np.float32), FusedActivationFunction=0),
    "multiply channels": lambda: one("MUL", MAP, MAP, CHANNELS, FusedActivationFunction=0),
    "subtract channels": lambda: one("SUB", MAP, MAP, CHANNELS, FusedActivationFunction=1),
    "divide channels": lambda: one("DIV", MAP, MAP, CHANNELS, FusedActivationFunction=0),
    "residual": residual,
    "padded": padded,
    "half weights": half_weights,
    "joined": lambda: joined(3),
}  # fmt: skip


@pytest.mark.parametrize("name", BUILT)
def test_the_interpreter_agrees(tmp_path: Path, name: str):
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(*BUILT[name]()))
    network = load_network(path)
    x = normal(3, *network.input_shape) * 2
    wanted = interpret(path, x)
    found = network.forward(x)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def quantised(shape: tuple[int, ...], scale: float, zero: int) -> Tensor:
    return Tensor(shape, dtype=np.int8, scales=(scale,), zeros=(zero,))


def integer_model() -> Built:
    """Per-channel weights, odd zero points, a residual, a mean of an even number, a result without softmax."""
    first, second = (RNG.integers(-127, 128, size).astype(np.int8) for size in ((4, 3, 3, 3), (1, 3, 3, 4)))
    scales = tuple(float(scale) for scale in RNG.uniform(0.002, 0.02, 4))
    bias = RNG.integers(-500, 500, 4).astype(np.int32)
    pool = STEP | {"FilterHeight": 4, "FilterWidth": 4, "Padding": 1}
    tensors = [
        quantised((1, 4, 4, 3), 0.05, 7), constant(first, scales=scales), constant(bias, scales=scales),
        quantised((1, 4, 4, 4), 0.09, -128), constant(second, scales=scales, axis=3), constant(bias, scales=scales),
        quantised((1, 4, 4, 4), 0.07, 11), quantised((1, 4, 4, 4), 0.1, -9), quantised((1, 1, 1, 4), 0.1, -9),
        constant(RNG.integers(-30, 31, (5, 4)).astype(np.int8), scales=(0.01,)), quantised((1, 5), 0.04, 3),
    ]  # fmt: skip
    operators = [
        Operator("CONV_2D", (0, 1, 2), (3,), STEP | {"FusedActivationFunction": 1}),
        Operator("DEPTHWISE_CONV_2D", (3, 4, 5), (6,), STEP | {"DepthMultiplier": 1}),
        Operator("ADD", (3, 6), (7,), {"FusedActivationFunction": 0}),
        Operator("AVERAGE_POOL_2D", (7,), (8,), pool),
        Operator("FULLY_CONNECTED", (8, 9, -1), (10,), {"FusedActivationFunction": 0}),
    ]
    return tensors, operators


def integer_outputs(path: Path, q: np.ndarray, integers: Integers) -> tuple[np.ndarray, np.ndarray]:
    """A file's integers by the interpreter, and those nearest to the outputs of what is read from it."""
    model = parse_tflite(path.read_bytes())
    inside, outside = model.tensors[model.inputs[0]], model.tensors[model.outputs[0]]
    network = load_network(path, assumptions=Assumptions(integers=integers))
    assert inside.scales is not None
    assert inside.zeros is not None
    assert outside.scales is not None
    assert outside.zeros is not None
    made = network.forward((q.astype(np.float32) - inside.zeros[0]) * np.float32(inside.scales[0]))
    found = np.clip(np.rint(made / outside.scales[0]) + outside.zeros[0], -128, 127)
    return interpret(path, q.astype(np.int8)).astype(int), found.astype(int)


def test_integers_rounded_are_the_interpreters(tmp_path: Path):
    pytest.importorskip("ai_edge_litert")
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(*integer_model()))
    q = RNG.integers(-128, 128, (40, 4, 4, 3))
    wanted, found = integer_outputs(path, q, "rounded")
    assert (np.abs(wanted - found) <= 1).mean() >= 0.99
    assert (wanted == found).mean() >= 0.9
    wanted, found = integer_outputs(path, q, "saturated")
    assert (np.abs(wanted - found) <= 2).mean() >= 0.9


@pytest.mark.parametrize("name", ["pretrainedResnet", "ad01_fp32", "vww_96_float"])
def test_reference_networks_in_float(data_folder: Path, name: str):
    pytest.importorskip("ai_edge_litert")
    path = _reference(data_folder, name)
    network = load_network(path)
    x = normal(4, *network.input_shape)
    wanted = interpret(path, x)
    assert np.abs(network.forward(x) - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize(
    "name", ["kws_ref_model", "pretrainedResnet_quant", "ad01_int8", "vww_96_int8", "str_ww_ref_model"]
)
def test_reference_networks_in_integers(data_folder: Path, name: str):
    pytest.importorskip("ai_edge_litert")
    path = _reference(data_folder, name)
    shape = load_network(path).input_shape
    smooth = RNG.normal(size=(12, *shape)).cumsum(axis=1) * 4 + RNG.integers(-60, 60, (12, *(1 for _ in shape)))
    wanted, found = integer_outputs(path, np.clip(np.rint(smooth), -128, 127), "rounded")
    assert (np.abs(wanted - found) <= 1).mean() >= 0.99


def test_keyword_spotting_on_the_integer_datapath(data_folder: Path):
    """All weights in 8-bit codes: at least 90 % of 500 samples right, as MLPerf Tiny wants it (453 in the file)."""
    samples = np.load(_reference(data_folder, "kws01_half", ".npz"))
    network = load_network(_reference(data_folder, "kws_ref_model"))
    x = ((samples["features_int8"] - 83.0) * 0.5847029089927673).astype(np.float32).reshape(-1, 49, 10, 1)
    run = run_integers(compress(network, code_bits=8, calibration=x[:100]), x)
    assert (run.integers.reshape(500, -1).argmax(axis=1) == samples["labels"]).sum() >= 450


def _reference(folder: Path, name: str, suffix: str = ".tflite") -> Path:
    path = folder / "mlperf_tiny" / f"{name}{suffix}"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def test_what_is_said_of_integers(tmp_path: Path):
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(*integer_model()))
    said: list[str] = []
    load_network(path, assumptions=Assumptions(say=said.append))
    (sentence,) = said
    assert "saturated but not rounded between operators" in sentence
    assert "the input is (q -7) * 0.05" in sentence
    assert "the output (q -3) * 0.04" in sentence
    said.clear()
    path.write_bytes(write_tflite(*residual()))
    load_network(path, assumptions=Assumptions(say=said.append))
    assert said == []


def changed(built: Built, **fields: Any) -> Built:
    """The model with another last tensor, or other options of its last operator."""
    tensors, operators = built
    shape = fields.pop("shape", None)
    if shape is not None:
        tensors[-1].shape = shape
    operators[-1].options.update(fields)
    return tensors, operators


def without_numbers(built: Built) -> Built:
    built[0][1].data = None
    return built


def constant_first() -> Built:
    tensors, (layer, _) = BUILT["subtract channels"]()
    return tensors, [layer, Operator("SUB", (4, 3), (5,), {"FusedActivationFunction": 0})]


REFUSED: dict[str, tuple[Callable[[], Built], str]] = {
    "another shape": (lambda: changed(BUILT["conv, same"](), shape=(1, 4, 4, 4)), r"must have shape \(1, 4, 3, 4\)"),
    "stride 0": (lambda: changed(BUILT["conv, same"](), StrideH=0), "stride and dilation must be at least 1"),
    "padding": (lambda: changed(BUILT["conv, same"](), Padding=2), "padding must be SAME or VALID, got 2"),
    "activation": (lambda: changed(BUILT["conv, same"](), FusedActivationFunction=5), "its activation must be one of"),
    "multiplier": (lambda: changed(BUILT["depthwise"](), DepthMultiplier=2), "a multiplier of 2"),
    "weights computed": (lambda: without_numbers(BUILT["conv, same"]()), "input 1 must be a constant"),
    "rows joined": (lambda: joined(1), "join values along their channels, got axis 1"),
    "constant first": (constant_first, "a constant must come second"),
    "kept axes": (lambda: changed(BUILT["linear"](), KeepNumDims=True), r"must be \(out, in\)"),
    "mean of rows": (
        lambda: one("MEAN", MAP, (1, 5, 3), np.array([1], np.int32), KeepDims=0),
        "mean of rows and columns",
    ),
    "batch": (lambda: one("FULLY_CONNECTED", (2, 5), (2, 5), normal(5, 5)), r"the input must have shape \(1, "),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str):
    build, sentence = REFUSED[name]
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(*build()))
    with pytest.raises(EieError, match=sentence):
        load_network(path)


def test_unknown_operators_are_named(tmp_path: Path):
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite([Tensor((1, 4)), Tensor((1, 4))], [Operator("COS", (0,), (1,))]))
    with pytest.raises(EieError, match=r"operator COS is not supported; known are ADD, AVERAGE_POOL_2D"):
        load_network(path)


def test_a_graph_of_its_own(tmp_path: Path):
    path, graph = tmp_path / "net.tflite", tmp_path / "graph.json"
    path.write_bytes(write_tflite(*BUILT["logistic"]()))
    graph.write_text('{"operations": [{"op": "layer", "name": "a"}]}')
    with pytest.raises(EieError, match="says itself how its layers are connected"):
        load_network(path, graph)


def test_damaged_files(tmp_path: Path):
    path = tmp_path / "net.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL4" + bytes(40))
    with pytest.raises(EieError, match="must have TFL3 as its bytes 4 to 7"):
        load_network(path)
    path.write_bytes(write_tflite(*residual()))
    assert_refuses_cuts(load_network, path, 41)
    assert_survives_damage(load_network, path, 400)
