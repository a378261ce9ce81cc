"""What the host does for a network that an array runs layer by layer, whatever the array is: engine, RTL or a board.

The host cuts what a layer takes into vectors and does itself what has no weights: pooling, joining, nonlinearities and
the cell of an LSTM, in the integer arithmetic of `sw.network.integer_forward`, and it stores activations.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.image import NetworkImage
from sw.image.lower import LayerImages
from sw.network.integer_forward import IntegerArithmetic, IntegerRun, run_arithmetic
from sw.network.layer_products import run_products

# The number of a layer and of its group, the group's image and (vectors, in) int16 vectors -> (vectors, out) int16
# results in logical order and (vectors,) whether an accumulator overflowed.
RunVectors = Callable[[int, int, NetworkImage, NDArray[np.int16]], tuple[NDArray[np.int16], NDArray[np.bool_]]]


def run_layer_images(
    lowered: LayerImages, inputs: NDArray[Any], run_vectors: RunVectors, advance: Callable[[int], None] = lambda _: None
) -> IntegerRun:
    """Run (n, *input_shape) or (n, in_features) inputs; `advance` is told how many more are done."""
    return run_arithmetic(lowered.network, _OnArray(lowered, run_vectors), inputs, advance)


class _OnArray(IntegerArithmetic):
    """The integer datapath with its layers on an array."""

    def __init__(self, lowered: LayerImages, run_vectors: RunVectors):
        config = lowered.config
        super().__init__(lowered.network, config.accumulator_bits, config.activation_bits)
        self._images, self._run_vectors = lowered.layers, run_vectors

    def products(self, index: int, x: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        images = self._images[index]

        def product(rows: slice, vectors: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
            group = int(rows.start) // images[0].out_features
            results, overflow = self._run_vectors(index, group, images[group], vectors.T)
            return results.T, overflow

        return run_products(self.layers[index].layer, x, product)
