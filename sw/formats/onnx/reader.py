"""Networks as ONNX models; the package onnx reads the file."""

from importlib import import_module
from pathlib import Path
from typing import Any

from model.errors import EieError
from sw.files import read_whole, reason
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.onnx.graph import OnnxGraph
from sw.formats.onnx.values import BatchOfOne
from sw.formats.protobuf_size import check_fields
from sw.network.network import Network

OLDEST_OPSET = 7  # before it, operators broadcast and drop out differently


def load_onnx(path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID) -> Network:
    """The network in an ONNX model, for one input of a batch at a time.

    Weights and biases must be constants. EieError for anything else, an operator that is not known by name.
    """
    if connections is not None:
        raise EieError("an ONNX model says itself how its layers are connected: it must come without graph, got one")
    try:
        onnx: Any = import_module("onnx")
    except ImportError as error:
        raise EieError("reading ONNX needs the package onnx: install eie[onnx]") from error
    data = read_whole(path)
    check_fields(data, onnx.ModelProto.DESCRIPTOR)
    try:
        model: Any = onnx.load_model_from_string(data)
    except Exception as error:  # whatever the installed protobuf raises
        raise EieError(f"this is not a whole ONNX file: {reason(error)}") from error
    del data  # the model holds it now
    opsets = [opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
    if len(opsets) != 1 or opsets[0] < OLDEST_OPSET:
        raise EieError(f"an ONNX model must use one opset, {OLDEST_OPSET} or newer, got {opsets}")
    if len(model.functions):
        raise EieError(f"functions of its own are not supported in an ONNX model, got {model.functions[0].name}")
    import_module("onnx.reference")
    shape, say = assumptions.input_shape, assumptions.say
    try:
        return OnnxGraph(onnx, model.graph, opsets[0], path.parent, shape, say).network()
    except BatchOfOne:
        return OnnxGraph(onnx, model.graph, opsets[0], path.parent, shape, say, open_batch=1).network()
