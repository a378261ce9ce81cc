"""A compressed network in memory: pruned, weight-shared layers without fillers."""

from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.html import html_table
from sw.network.graph import Convolution, Graph, Shape, WeightShape
from sw.network.layer import Layer, check_name, check_shape
from sw.network.network import Connected, Network, check_connections


@dataclass(frozen=True, eq=False, kw_only=True)
class CompressedLayer:
    """One layer as shared weights at the positions of its nonzero entries.

    Parameters
    ----------
    name : unique in its network.
    shape : (out, in), or (out, in / groups, rows, columns) of a convolution.
    convolution : None for a fully connected layer.
    code_bits : bits of a code, 1 to 8.
    codebook : (2**code_bits,) float32, finite, entry 0 is 0.
    bias : (out,) float32, finite.
    relu : whether a ReLU follows.
    positions : (entries,) int64, ascending positions in the row-major weights, ``row * in + column``.
    codes : (entries,) uint8, 1 to 2**code_bits - 1.
    """

    name: str
    shape: Shape
    convolution: Convolution | None = None
    code_bits: int
    codebook: NDArray[np.float32]
    bias: NDArray[np.float32]
    relu: bool
    positions: NDArray[np.int64]
    codes: NDArray[np.uint8]

    def __post_init__(self) -> None:
        check_name(self.name)
        check_shape(self.name, self.shape, self.convolution)
        if not 1 <= self.code_bits <= 8:
            raise EieError(f"layer {self.name}: code_bits must be between 1 and 8, got {self.code_bits}")
        self._check_array("codebook", self.codebook, np.float32, 1 << self.code_bits)
        self._check_array("bias", self.bias, np.float32, self.shape[0])
        if not np.isfinite(self.codebook).all() or self.codebook[0] != 0:
            raise EieError(f"layer {self.name}: codebook must be finite with entry 0 zero, got {self.codebook}")
        if not np.isfinite(self.bias).all():
            raise EieError(f"layer {self.name}: biases must be finite, got NaN or infinity")
        self._check_array("positions", self.positions, np.int64, self.positions.size)
        self._check_array("codes", self.codes, np.uint8, self.positions.size)
        if self.positions.size == 0:
            return
        if self.positions[0] < 0 or self.positions[-1] >= self.weights or (np.diff(self.positions) <= 0).any():
            raise EieError(
                f"layer {self.name}: positions must ascend from 0 to at most {self.weights - 1}, they do not"
            )
        if self.codes.min() < 1 or self.codes.max() >= 1 << self.code_bits:
            raise EieError(
                f"layer {self.name}: codes of entries must be between 1 and {(1 << self.code_bits) - 1}, "
                f"got {self.codes.min()} to {self.codes.max()}"
            )

    @property
    def weights(self) -> int:
        """Weights of the dense layer."""
        return prod(self.shape)

    @property
    def zero_weights(self) -> int:
        """Entries whose shared weight is 0 all the same: they take room and multiply nothing."""
        return int(np.count_nonzero(self.codebook[self.codes] == 0))

    def dense(self) -> NDArray[np.float32]:
        """float32 weights of `shape`."""
        dense = np.zeros(self.weights, np.float32)
        dense[self.positions] = self.codebook[self.codes]
        return dense.reshape(self.shape)

    def _check_array(self, field: str, values: NDArray[np.generic], dtype: type[np.generic], size: int) -> None:
        if values.dtype != dtype or values.shape != (size,):
            raise EieError(
                f"layer {self.name}: {field} must be {dtype.__name__} of shape {(size,)}, "
                f"got {values.dtype} of shape {values.shape}"
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """Ranges seen on calibration inputs; finite and not negative.

    Parameters
    ----------
    activations : (layers + 1,) float32, largest magnitude of the network's input and of each layer's output, of
        an LSTM's cell.
    partial_sums : (layers,) float32, bound on the magnitude of every layer's partial sums, in any order of columns.
    results : (ranged operations,) float32, largest magnitude of what each makes (`sw.network.operations.RANGED`).
    activity : of the input and of each operation's result, float32 of its shape: the share of inputs where an element
        is not 0. Empty if it is not known; no file holds it.
    activation_bits : 16, or 8: ranges of activations and results are then those beyond which they saturate.
    """

    activations: NDArray[np.float32]
    partial_sums: NDArray[np.float32]
    results: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    activity: tuple[NDArray[np.float32], ...] = ()
    activation_bits: int = 16

    def __post_init__(self) -> None:
        parts = (("activations", self.activations), ("partial sums", self.partial_sums), ("results", self.results))
        for part, values in parts:
            if values.dtype != np.float32 or not np.isfinite(values).all() or (values < 0).any():
                raise EieError(f"calibrated {part} must be finite float32 magnitudes, got {values}")


@dataclass(frozen=True, kw_only=True)
class CompressedNetwork(Connected):
    """Compressed layers in execution order, how they are connected, and their calibration if there is one.

    `graph` is None for a chain of fully connected layers, as in `sw.network.network.Network`.
    """

    layers: tuple[CompressedLayer, ...]
    graph: Graph | None = None
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        check_connections(self.weight_shapes, [layer.relu for layer in self.layers], self.graph)
        if self.calibration is not None:
            ranges = self.calibration
            sizes = ranges.activations.shape, ranges.partial_sums.shape, ranges.results.shape
            wanted = (len(self.layers) + 1,), (len(self.layers),), (len(self.graph.ranged) if self.graph else 0,)
            if sizes != wanted:
                raise EieError(f"calibration of {len(self.layers)} layers must have shapes {wanted}, got {sizes}")

    @property
    def weight_shapes(self) -> list[WeightShape]:
        return [(layer.name, layer.shape, layer.convolution) for layer in self.layers]

    def _repr_html_(self) -> str:
        return html_table(
            f"{len(self.layers)} layers, {'not ' if self.calibration is None else ''}calibrated",
            ["layer", "weights", "kept", "code bits"],
            [
                [layer.name, " x ".join(map(str, layer.shape)), f"{layer.positions.size:,}", str(layer.code_bits)]
                for layer in self.layers
            ],
        )

    def to_network(self) -> Network:
        """The dense float32 network that this one computes."""
        layers = (Layer(layer.name, layer.dense(), layer.bias, layer.relu, layer.convolution) for layer in self.layers)
        return Network(tuple(layers), self.graph)
