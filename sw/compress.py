"""Deep Compression without retraining: prune, share weights, choose index widths, calibrate (Han et al., ICLR 2016)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sw.compressed import CompressedLayer, CompressedNetwork
from sw.errors import EieError
from sw.file_layer import choose_index_bits
from sw.kmeans import share
from sw.layer import Layer
from sw.network import Network
from sw.prune import check_pruning, prune
from sw.quantise import calibrate


def compress(
    network: Network,
    *,
    density: float | Mapping[str, float] | None = None,
    threshold: float | None = None,
    code_bits: int = 4,
    calibration: NDArray[Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> CompressedNetwork:
    """Prune, share and index every layer.

    Parameters
    ----------
    density : weights to keep, of every layer or by layer name (layers not named keep all that are not zero).
    threshold : instead of a density, the smallest magnitude to keep.
    code_bits : 1 to 8; a layer has at most ``2**code_bits - 1`` shared weights, code 0 stays reserved for zero.
    calibration : (n, in) inputs; without them the result has no calibration and cannot be laid out for an array.
    progress : called with a layer's name when the layer is done.
    """
    if not 1 <= code_bits <= 8:
        raise EieError(f"code_bits must be between 1 and 8, got {code_bits}")
    densities = _densities(network, density)
    for value in densities.values():
        check_pruning(value, threshold)
    layers: list[CompressedLayer] = []
    for layer in network.layers:
        layers.append(_compress_layer(layer, densities[layer.name], threshold, code_bits))
        if progress is not None:
            progress(layer.name)
    compressed = CompressedNetwork(layers=tuple(layers), graph=network.graph)
    return compressed if calibration is None else calibrate(compressed, calibration)


def _densities(network: Network, density: float | Mapping[str, float] | None) -> dict[str, float | None]:
    names = [layer.name for layer in network.layers]
    if not isinstance(density, Mapping):
        return dict.fromkeys(names, density)
    unknown = sorted(set(density) - set(names))
    if unknown:
        raise EieError(f"densities must name layers of {', '.join(names)}, got {unknown[0]!r}")
    return {name: density.get(name) for name in names}


def _compress_layer(layer: Layer, density: float | None, threshold: float | None, code_bits: int) -> CompressedLayer:
    weights = prune(layer.weight, density, threshold).ravel()
    positions = np.flatnonzero(weights)
    centroids, clusters = share(weights[positions], (1 << code_bits) - 1)
    codebook = np.zeros(1 << code_bits, np.float32)
    codebook[1 : centroids.size + 1] = centroids
    codes = clusters + np.uint8(1)
    return CompressedLayer(
        name=layer.name,
        shape=layer.weight.shape,
        convolution=layer.convolution,
        code_bits=code_bits,
        index_bits=choose_index_bits(positions, codes, code_bits),
        codebook=codebook,
        bias=layer.bias,
        relu=layer.relu,
        positions=positions,
        codes=codes,
    )
