"""From named tensors to a network and back: the naming that safetensors, npz and PyTorch state dicts share.

A layer NAME has the tensors ``NAME.weight`` and, if it has biases, ``NAME.bias``. A tensor of a recurrent cell, such as
``lstm.weight_ih_l0``, and plain ``weight`` are layers of that whole name, and their biases are in the tensor with
"bias" in its place, ``lstm.bias_ih_l0``. So names return exactly when a network is written again. Where the graph has
an LSTM, the tensors of torch.nn.LSTM are one layer (`sw.formats.lstm_tensors`); weights kept in parts are made whole
(`sw.formats.parametrised`) and batch normalisations folded into their layers (`sw.formats.batch_norm`).
"""

import re
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.formats import lstm_tensors
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.batch_norm import EPSILON, Norm, find_layer, take_norms
from sw.formats.connections import Connections, LayerUse
from sw.formats.graph_json import format_graph, parse_graph
from sw.formats.layer_order import MOST_SHOWN, chain_order, natural
from sw.formats.parametrised import join_parts
from sw.network.graph import UNCONNECTED
from sw.network.layer import has_biases
from sw.network.network import MAX_LAYERS, Network

ORDER = "order"
GRAPH = "graph"
NORM_WAY = (
    ": a normalisation is read with its running_mean and running_var only, others from "
    "torch.onnx.export(model, inputs, 'net.onnx', dynamo=False)"
)
RECURRENT = r"_(ih|hh)(_l\d+)?(_reverse)?|_hr_l\d+(_reverse)?"  # of the names of torch's recurrent cells


def check_number(key: str, dtype: np.dtype[Any]) -> None:
    """EieError unless a tensor holds plain numbers, of which counters and masks need not be floating-point."""
    if dtype.kind not in "biu":
        check_float(key, dtype)


def check_float(key: str, dtype: np.dtype[Any]) -> None:
    """EieError unless a tensor's numbers are float16, float32 or float64."""
    if dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
        raise EieError(f"{key} must hold floating-point numbers (float16, float32, float64), got {dtype}")


def network_from_tensors(
    tensors: dict[str, NDArray[Any]],
    metadata: dict[str, str],
    connections: Connections | None,
    assumptions: Assumptions = NOTHING_SAID,
    *,
    ordered: bool = True,
) -> Network:
    """The network with these weights and biases, zeros if absent.

    Parameters
    ----------
    tensors : is emptied on the way, so that each may be freed once it is float32. Weights are (out, in) or (out, in /
        groups, rows, columns); those of a 1-D convolution, (out, in / groups, columns), become one of one row.
    metadata : its "graph" (network_files.md) or "order" (names, comma separated) is used without `connections`.
    ordered : whether the file keeps an order of its tensors.

    Without either, fully connected layers are a chain in the order of `sw.formats.layer_order` with ReLU between them,
    of which `assumptions` are told; convolutions and the weights of recurrent cells are weights only. Nothing is left
    out: a tensor that belongs to nothing known is refused by name.
    """
    _check_metadata(metadata)
    if connections is None and GRAPH in metadata:
        connections = parse_graph(metadata[GRAPH])
    tensors.update(join_parts(tensors, assumptions.say))
    norms = take_norms(tensors)
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
        if tensors[key].ndim not in (2, 3, 4):
            raise EieError(
                f"{key} must be 2-D (a linear layer), 3-D or 4-D (a 1-D or 2-D convolution), "
                f"got shape {tensors[key].shape}{NORM_WAY if tensors[key].ndim == 1 else ''}"
            )
    if connections is None:
        in_file = list(names) if ordered else None
        connections = _connections(names, tensors, metadata, in_file, assumptions)
    followed = _place_norms(norms, connections, {name: len(tensors[key]) for name, key in names.items()}, assumptions)
    weights = {name: _weight_and_bias(key, tensors) for name, key in names.items()}
    for name, (norm, epsilon) in followed.items():
        weights[name] = norm.fold(*weights[name], epsilon)
    return connections.network(weights)


