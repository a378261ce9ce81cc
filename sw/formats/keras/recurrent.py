"""LSTM, GRU, SimpleRNN and Bidirectional of Keras: each direction is one layer (`sw.network.graph`)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats.drafts import Weights
from sw.formats.keras.activations import affine
from sw.formats.keras.config import Config, fields_of
from sw.formats.keras.layers import Reading
from sw.formats.keras.values import Value
from sw.formats.onnx.recurrent import CLOSED
from sw.network.graph import Gru, Lstm
from sw.network.operations import Flip, Slice

Floats = NDArray[np.float32]
Matrix = tuple[Floats, Floats]
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


def _lstm(inner: Floats, outer: Floats, bias: Floats) -> Matrix:
    """Keras's gates are i, f, c, o, in the order that they have here."""
    return np.concatenate([inner, outer]).T, bias[0] + bias[1]


def _gru(inner: Floats, outer: Floats, bias: Floats) -> Matrix:
    """Keras's gates are z, r, h; the second biases are of h before the reset gate."""
    z, r, n = np.split(inner.T, 3)
    z_h, r_h, n_h = np.split(outer.T, 3)
    weight = np.block([[r, r_h], [z, z_h], [n, np.zeros_like(n_h)], [np.zeros_like(n), n_h]])
    own, other = np.split(bias[0], 3), np.split(bias[1], 3)
    return weight, np.concatenate([own[1] + other[1], own[0] + other[0], own[2], other[2]])


def _rnn(inner: Floats, outer: Floats, bias: Floats) -> Matrix:
    """A GRU that keeps nothing: its update gate is closed by a bias."""
    own = np.concatenate([inner, outer]).T
    nothing, zero = np.zeros_like(own), np.zeros(len(own), np.float32)
    return np.concatenate([nothing, nothing, own, nothing]), np.concatenate(
        [zero, zero + np.float32(CLOSED), bias[0] + bias[1], zero]
    )


MATRICES: Mapping[str, Callable[[Floats, Floats, Floats], Matrix]] = {"LSTM": _lstm, "GRU": _gru, "SimpleRNN": _rnn}


def _matrix(reading: Reading, config: Config, features: int, units: int) -> Matrix:
    kind, rows = config.kind, GATES[config.kind] * units
    names = ["kernel", "recurrent_kernel"]
    has_bias = config.take("use_bias", True)
    found = reading.store.weights(reading.place, [*names, *(["bias"] if has_bias else [])], cell=True)
    inner, outer = found[:2]
    bias = found[2] if has_bias else np.zeros(rows, np.float32)
    two = kind == "GRU" and has_bias
    if inner.shape != (features, rows) or outer.shape != (units, rows) or bias.shape != ((2, rows) if two else (rows,)):
        raise EieError(
            f"{config.what}: its arrays must have shapes {(features, rows)}, {(units, rows)} and "
            f"{(2, rows) if two else (rows,)}, got {inner.shape}, {outer.shape} and {bias.shape}"
        )
    with np.errstate(over="ignore"):  # layers refuse what is not finite
        return MATRICES[kind](inner, outer, bias if two else np.stack([bias, np.zeros_like(bias)]))


def recurrent(reading: Reading, config: Config, value: Value) -> Value:
    """One direction; the result of every step, or of the last."""
    it, what = reading.it, config.what
    if len(value.own) != 2:
        raise EieError(f"{what}: it must take (steps, features), it gets {value.own}")
    steps, features = value.own
    units, sequence = config.take("units", 1), config.take("return_sequences", False)
    backwards = config.take("go_backwards", False)
    config.only("activation", "tanh")
    if config.kind != "SimpleRNN":
        config.only("recurrent_activation", "sigmoid")
    if config.kind == "GRU":
        # Without it the reset gate comes before the matrix, which would be a second product in every step.
        config.only("reset_after", True)
    for name in ("return_state", "stateful", "time_major"):
        config.only(name, False)
    weight, bias = _matrix(reading, config, features, units)
    source = it.plain(what, value)
    if backwards:
        source = it.drafts.add(what, Flip(axis=0), source)
    operation = Lstm(sequence=True) if config.kind == "LSTM" else Gru(sequence=True)
    layer = Weights(name=reading.place.name, weight=np.ascontiguousarray(weight), bias=bias, lstm=operation)
    index = it.drafts.add(what, layer, source)
    if sequence:
        return Value(index, (steps, units))
    if steps > 1:
        index = it.drafts.add(what, Slice(axis=0, start=steps - 1, stop=steps), index)
    return it.reshape(what, Value(index, (1, units)), (units,))


def bidirectional(reading: Reading, config: Config, value: Value) -> Value:
    """Both directions, joined step by step."""
    it, what = reading.it, config.what
    forward: Any = config.take("layer")
    backward: Any = config.take("backward_layer")
    if backward is None:  # the same the other way
        fields = fields_of(forward)
        own = fields_of(fields.get("config"))
        backward = {**fields, "config": {**own, "go_backwards": not own.get("go_backwards", False)}}
    made: list[Value] = []
    ways: list[tuple[str, Any]] = [("forward_layer", forward), ("backward_layer", backward)]
    for part, layer in ways:
        each = Config(layer)
        if each.kind not in GATES:
            raise EieError(f"{what}: it must be of LSTM, GRU or SimpleRNN, got {each.kind}")
        made.append(recurrent(reading._replace(place=replace(reading.place, part=part)), each, value))
        each.finish()
    first, second = made
    if len(second.own) == 2:
        second = second._replace(draft=it.drafts.add(what, Flip(axis=0), second.draft))
    mode = config.take("merge_mode", None)
    match mode:
        case "concat":
            axis = len(first.own) - 1
            own = (*first.own[:-1], first.own[-1] + second.own[-1])
            return Value(it.drafts.join(what, [first.draft, second.draft], axis), own)
        case "sum" | "ave":
            total = it.both(what, "add", first, second)
            return total if mode == "sum" else affine(it, what, total, 0.5)
        case "mul":
            return it.both(what, "multiply", first, second)
        case _:
            raise EieError(f"{what}: merge_mode must be concat, sum, ave or mul, got {str(mode)[:80]}")
