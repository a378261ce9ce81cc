"""Networks as ONNX models; the package onnx reads the file."""

from importlib import import_module
from pathlib import Path

from model.errors import EieError
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.onnx.graph import OnnxGraph
from sw.formats.onnx.model import open_model
from sw.formats.onnx.values import BatchOfOne
from sw.network.network import Network

OLDEST_OPSET = 7  # before it, operators broadcast and drop out differently


def load_onnx(path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID) -> Network:
    """The network in an ONNX model, for one input of a batch at a time.

    Weights and biases must be constants. EieError for anything else, an operator that is not known by name.
    """
    if connections is not None:
        raise EieError("an ONNX model says itself how its layers are connected: it must come without graph, got one")
    onnx, model, _ = open_model(path)
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
