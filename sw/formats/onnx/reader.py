"""Networks as ONNX models; the package onnx reads the file."""

from importlib import import_module
from pathlib import Path

from model.errors import EieError
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.onnx.graph import OnnxGraph
from sw.formats.onnx.host_graph import load_parts
from sw.formats.onnx.model import open_model
from sw.formats.onnx.tensors import read_constants
from sw.formats.onnx.values import BatchOfOne, NotLowered
from sw.network.network import Network

OLDEST_OPSET = 7  # before it, operators broadcast and drop out differently


def load_onnx(path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID) -> Network:
    """The network in an ONNX model, for one input of a batch at a time.

    Weights and biases must be constants. EieError for anything else, an operator that is not known by name.
    """
    if connections is not None:
        raise EieError("an ONNX model says itself how its layers are connected: it must come without graph, got one")
    file = open_model(path)
    model = file.model
    opsets = [opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
    if len(opsets) != 1 or opsets[0] < OLDEST_OPSET:
        raise EieError(f"an ONNX model must use one opset, {OLDEST_OPSET} or newer, got {opsets}")
    if len(model.functions):
        raise EieError(f"functions of its own are not supported in an ONNX model, got {model.functions[0].name}")
    import_module("onnx.reference")
    constants, shape, say = read_constants(file), assumptions.input_shape, assumptions.say
    try:
        try:
            return OnnxGraph(file, constants, opsets[0], shape, say).network()
        except BatchOfOne:
            return OnnxGraph(file, constants, opsets[0], shape, say, open_batch=1).network()
    except NotLowered as refusal:
        if not assumptions.host_parts:
            raise
        try:
            network = load_parts(file, constants, shape, say)
        except EieError as error:
            raise EieError(f"{refusal}; nor does it run in parts on array and host: {error}") from error
        say(f"it runs in parts on array and host, since as one network it is not read: {refusal}")
        return network
