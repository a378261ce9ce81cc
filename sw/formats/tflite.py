"""Networks as TensorFlow Lite models, in float32 or in 8-bit integers."""

from pathlib import Path

import numpy as np

from model.errors import EieError
from sw.files import read_whole
from sw.formats.assumptions import NOTHING_SAID, Assumptions, Integers
from sw.formats.connections import Connections
from sw.formats.tflite_file import TfliteTensor, parse_tflite
from sw.formats.tflite_graph import LAYERS, TfliteGraph
from sw.network.network import Network

KEPT: dict[Integers, str] = {
    "real": "neither saturated nor rounded between operators",
    "saturated": "saturated but not rounded between operators",
    "rounded": "saturated and rounded between operators",
}


def load_tflite(path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID) -> Network:
    """The network in a TensorFlow Lite model of one input and one output, channels last as in the file.

    Integers are read as the real numbers that they stand for, (number - zero point) * scale, and between operators
    keep what `assumptions` say, which are told of it. EieError for what is not known, an operator by name.
    """
    if connections is not None:
        raise EieError("a TensorFlow Lite model says itself how its layers are connected: it must come without graph")
    model = parse_tflite(read_whole(path))
    network = TfliteGraph(model, assumptions.integers).network()
    inside, outside = (model.tensors[numbers[0]] for numbers in (model.inputs, model.outputs))
    if any(tensor.scales is not None and tensor.numbers is None for tensor in model.tensors):
        assumptions.say(
            f"8-bit integers are read as real numbers, {KEPT[assumptions.integers]} (--integers says otherwise); the "
            f"input is {_meaning(inside)}, the output {_meaning(outside)}"
        )
    if any(
        operator.kind in LAYERS
        and model.tensors[operator.inputs[1]].scales is not None
        and model.tensors[operator.inputs[0]].scales is None
        for operator in model.operators
    ):
        assumptions.say("weights are 8-bit integers and activations float32, which an interpreter may round to 8 bits")
    return network


def _meaning(tensor: TfliteTensor) -> str:
    if tensor.scales is None or tensor.zeros is None:
        return "real as it is"
    return f"(q {-int(tensor.zeros[0]):+d}) * {np.float32(tensor.scales[0])!s} for the file's integer q"