def tensors_from_network(network: Network) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """The tensors and the metadata from which `network_from_tensors` makes an equal network.

    Biases that are all 0 have no tensor, as a layer without biases has none.
    """
    tensors: dict[str, NDArray[np.float32]] = {}
    recurrent = [] if network.graph is None else network.graph.recurrent
    for layer, lstm in zip_longest(network.layers, recurrent):
        key = weight_key(layer.name)
        if layer_name(key) != layer.name:
            raise EieError(f"a layer's tensor must be NAME.weight with a name that does not end so, got {layer.name}")
        in_parts = {} if lstm is None else lstm_tensors.split(layer.name, layer.weight, layer.bias)
        parts = in_parts or {
            key: layer.weight,
            **({_bias_key(key): layer.bias} if has_biases(layer.bias) else {}),
        }
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
    return re.search(rf"(^|\.)weight({RECURRENT})?$", key) is not None


def _is_part(key: str) -> bool:
    """Whether it is one of several tensors of weights of a module, as recurrent cells have them."""
    return re.search(rf"(^|\.)weight({RECURRENT})$", key) is not None


def _check_metadata(metadata: dict[str, str]) -> None:
    if GRAPH in metadata and ORDER in metadata:
        raise EieError("the metadata must have a graph or an order, they have both")


def _connections(
    names: dict[str, str],
    tensors: dict[str, NDArray[Any]],
    metadata: dict[str, str],
    in_file: list[str] | None,
    assumptions: Assumptions,
) -> Connections:
    """What is assumed of layers whose connections the file does not say."""
    known = assumptions.connections
    if ORDER not in metadata and known is not None and {use.name for use in known.uses} == names.keys():
        return known
    if not all(tensors[key].ndim == 2 and not _is_part(key) for key in names.values()):
        if assumptions.order == "file":
            raise EieError(
                "--order file is of fully connected layers in a chain, this file has others: --graph says more"
            )
        return Connections(graph=UNCONNECTED, uses=tuple(LayerUse(name=name) for name in sorted(names, key=natural)))
    if ORDER in metadata:
        order, why = [name.strip() for name in metadata[ORDER].split(",")], "as the metadata say"
        if sorted(order) != sorted(names):
            raise EieError(f"the order {','.join(order)} must name each of {','.join(sorted(names))} once")
    else:
        order, why = chain_order({name: tensors[key].shape for name, key in names.items()}, in_file, assumptions.order)
        several = f"{_few(order)} one after another ({why}), a ReLU between any two"
        chain = several if len(order) > 1 else f"{order[0]} is the whole network, without ReLU"
        assumptions.say(f"assumed, since the file does not say it: {chain}; --graph says otherwise")
    return Connections(graph=None, uses=tuple(LayerUse(name=name, relu=name != order[-1]) for name in order))


def _place_norms(
    norms: dict[str, Norm], connections: Connections, outputs: dict[str, int], assumptions: Assumptions
) -> dict[str, tuple[Norm, float]]:
    """By layer the norm that follows it, and its epsilon."""
    placed: dict[str, tuple[Norm, float]] = {}
    waiting = dict(norms)
    for use in connections.uses:
        if use.batch_norm is not None:
            if use.batch_norm not in waiting:
                raise EieError(f"layer {use.name}: the file must have one batch normalisation {use.batch_norm} for it")
            placed[use.name] = waiting.pop(use.batch_norm), use.epsilon
    assumed: list[str] = []
    for name, norm in waiting.items():
        layer = find_layer(name, norm.mean.size, outputs)
        if layer is None or layer in placed:
            raise EieError(
                f"the batch normalisation {name} must say which layer's result it takes, its name does not: "
                f'--graph FILE with {{"op": "layer", "name": LAYER, "batch_norm": "{name}"}}'
            )
        placed[layer] = norm, EPSILON
        assumed.append(f"{name} into {layer}")
    if assumed:
        assumptions.say(
            f"assumed, since the file does not say it: batch normalisations follow their layers before any ReLU, "
            f"epsilon is {EPSILON:g}; folded: {_few(assumed)}"
        )
    for layer, (norm, epsilon) in placed.items():
        if norm.mean.size != outputs[layer]:
            raise EieError(
                f"layer {layer}: its batch normalisation must have {outputs[layer]} channels, got {norm.mean.size}"
            )
        if not (norm.variance + epsilon > 0).all():
            raise EieError(f"layer {layer}: variance and epsilon of its batch normalisation must be above 0, one is 0")
    return placed


def _weight_and_bias(key: str, tensors: dict[str, NDArray[Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weight = _float32(key, tensors.pop(key))
    if weight.ndim == 3:
        weight = weight[:, :, np.newaxis]
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


def _few(names: list[str]) -> str:
    return ", ".join(names[:MOST_SHOWN]) + (f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else "")
