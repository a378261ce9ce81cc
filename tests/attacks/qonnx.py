"""Attacks by QONNX models: numbers of bits and scales that cannot be, roundings that do not exist."""

from typing import Any

import numpy as np

from tests.attacks.corpus import attack
from tests.attacks.graphs import node, onnx_model

DOMAIN = "qonnx.custom_op.general"
NAN, INFINITY = float("nan"), float("inf")


def numbers(name: str, *values: float, shape: tuple[int, ...] = ()) -> Any:
    """A constant of the graph."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array(values, np.float32).reshape(shape), name)


def model(
    scale: Any = None,
    zero: float = 0.0,
    bits: float = 4.0,
    operator: str = "Quant",
    inputs: str = "w s z b",
    last: str = "q",
    **attributes: Any,
) -> Any:
    """A matrix of weights, rounded, then a Gemm."""
    from onnx import helper

    rounding = helper.make_node(operator, inputs.split(), ["q"], domain=DOMAIN, **attributes)
    made = onnx_model(rounding, node("Gemm", f"x {last}", transB=1))
    made.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    made.graph.initializer.extend(
        [numbers("s", 1.0) if scale is None else scale, numbers("z", zero), numbers("b", bits)]
    )
    return made


def good() -> bytes:
    """Weights of four bits."""
    return model(signed=1, narrow=0, rounding_mode="ROUND").SerializeToString()


@attack("qonnx")
def no_bits() -> bytes:
    """Weights of no bit."""
    return model(bits=0.0).SerializeToString()


@attack("qonnx")
def half_a_bit() -> bytes:
    """Weights of one bit and a half."""
    return model(bits=1.5).SerializeToString()


@attack("qonnx")
def bits_of_2_to_100() -> bytes:
    """Weights of 2**100 bits, whose limits no number holds."""
    return model(bits=2.0**100).SerializeToString()


@attack("qonnx")
def bits_that_are_no_number() -> bytes:
    """Weights of NaN bits."""
    return model(bits=NAN).SerializeToString()


@attack("qonnx")
def scale_of_nothing() -> bytes:
    """A scale of 0, by which is divided."""
    return model(numbers("s", 0.0)).SerializeToString()


@attack("qonnx")
def scale_below_nothing() -> bytes:
    """A negative scale, which exchanges the limits."""
    return model(numbers("s", -1.0)).SerializeToString()


@attack("qonnx")
def scale_without_end() -> bytes:
    """A scale that is infinite."""
    return model(numbers("s", INFINITY)).SerializeToString()


@attack("qonnx")
def zero_that_is_no_number() -> bytes:
    """A zero point of NaN."""
    return model(zero=NAN).SerializeToString()


@attack("qonnx")
def scale_of_a_million_axes() -> bytes:
    """A scale for each of a million rows, where the weights have two."""
    return model(numbers("s", *[1.0] * (1 << 20), shape=(1 << 20, 1))).SerializeToString()


@attack("qonnx")
def scale_that_spreads() -> bytes:
    """Scales of 2**18 rows for weights of 2**18 columns, which together would be 2**36."""
    from onnx import numpy_helper

    made = model(numbers("s", *[1.0] * (1 << 18), shape=(1 << 18, 1)))
    weights = numpy_helper.from_array(np.ones((1, 1 << 18), np.float32), "w")
    made.graph.initializer[0].CopyFrom(weights)
    return made.SerializeToString()


@attack("qonnx")
def integers_that_spread() -> bytes:
    """The same with integers of eight bits and the scales of their columns."""
    from onnx import helper, numpy_helper

    made = onnx_model(helper.make_node("DequantizeLinear", ["w", "s", "z"], ["q"], axis=1), node("MatMul", "x q"))
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((1 << 18, 1), np.int8), "w"))
    made.graph.initializer.append(numbers("s", *[1.0] * (1 << 18), shape=(1 << 18,)))
    made.graph.initializer.append(numpy_helper.from_array(np.zeros(1 << 18, np.int8), "z"))
    return made.SerializeToString()


@attack("qonnx")
def unknown_rounding() -> bytes:
    """A rounding whose name writes to the terminal."""
    return model(rounding_mode="\x1b[2J\nerror: none").SerializeToString()


@attack("qonnx")
def rounding_that_is_a_number() -> bytes:
    """A rounding that is no text."""
    return model(rounding_mode=7).SerializeToString()


@attack("qonnx")
def too_few_inputs() -> bytes:
    """A Quant without its bits."""
    return model(inputs="w s z").SerializeToString()


@attack("qonnx")
def bits_of_the_input() -> bytes:
    """A number of bits that the network's input says."""
    return model(inputs="w s z x").SerializeToString()


@attack("qonnx")
def unknown_operator() -> bytes:
    """An operator that the domain has not."""
    return model(operator="Quantum").SerializeToString()


@attack("qonnx")
def trunc_to_more_bits() -> bytes:
    """A Trunc that would add bits."""
    made = model(operator="Trunc", inputs="w s z b m")
    made.graph.initializer.append(numbers("m", 9.0))
    return made.SerializeToString()


@attack("qonnx")
def takes_its_own_result() -> bytes:
    """A Quant of its own result."""
    return model(inputs="q s z b").SerializeToString()
