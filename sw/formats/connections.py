"""How named weights become a network: what a graph file, or the metadata of a weight file, says of its layers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.network.graph import Convolution, Graph, Shape
from sw.network.layer import Layer
from sw.network.network import Network

Weights = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True, kw_only=True)
class LayerUse:
    """One application of a layer.

    Parameters
    ----------
    convolution : how it moves; None for a fully connected layer, and for a convolution by 1 without padding or groups.
    shape : of its weights; None where only the weight file knows it.
    batch_norm : name of the batch normalisation, in a file of named tensors, that its result goes through before any
        ReLU; it is folded into the weights.
    epsilon : of that.
    """

    name: str
    relu: bool = False
    convolution: Convolution | None = None
    shape: Shape | None = None
    batch_norm: str | None = None
    epsilon: float = 1e-5


@dataclass(frozen=True, kw_only=True)
class Connections:
    """A network without its weights: its layers in execution order, and its graph as in `Network`."""

    graph: Graph | None
    uses: tuple[LayerUse, ...]

    @property
    def lstms(self) -> list[str]:
        """The names of the layers that are matrices of LSTMs."""
        operations = () if self.graph is None else self.graph.recurrent
        return [use.name for use, lstm in zip(self.uses, operations, strict=False) if lstm is not None]

    def network(self, weights: Weights) -> Network:
        """The network with these weights and biases, by layer name; EieError unless they are for the same layers."""
        applied: set[str] = set()
        for use in self.uses:
            if use.name in applied:
                raise EieError(f"the graph must apply each layer once, it applies {use.name} more than once")
            if use.name not in weights:
                raise EieError(
                    f"the graph applies layer {use.name}, the weight file must have it, got {_list(weights)}"
                )
            applied.add(use.name)
        for name in weights:
            if name not in applied:
                raise EieError(f"the graph must apply each layer of the weight file once, it does not apply {name}")
        return Network(tuple(_layer(use, *weights[use.name]) for use in self.uses), self.graph)


def _layer(use: LayerUse, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Layer:
    if use.shape is not None and use.shape != weight.shape:
        raise EieError(f"layer {use.name}: the graph wants weights of shape {use.shape}, got {weight.shape}")
    if weight.ndim == 2:
        if use.convolution is not None:
            raise EieError(f"layer {use.name}: the graph has it a convolution, got weights of shape {weight.shape}")
        return Layer(use.name, weight, bias, use.relu)
    return Layer(use.name, weight, bias, use.relu, use.convolution or Convolution())


def _list(names: Mapping[str, object]) -> str:
    """At most eight names."""
    first = list(names)[:8]
    return ", ".join(first) + (f" and {len(names) - len(first)} more" if len(names) > len(first) else "")
