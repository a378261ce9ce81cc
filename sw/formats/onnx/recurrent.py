"""ONNX's LSTM, GRU and RNN, in one direction, the other, or both.

Each direction is one layer, whose matrix stands before its gates (`sw.network.graph`). Backwards is forwards over the
steps in reverse order. An RNN is a GRU that keeps nothing: its update gate is closed by a bias, and the gates that it
has not have no weights.
"""

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.drafts import Weights
from sw.formats.onnx.node import OnnxNode
from sw.formats.onnx.values import Lowering, Operators, Value
from sw.network.graph import GATES, Gru, Lstm
from sw.network.operations import Flip, Slice

TORCH_ORDER = (0, 2, 3, 1)  # of the gates of ONNX's LSTMs, which are i, o, f, g: i, f, g, o
FUNCTIONS = {"LSTM": [b"Sigmoid", b"Tanh", b"Tanh"], "GRU": [b"Sigmoid", b"Tanh"], "RNN": [b"Tanh"]}
ROWS = {"LSTM": 4, "GRU": 3, "RNN": 1}
CLOSED = -24.0  # the sigmoid of it is less than 2**-34

Matrix = tuple[NDArray[np.float32], NDArray[np.float32]]


def _recurrent(it: Lowering, node: OnnxNode) -> None:
    kind = node.operator
    way = node.attribute("direction", b"forward")
    ways = {b"forward": (False,), b"reverse": (True,), b"bidirectional": (False, True)}.get(way)
    if ways is None:
        raise EieError(f"{node.what}: direction must be forward, reverse or bidirectional, got {str(way)[:80]}")
    batch_first = bool(node.attribute("layout", 0))
    functions = node.attribute("activations")
    if functions not in (None, FUNCTIONS[kind] * len(ways)):
        wanted = ", ".join(name.decode() for name in FUNCTIONS[kind])
        raise EieError(f"{node.what}: its activations must be {wanted}, got {str(functions)[:80]}")
    if kind == "LSTM":
        node.only("input_forget", 0)
    if kind == "GRU" and not node.attribute("linear_before_reset", 0):
        raise EieError(f"{node.what}: its reset gate must come behind the matrix (linear_before_reset = 1)")
    x = it.value(node)
    steps_axis, batch_axis = (1, 0) if batch_first else (0, 1)
    if len(x.own) != 3 or x.own[batch_axis] != 1 or x.batch not in (None, batch_axis):
        order = "(n, steps, features)" if batch_first else "(steps, n, features)"
        raise EieError(f"{node.what}: it must take {order}, it gets {x.own} with the batch in axis {x.batch}")
    steps, features = x.own[steps_axis], x.own[2]
    _check_beginning(it, node, len(ways), steps)
    matrices = _matrices(it, node, len(ways), features)
    units = len(matrices[0][0]) // GATES
    node.only("hidden_size", units)
    operation = Lstm(sequence=True) if kind == "LSTM" else Gru(sequence=True)
    source = it.indexed(x, (steps, features))
    every: list[int] = []
    last: list[int] = []
    for number, ((weight, bias), backwards) in enumerate(zip(matrices, ways, strict=True)):
        name = node.name + (":reverse" if backwards and number else "")
        begin = it.drafts.add(node.what, Flip(axis=0), source) if backwards else source
        made = it.drafts.add(node.what, Weights(name=name, weight=weight, bias=bias, lstm=operation), begin)
        part = Slice(axis=0, start=steps - 1, stop=steps)
        last.append(made if steps == 1 else it.drafts.add(node.what, part, made))
        every.append(it.drafts.add(node.what, Flip(axis=0), made) if backwards else made)
    directions = len(ways)
    whole = every[0]
    if directions > 1:
        parts = [it.drafts.reshape(node.what, value, (steps, 1, units)) for value in every]
        whole = it.drafts.join(node.what, parts, 1)
    ends = last[0] if directions == 1 else it.drafts.join(node.what, last, 0)
    batch = x.batch is not None
    if node.outputs[0]:
        own = (1, steps, directions, units) if batch_first else (steps, directions, 1, units)
        it.values[node.outputs[0]] = Value(whole, own, (0 if batch_first else 2) if batch else None)
    if len(node.outputs) > 1 and node.outputs[1]:
        own = (1, directions, units) if batch_first else (directions, 1, units)
        it.values[node.outputs[1]] = Value(ends, own, (0 if batch_first else 1) if batch else None)


