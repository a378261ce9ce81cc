"""From named tensors to a network and back: the naming that safetensors, npz and PyTorch state dicts share.

A layer NAME has the tensors ``NAME.weight`` and, if it has biases, ``NAME.bias``. A tensor whose own name begins with
"weight", such as ``lstm.weight_ih_l0`` or plain ``weight``, is a layer of that whole name, and its biases are in the
tensor with "bias" in its place, ``lstm.bias_ih_l0``. So names return exactly when a network is written again. Where
the graph has an LSTM, the tensors of torch.nn.LSTM are one layer (`sw.formats.lstm_tensors`).
"""

import re
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats import lstm_tensors
from sw.formats.connections import Connections, LayerUse
from sw.formats.graph_json import format_graph, parse_graph
from sw.network.graph import UNCONNECTED
from sw.network.network import MAX_LAYERS, Network

ORDER = "order"
GRAPH = "graph"


def check_float(key: str, dtype: np.dtype[Any]) -> None:
    """EieError unless a tensor's numbers are float16, float32 or float64."""
    if dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
        raise EieError(f"{key} must hold floating-point numbers (float16, float32, float64), got {dtype}")


def network_from_tensors(
    tensors: dict[str, NDArray[Any]], metadata: dict[str, str], connections: Connections | None
) -> Network:
    """The network with these weights, (out, in) or (out, in / groups, rows, columns), and biases, zeros if absent.

    `tensors` is emptied on the way, so that each may be freed once it is float32. Connections come from `connections`,
    else from the metadata's "graph" (docs/network_files.md); else its "order" (names, comma separated), or the names
    sorted with numbers as numbers, are a chain with ReLU between its layers. Without graph, convolutions and the
    weights of recurrent cells are weights only. Nothing is left out: a tensor that is neither weight nor bias is
    refused by name.
    """
    if connections is None and GRAPH in metadata:
        connections = parse_graph(metadata[GRAPH])
    for name in () if connections is None else connections.lstms:
        lstm_tensors.join(name, tensors, lambda key: _float32(key, tensors.pop(key)))
    names = {layer_name(key): key for key in tensors if _is_weight(key)}
    biases = {_bias_key(key) for key in names.values()}
    for key in tensors:
        if not _is_weight(key) and key not in biases:
            raise EieError(f"tensors must be NAME.weight with an optional NAME.bias, got {key}")
    if not 1 <= len(names) <= MAX_LAYERS:
        raise EieError(
            f"a network must have at least one NAME.weight tensor and at most {MAX_LAYERS}, got {len(names)}"
        )
    for key in names.values():
        if tensors[key].ndim not in (2, 4):
            raise EieError(
                f"{key} must be 2-D (a linear layer) or 4-D (a 2-D convolution), got shape {tensors[key].shape}"
            )
    if connections is None:
        connections = _connections(names, tensors, metadata)
    weights = {name: _weight_and_bias(key, tensors) for name, key in names.items()}
    return connections.network(weights)


def tensors_from_network(network: Network) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """The tensors and the metadata from which `network_from_tensors` makes an equal network."""
    tensors: dict[str, NDArray[np.float32]] = {}
    recurrent = [] if network.graph is None else network.graph.recurrent
    for layer, lstm in zip_longest(network.layers, recurrent):
        key = weight_key(layer.name)
        if layer_name(key) != layer.name:
            raise EieError(f"a layer's tensor must be NAME.weight with a name that does not end so, got {layer.name}")
        in_parts = {} if lstm is None else lstm_tensors.split(layer.name, layer.weight, layer.bias)
        parts = in_parts or {key: layer.weight, _bias_key(key): layer.bias}
        for part, values in parts.items():
            tensors[part] = np.ascontiguousarray(values)
    names = [layer.name for layer in network.layers]
    alternating = all(layer.relu != (layer is network.layers[-1]) for layer in network.layers)
    if network.graph is None and alternating and not any(map(_is_part, names)):
        return tensors, {ORDER: ",".join(names)}
    return tensors, {GRAPH: format_graph(network)}


def layer_name(key: str) -> str:
    """The layer that a tensor of weights is of."""
    stem, separator, last = key.rpartition(".")
    return stem if separator and last == "weight" and not _is_weight(stem) else key


def weight_key(name: str) -> str:
    """The name of a layer's tensor of weights."""
    return name if _is_weight(name) else f"{name}.weight"


def _bias_key(key: str) -> str:
    stem, separator, last = key.rpartition(".")
    return f"{stem}{separator}bias{last.removeprefix('weight')}"


def _is_weight(key: str) -> bool:
    return re.search(r"(^|\.)weight(_[^.]*)?$", key) is not None


def _is_part(key: str) -> bool:
    """Whether it is one of several tensors of weights of a module, as recurrent cells have them."""
    return re.search(r"(^|\.)weight_[^.]*$", key) is not None


def _connections(names: dict[str, str], tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> Connections:
    order = sorted(names, key=_natural)
    if ORDER in metadata:
        order = [name.strip() for name in metadata[ORDER].split(",")]
        if sorted(order) != sorted(names):
            raise EieError(f"the order {','.join(order)} must name each of {','.join(sorted(names))} once")
    if all(tensors[key].ndim == 2 and not _is_part(key) for key in names.values()):
        return Connections(graph=None, uses=tuple(LayerUse(name=name, relu=name != order[-1]) for name in order))
    return Connections(graph=UNCONNECTED, uses=tuple(LayerUse(name=name) for name in order))


def _weight_and_bias(key: str, tensors: dict[str, NDArray[Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weight = _float32(key, tensors.pop(key))
    bias_key = _bias_key(key)
    if bias_key not in tensors:
        return weight, np.zeros(len(weight), np.float32)
    tensor = tensors.pop(bias_key)
    if tensor.shape != weight.shape[:1]:
        raise EieError(f"{bias_key} must have shape {weight.shape[:1]}, got {tensor.shape}")
    return weight, _float32(bias_key, tensor)


def _float32(key: str, tensor: NDArray[Any]) -> NDArray[np.float32]:
    check_float(key, tensor.dtype)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(tensor, np.float32)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which ip10 follows ip2."""
    parts = [part.lstrip("0") if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]
    # Digits are ordered as numbers are, without becoming one: there may be thousands of them.
    return [(len(part) if place % 2 else -1, part) for place, part in enumerate(parts)]
