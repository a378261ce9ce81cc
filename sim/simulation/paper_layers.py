"""The nine layers of the EIE paper as seeded random ones of the same sizes and densities, compressed and run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from model.config import ArrayConfig
from model.image import NetworkImage
from sim.energy.technology import Technology
from sim.metrics.metrics import Metrics
from sim.paper import PAPER_LAYERS, PaperLayer
from sim.simulation.prepare import lay_out
from sim.simulation.simulate import simulate_lowered
from sw.compress.kmeans import share
from sw.network.compressed import CompressedLayer, CompressedNetwork

MOST_ROWS = 1 << 20  # no configuration takes more sparse-matrix rows
SMALLEST_ACTIVATION = 0.1  # of the largest: far from what 16 bits round to zero, so that the density is exact


@dataclass(frozen=True, kw_only=True)
class BenchmarkRun:
    """What an array did with one of the layers.

    Parameters
    ----------
    layer : the layer it stands for.
    enlarged : fields of the configuration that are larger than in the array asked for, because the layer needs it.
    weights : nonzero weights of the layer.
    metrics : every figure, for the one input, with the array that ran it.
    """

    layer: PaperLayer
    enlarged: Mapping[str, int]
    weights: int
    metrics: Metrics


def run_layer(layer: PaperLayer, array: ArrayConfig, seed: int, technology: Technology | None = None) -> BenchmarkRun:
    """Make the layer and an input, lay it out and run it on the engine; a memory too small for it is enlarged."""
    return BenchmarkLayer(layer, array.code_bits, seed).run(array, technology)


class BenchmarkLayer:
    """A layer and an input for it, made of a seed and compressed to codes of `code_bits`, for any number of arrays.

    It is laid out once for consecutive arrays that lay it out alike. `row_spread` is that of `random_weights`.
    """

    def __init__(self, layer: PaperLayer, code_bits: int, seed: int, row_spread: float = 0.0):
        random = np.random.default_rng([seed, list(PAPER_LAYERS).index(layer.name)])
        self.layer = layer
        self.network = share_weights(layer, *random_weights(layer, random, row_spread), code_bits)
        self.inputs = random_input(layer, random)
        self._laid_out: tuple[tuple[object, ...], NetworkImage] | None = None

    def run(self, array: ArrayConfig, technology: Technology | None = None) -> BenchmarkRun:
        """On an array that takes codes of these bits; `technology` prices it, see `sim.simulation.simulate`."""
        image, enlarged = self.fit(array)
        run = simulate_lowered(image, self.inputs, technology=technology)
        return BenchmarkRun(
            layer=self.layer,
            enlarged=enlarged,
            weights=self.network.layers[0].positions.size,
            metrics=run.layers[self.layer.name],
        )

    def fit(self, array: ArrayConfig) -> tuple[NetworkImage, dict[str, int]]:
        """The layer's image, and the fields of `array` that had to grow for it, with their new values.

        Every memory that the layer fits stays as it is, the others become just large enough. Raises ConfigError or
        EieError if no array of these PEs holds the layer.
        """
        in_rows, out_rows = (-(-size // array.pes) for size in (self.network.in_features, self.network.out_features))
        needed = {
            "pointer_depth": (in_rows * array.pes + 2) // 2 * 2,
            "activation_depth": max(in_rows, out_rows),
            "constant_depth": array.bias_base + out_rows,
        }
        enlarged = {field: depth for field, depth in needed.items() if depth > getattr(array, field)}
        image = self._lay_out(array.with_(**enlarged, sparse_matrix_depth=MOST_ROWS))
        rows = int((-(-np.diff(image.layers[0].offsets) // array.entries_per_row)).max())
        if rows > array.sparse_matrix_depth:
            enlarged["sparse_matrix_depth"] = rows
        return replace(image, config=array.with_(**enlarged)), enlarged

    def _lay_out(self, array: ArrayConfig) -> NetworkImage:
        alike = layout_key(array)
        if self._laid_out is None or self._laid_out[0] != alike:
            self._laid_out = alike, lay_out(self.network, self.inputs, array)[0]
        return self._laid_out[1]


def layout_key(array: ArrayConfig) -> tuple[object, ...]:
    """Equal for arrays that lay a layer out alike, as long as their memories hold it."""
    # A search for rows looks at cycles.
    searched = array.row_dealing == "searched"
    return tuple((array.fields_for("image", "cycles") if searched else array.fields_for("image")).values())


def random_weights(
    layer: PaperLayer, random: np.random.Generator, row_spread: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """What magnitude pruning leaves of a Gaussian matrix: row-major positions, ascending, and values, (weights,) each.

    Independent Gaussian weights are each kept with the same probability, the layer's density, and what is kept are the
    two tails of the Gaussian. The dense matrix is never made: that of VGG-6 would take 411 MB. With a `row_spread` the
    rows' densities are log-normal around the layer's, and this is the standard deviation of their logarithms.
    """
    densities = np.full(layer.outputs, layer.weight_density)
    if row_spread:
        factors = np.exp(random.normal(0, row_spread, layer.outputs))
        densities *= factors / factors.mean()
    positions = np.concatenate(
        [
            row * layer.inputs + np.flatnonzero(random.random(layer.inputs, np.float32) < density)
            for row, density in enumerate(densities)
        ]
    )
    magnitudes = -ndtri(layer.weight_density / 2 * (1 - random.random(positions.size)))
    signs = random.choice([-1.0, 1.0], positions.size)
    return positions, (signs * magnitudes).astype(np.float32)


def share_weights(
    layer: PaperLayer, positions: NDArray[np.int64], weights: NDArray[np.float32], code_bits: int
) -> CompressedNetwork:
    """The one-layer network that `sw.compress.pipeline.compress` makes of these weights, without bias and ReLU."""
    centroids, clusters = share(weights, (1 << code_bits) - 1)
    codebook = np.zeros(1 << code_bits, np.float32)
    codebook[1 : centroids.size + 1] = centroids
    codes = clusters + np.uint8(1)
    compressed = CompressedLayer(
        name=layer.name,
        shape=(layer.outputs, layer.inputs),
        code_bits=code_bits,
        codebook=codebook,
        bias=np.zeros(layer.outputs, np.float32),
        relu=False,
        positions=positions,
        codes=codes,
    )
    return CompressedNetwork(layers=(compressed,))


def random_input(layer: PaperLayer, random: np.random.Generator) -> NDArray[np.float32]:
    """(1, inputs) float32 with exactly the layer's share of nonzero activations, at random positions."""
    active = random.permutation(layer.inputs)[: round(layer.activation_density * layer.inputs)]
    inputs = np.zeros((1, layer.inputs), np.float32)
    inputs[0, active] = random.uniform(SMALLEST_ACTIVATION, 1, active.size)
    return inputs