def _check_beginning(it: Lowering, node: OnnxNode, directions: int, steps: int) -> None:
    """EieError unless every sequence is whole, and h and the cell begin at zero."""
    if node.input(4):
        lengths = it.constant(node, 4)
        if (lengths != steps).any():
            raise EieError(f"{node.what}: sequence lengths must be the {steps} steps, {node.input(4)[:80]!r} is not")
    for place in (5, 6):
        if node.input(place) and (not it.is_constant(node, place) or it.constant(node, place).any()):
            raise EieError(f"{node.what}: h and the cell must begin at zero, {node.input(place)[:80]!r} is not")
    if node.input(7):
        raise EieError(f"{node.what}: peepholes are not supported, {node.input(7)[:80]!r} is given")


def _matrices(it: Lowering, node: OnnxNode, directions: int, features: int) -> list[Matrix]:
    """Of every direction the matrix (4 * units, features + units) and its biases."""
    kind, gates = node.operator, ROWS[node.operator]
    inner, outer = it.numbers(node, 1, 3), it.numbers(node, 2, 3)
    units = outer.shape[2]
    rows = gates * units
    if inner.shape != (directions, rows, features) or outer.shape != (directions, rows, units) or 0 in inner.shape:
        raise EieError(
            f"{node.what}: weights must have shapes ({directions}, {gates} * units, {features}) and "
            f"({directions}, {gates} * units, units), got {inner.shape} and {outer.shape}"
        )
    biases = it.numbers(node, 3, 2) if node.input(3) else np.zeros((directions, 2 * rows), np.float32)
    if biases.shape != (directions, 2 * rows):
        raise EieError(f"{node.what}: the biases must have shape {(directions, 2 * rows)}, got {biases.shape}")
    made = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}[kind]
    return [
        made(
            w.reshape(gates, units, -1),
            r.reshape(gates, units, -1),
            b[:rows].reshape(gates, -1),
            b[rows:].reshape(gates, -1),
        )
        for w, r, b in zip(inner, outer, biases, strict=True)
    ]


Floats = NDArray[np.float32]


def _lstm(inner: Floats, outer: Floats, inner_bias: Floats, outer_bias: Floats) -> Matrix:
    matrix = np.concatenate([inner, outer], axis=2)[TORCH_ORDER, :]
    with np.errstate(over="ignore"):
        bias = (inner_bias + outer_bias)[TORCH_ORDER, :]
    return matrix.reshape(-1, matrix.shape[2]), bias.reshape(-1)


def _gru(inner: Floats, outer: Floats, inner_bias: Floats, outer_bias: Floats) -> Matrix:
    """ONNX's gates are z, r, n."""
    (z, r, n), (z_h, r_h, n_h) = inner, outer
    weight = np.block([[r, r_h], [z, z_h], [n, np.zeros_like(n_h)], [np.zeros_like(n), n_h]])
    with np.errstate(over="ignore"):
        both = inner_bias + outer_bias
    return weight, np.concatenate([both[1], both[0], inner_bias[2], outer_bias[2]])


def _rnn(inner: Floats, outer: Floats, inner_bias: Floats, outer_bias: Floats) -> Matrix:
    (w,), (r,) = inner, outer
    nothing = np.zeros((len(w), w.shape[1] + r.shape[1]), np.float32)
    weight = np.concatenate([nothing, nothing, np.concatenate([w, r], axis=1), nothing])
    zero = np.zeros(len(w), np.float32)
    with np.errstate(over="ignore"):
        bias = inner_bias[0] + outer_bias[0]
    return weight, np.concatenate([zero, zero + np.float32(CLOSED), bias, zero])


OPERATORS: Operators = {"LSTM": _recurrent, "GRU": _recurrent, "RNN": _recurrent}
