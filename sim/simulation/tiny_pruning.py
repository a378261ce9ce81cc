"""Pruning the networks of MLPerf Tiny by kinds of layers, each output channel evenly, without retraining."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sim.fields import split_field
from sw.compress.prune import check_pruning, prune
from sw.network.layer import Layer
from sw.network.network import Network

DENSITIES: Mapping[str, float] = {"first": 0.6, "window": 0.25, "1x1": 0.3, "linear": 0.15, "depthwise": 1.0}
KINDS = {
    "first": "the first convolution",
    "window": "convolutions larger than 1x1",
    "1x1": "1x1 convolutions",
    "linear": "fully connected layers",
    "depthwise": "depthwise convolutions",
}


def wanted_densities(pruned: bool, changes: Sequence[str]) -> dict[str, float]:
    """Densities by kind of layer, of `DENSITIES` if `pruned`, else 1, changed by KIND=SHARE words.

    EieError for a word that is none, and for a share that is not above 0 and at most 1.
    """
    found = dict(DENSITIES) if pruned else dict.fromkeys(DENSITIES, 1.0)
    for change in changes:
        kind, text = split_field("--density", change, "SHARE")
        if kind not in found:
            raise EieError(f"--density: no kind of layer {kind!r}; kinds: {', '.join(found)}")
        try:
            found[kind] = float(text)
        except ValueError as error:
            raise EieError(f"--density {kind}: wanted a number above 0 and at most 1, got {text!r}") from error
        check_pruning(found[kind], None)
    return found


def kinds_of(network: Network) -> list[str]:
    """The kind of every layer, a name of `DENSITIES`."""
    convolutions = [number for number, layer in enumerate(network.layers) if layer.convolution is not None]
    return [_kind(layer, convolutions[:1] == [number]) for number, layer in enumerate(network.layers)]


def _kind(layer: Layer, is_first: bool) -> str:
    if layer.convolution is None:
        return "linear"
    _, inputs, *kernel = layer.weight.shape
    if inputs == 1 and layer.convolution.groups > 1:
        return "depthwise"
    if is_first:
        return "first"
    return "1x1" if kernel == [1, 1] else "window"


def pruned_network(network: Network, densities: Mapping[str, float]) -> Network:
    """The network with the largest weights of every output channel, as many of each as the density of its kind says."""
    layers = [
        replace(layer, weight=pruned_evenly(layer.weight, densities[kind]))
        for layer, kind in zip(network.layers, kinds_of(network), strict=True)
    ]
    return replace(network, layers=tuple(layers))


def pruned_evenly(weight: NDArray[np.float32], density: float) -> NDArray[np.float32]:
    """``round(density * size)`` of the largest weights of each output channel, axis 0, or fewer if more are 0."""
    return np.stack([prune(channel, density=density) for channel in weight])
