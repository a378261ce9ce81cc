"""A network of fully connected layers in float32, and its safetensors file."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from sw.errors import EieError
from sw.files import check_source, reason, write_whole

MAX_WEIGHTS = 1 << 31  # of one layer
MAX_FEATURES = 1 << 20  # inputs or outputs of one layer
MAX_LAYERS = 1024
FLOATS = ("F32", "F64", "F16")


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """y = weight @ x + bias, then ReLU if `relu`.

    Parameters
    ----------
    name : unique in its network.
    weight : (out, in) float32, finite.
    bias : (out,) float32, finite.
    """

    name: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    relu: bool

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.weight.ndim != 2 or 0 in self.weight.shape:
            raise EieError(f"{self.name}.weight must be 2-D and not empty (a linear layer), got {self.weight.shape}")
        check_shape(self.name, *self.weight.shape)
        if self.bias.shape != self.weight.shape[:1]:
            raise EieError(f"{self.name}.bias must have shape {self.weight.shape[:1]}, got {self.bias.shape}")
        for part, values in (("weight", self.weight), ("bias", self.bias)):
            if values.dtype != np.float32:
                raise EieError(f"{self.name}.{part} must be float32, got {values.dtype}")
            if not np.isfinite(values).all():
                raise EieError(f"{self.name}.{part} must be finite, got NaN or infinity")


@dataclass(frozen=True)
class Network:
    """Linear layers in execution order; each takes as many inputs as the one before has outputs."""

    layers: tuple[LinearLayer, ...]

    def __post_init__(self) -> None:
        check_chain([(layer.name, layer.weight.shape[0], layer.weight.shape[1]) for layer in self.layers])

    @property
    def in_features(self) -> int:
        return self.layers[0].weight.shape[1]

    @property
    def out_features(self) -> int:
        return self.layers[-1].weight.shape[0]

    def forward(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, in) float32 inputs to (n, out) float32 outputs."""
        activations = check_inputs(x, self.in_features)
        for layer in self.layers:
            activations = activations @ layer.weight.T + layer.bias
            if layer.relu:
                activations = np.maximum(activations, np.float32(0))
        return activations


def check_name(name: str) -> None:
    """A layer's name: 1 to 255 bytes of UTF-8, no comma (it separates names in metadata), no space around it."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise EieError(f"a layer name must be valid UTF-8, got {name!r}") from error
    if not 1 <= size <= 255 or "," in name or name != name.strip():
        raise EieError(f"a layer name must have 1 to 255 bytes, no comma and no space around it, got {name!r}")


def check_shape(name: str, outputs: int, inputs: int) -> None:
    """A layer's dense size, bounded before anything is allocated for it."""
    if not (1 <= outputs <= MAX_FEATURES and 1 <= inputs <= MAX_FEATURES and outputs * inputs <= MAX_WEIGHTS):
        raise EieError(
            f"layer {name}: it must have 1 to {MAX_FEATURES} outputs and inputs and at most {MAX_WEIGHTS} weights, "
            f"got {outputs} x {inputs}"
        )


def check_chain(layers: list[tuple[str, int, int]]) -> None:
    """Layers as (name, out, in): 1 to MAX_LAYERS, names unique, each layer's inputs the outputs of the one before."""
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise EieError(f"a network must have 1 to {MAX_LAYERS} layers, got {len(layers)}")
    names = {name for name, _, _ in layers}
    if len(names) < len(layers):
        raise EieError(f"layer names must be unique, got {len(names)} names for {len(layers)} layers")
    for (before, outputs, _), (after, _, inputs) in pairwise(layers):
        if outputs != inputs:
            raise EieError(f"layer {after} must take the {outputs} outputs of {before}, but it has {inputs} inputs")


def check_inputs(x: NDArray[Any], in_features: int) -> NDArray[np.float32]:
    """(n, in_features) finite numbers as float32."""
    if x.ndim != 2 or x.shape[1] != in_features:
        raise EieError(f"inputs must have shape (n, {in_features}), got {x.shape}")
    if x.dtype.kind not in "fiub":
        raise EieError(f"inputs must be real numbers, got {x.dtype}")
    with np.errstate(over="ignore"):
        inputs = x.astype(np.float32)
    if not np.isfinite(inputs).all():
        raise EieError("inputs must be finite float32 numbers, got NaN or infinity")
    return inputs


def load_network(path: Path) -> Network:
    """A network from safetensors: ``NAME.weight`` (out, in) and optional ``NAME.bias`` (out,), zeros if absent.

    Tensors are float32, float64 or float16. The metadata key "order" (names, comma separated) gives the order of the
    layers, else the names sorted with numbers as numbers. ReLU follows every layer but the last. Raises EieError, with
    the path, for anything else in the file.
    """
    check_source(path)
    try:
        return _network(*_read_tensors(path))
    except EieError as error:
        raise EieError(f"{path}: {error}") from error


def save_network(network: Network, path: Path) -> None:
    """Write the safetensors file that `load_network` reads back; EieError if a ReLU is not where it puts them."""
    for layer in network.layers:
        if layer.relu != (layer is not network.layers[-1]):
            raise EieError(f"a file holds networks with ReLU after all layers but the last, {layer.name} differs")
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in network.layers:
        tensors[f"{layer.name}.weight"] = np.ascontiguousarray(layer.weight)
        tensors[f"{layer.name}.bias"] = np.ascontiguousarray(layer.bias)
    order = ",".join(layer.name for layer in network.layers)
    write_whole(path, safetensors.numpy.save(tensors, {"order": order}))


def _read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    open_file: Any = safetensors.safe_open
    try:
        with open_file(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
            keys: list[str] = list(file.keys())
            for key in keys:
                dtype: str = file.get_slice(key).get_dtype()
                if dtype not in FLOATS:
                    raise EieError(f"{key} must hold floating-point numbers ({', '.join(FLOATS)}), got {dtype}")
            return {key: file.get_tensor(key) for key in keys}, metadata
    except (safetensors.SafetensorError, OSError) as error:
        raise EieError(f"this is not a whole safetensors file: {reason(error)}") from error


def _network(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> Network:
    names = [key.removesuffix(".weight") for key in tensors if key.endswith(".weight")]
    for key in tensors:
        if key.removesuffix(".bias") not in names and key.removesuffix(".weight") not in names:
            raise EieError(f"tensors must be NAME.weight with an optional NAME.bias, got {key}")
    if not names:
        raise EieError("a network must have at least one NAME.weight tensor, got none")
    if "order" in metadata:
        order = [name.strip() for name in metadata["order"].split(",")]
        if sorted(order) != sorted(names):
            raise EieError(f"the order {','.join(order)} must name each of {','.join(sorted(names))} once")
        names = order
    else:
        names.sort(key=_natural)
    layers: list[LinearLayer] = []
    for name in names:
        weight = _float32(tensors[f"{name}.weight"])
        if weight.ndim != 2:
            raise EieError(f"{name}.weight must be 2-D (a linear layer), got shape {weight.shape}")
        bias = np.zeros(len(weight), np.float32)
        if f"{name}.bias" in tensors:
            bias = _float32(tensors[f"{name}.bias"])
        layers.append(LinearLayer(name, weight, bias, relu=name != names[-1]))
    return Network(tuple(layers))


def _float32(tensor: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return tensor.astype(np.float32)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key in which ip10 follows ip2."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
