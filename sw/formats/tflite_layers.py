"""The weights of TensorFlow Lite's layers in the order of axes that layers have here."""

import re
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.tflite_file import TfliteOperator, TfliteTensor
from sw.network.graph import NO_PADS, Convolution, Pads, Pair, Shape

SAME, VALID = 0, 1
OPERATION = re.compile(
    r"((Conv2D|MatMul|BiasAdd|ReadVariableOp|FusedBatchNormV\d|depthwise|resource|Const|Read)\d*)?(:\d+)?"
)
LONGEST_NAME = 200  # bytes, so that something may be added


@dataclass(frozen=True, eq=False)
class WeightLayer:
    """Weights (out, in) or (out, in / groups, rows, columns) and biases (out,), float32."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    convolution: Convolution | None


def weight_layer(
    operator: TfliteOperator,
    source: Shape,
    weight: NDArray[np.float32],
    tensor: TfliteTensor,
    bias: NDArray[np.float32] | None,
    pads: Pads,
) -> WeightLayer:
    """The layer of a FULLY_CONNECTED, CONV_2D or DEPTHWISE_CONV_2D.

    Parameters
    ----------
    source : shape of its input, channels first.
    weight : real numbers, (out, in), (out, rows, columns, in / groups) or, depthwise, (1, rows, columns, out).
    tensor : what they are in the file.
    pads : zeros that an operator before it puts around the input.
    """
    what, options = operator.kind, operator.options
    if operator.kind == "FULLY_CONNECTED":
        if weight.ndim != 2 or options["WeightsFormat"] or options["KeepNumDims"]:
            raise EieError(f"{what}: weights must be (out, in) in the usual format, got {weight.shape}")
        return WeightLayer(np.ascontiguousarray(weight), _bias(what, bias, len(weight)), None)
    if weight.ndim != 4 or len(source) != 3:
        raise EieError(f"{what}: weights and input must have rows and columns, got {weight.shape} and {source}")
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    if depthwise:
        multiplier = options["DepthMultiplier"]
        if len(weight) != 1 or weight.shape[3] % source[0] or multiplier not in (0, weight.shape[3] // source[0]):
            raise EieError(
                f"{what}: weights must be (1, rows, columns, channels * multiplier), got {weight.shape} for "
                f"{source[0]} channels and a multiplier of {multiplier}"
            )
    ordered = np.ascontiguousarray(weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2))
    if not depthwise and source[0] % ordered.shape[1]:
        raise EieError(f"{what}: weights must be (out, rows, columns, in), got {weight.shape} for {source[0]} channels")
    stride, dilation = (
        (options["StrideH"], options["StrideW"]),
        (options["DilationHFactor"], options["DilationWFactor"]),
    )
    if min(*stride, *dilation) < 1:
        raise EieError(f"{what}: stride and dilation must be at least 1, got {stride} and {dilation}")
    reach = Convolution(dilation=dilation).reach(ordered.shape)
    top, left, bottom, right = pads
    padded = (source[0], source[1] + top + bottom, source[2] + left + right)
    own = same_padding(operator, padded, reach, stride)
    convolution = Convolution(
        stride=stride,
        padding=(top + own[0], left + own[1], bottom + own[2], right + own[3]),
        dilation=dilation,
        groups=source[0] if depthwise else source[0] // ordered.shape[1],
    )
    return WeightLayer(ordered, _bias(what, bias, len(ordered)), convolution)


def same_padding(operator: TfliteOperator, source: Shape, reach: Pair, stride: Pair) -> Pads:
    """Zeros around (channels, rows, columns) so that each stride-th position has a window; the odd one goes behind."""
    padding = operator.options["Padding"]
    if padding == VALID:
        return NO_PADS
    if padding != SAME:
        raise EieError(f"{operator.kind}: padding must be SAME or VALID, got {padding}")
    sides: list[tuple[int, int]] = []
    for size, kernel, step in zip(source[1:], reach, stride, strict=True):
        lacking = max((-(-size // step) - 1) * step + kernel - size, 0)
        sides.append((lacking // 2, lacking - lacking // 2))
    (top, bottom), (left, right) = sides
    return top, left, bottom, right


def layer_name(tensor: str, taken: Container[str]) -> str:
    """The name of the module that a tensor of weights is of, and not one that is `taken`.

    A converter joins several names by semicolons, of which the last is taken, and each is a path through modules that
    ends in operations.
    """
    path = [part for part in tensor.rpartition(";")[2].split("/") if OPERATION.fullmatch(part) is None]
    text = "".join(each if each.isprintable() and each != "," else "_" for each in (path or [tensor])[-1])
    base = text.encode()[:LONGEST_NAME].decode(errors="ignore").strip() or "layer"
    name, number = base, 1
    while name in taken:
        name, number = f"{base}:{number}", number + 1
    return name


def _bias(what: str, bias: NDArray[np.float32] | None, outputs: int) -> NDArray[np.float32]:
    if bias is None:
        return np.zeros(outputs, np.float32)
    if bias.shape != (outputs,):
        raise EieError(f"{what}: biases must have shape {(outputs,)}, got {bias.shape}")
    return bias
