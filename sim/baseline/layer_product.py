"""A layer of the EIE paper as the product a library computes: its matrix, a batch of inputs, the right answer."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from model.errors import EieError
from sim.paper import PAPER_LAYERS, PaperLayer
from sim.simulation.paper_layers import random_input, random_weights

# Of the product's norm. Float32 sums of hundreds of terms stay near 1e-6; one missing weight and TF32 are above 1e-4.
TOLERANCE = 1e-5
CHECKED = 64  # frames of a product that are compared


class MatrixShape(NamedTuple):
    """A matrix by the name of its layer."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True, eq=False)
class LayerMatrix:
    """A layer's (outputs, inputs) matrix by its nonzero weights, and inputs for it.

    Parameters
    ----------
    layer : the layer it stands for.
    positions : (weights,) int64, row-major, ascending.
    values : (weights,) float32.
    inputs : (inputs, batch) float32, one column per frame, with the layer's share of nonzero activations each.
    """

    layer: PaperLayer | MatrixShape
    positions: NDArray[np.int64]
    values: NDArray[np.float32]
    inputs: NDArray[np.float32]

    @cached_property
    def dense(self) -> NDArray[np.float32]:
        """(outputs, inputs) float32, made once: 411 MB for VGG-6."""
        matrix = np.zeros(self.layer.outputs * self.layer.inputs, np.float32)
        matrix[self.positions] = self.values
        return matrix.reshape(self.layer.outputs, self.layer.inputs)

    @cached_property
    def csr(self) -> "csr_array[Any, tuple[int, int]]":
        """(outputs, inputs) float32 with int32 indices, the faster ones in every library."""
        rows, columns = self._rows_and_columns
        starts = np.searchsorted(rows, np.arange(self.layer.outputs + 1)).astype(np.int32)
        shape = (self.layer.outputs, self.layer.inputs)
        return csr_array((self.values, columns.astype(np.int32), starts), shape=shape)

    def operand(self, batch: int) -> NDArray[np.float32]:
        """The first `batch` inputs: (inputs,) for one, as a matrix-vector product wants it, else (inputs, batch)."""
        return self.inputs[:, 0].copy() if batch == 1 else np.ascontiguousarray(self.inputs[:, :batch])

    def check(self, product: NDArray[np.float32], batch: int, library: str) -> None:
        """EieError unless `product`, (outputs,) or (outputs, batch), is right for its first `CHECKED` inputs."""
        size = self.layer.outputs * batch
        if product.size != size:
            raise EieError(f"{library} on {self.layer.name}: wanted a product of {size} values, got {product.size}")
        right = self._right[:, :batch]
        made = product.reshape(self.layer.outputs, batch)[:, :CHECKED]
        error = float(np.linalg.norm(made - right) / (np.linalg.norm(right) or 1.0))
        if not error <= TOLERANCE:
            raise EieError(
                f"{library} on {self.layer.name}, batch {batch}: wanted the product within {TOLERANCE:g} of its norm, "
                f"got one {error:.2g} away"
            )

    @cached_property
    def _rows_and_columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows, columns = np.divmod(self.positions, self.layer.inputs)
        return rows, columns

    @cached_property
    def _right(self) -> NDArray[np.float64]:
        """The products in float64, summed by no library that is timed."""
        rows, columns = self._rows_and_columns
        frames = self.inputs.T[:CHECKED].astype(np.float64)
        right = np.empty((self.layer.outputs, len(frames)))
        for number, frame in enumerate(frames):
            right[:, number] = np.bincount(rows, self.values * frame[columns], self.layer.outputs)
        return right


def layer_matrix(layer: PaperLayer, seed: int, batch: int) -> LayerMatrix:
    """The weights and the input that `sim.simulation.paper_layers.run_layer` takes of this seed, and more inputs."""
    random = np.random.default_rng([seed, list(PAPER_LAYERS).index(layer.name)])
    positions, values = random_weights(layer, random)
    inputs = np.concatenate([random_input(layer, random) for _ in range(batch)]).T
    return LayerMatrix(layer, positions, values, np.ascontiguousarray(inputs))
