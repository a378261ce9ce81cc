"""Deep Compression without retraining: prune, share weights, calibrate (Han et al., ICLR 2016)."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from model.errors import EieError
from sw.compress.entropy_sharing import share_by_entropy
from sw.compress.kmeans import Init, few_values, share
from sw.compress.prune import check_pruning, kept_positions
from sw.formats.assumptions import Assumptions
from sw.formats.network_file import load_network
from sw.network.calibrate import calibrate
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.layer import Layer, matrix_shape
from sw.network.network import Network

T = TypeVar("T", int, float)

TOLD = Assumptions(host_parts=True, say=lambda sentence: warnings.warn(sentence, stacklevel=4))  # where it was called
USUAL_CODE_BITS = 4
MOST_BITS = 8


def compress(
    network: Network | str | Path,
    *,
    density: float | Mapping[str, float] | None = None,
    threshold: float | Mapping[str, float] | None = None,
    sensitivity: float | Mapping[str, float] | None = None,
    code_bits: int | Mapping[str, int] | None = None,
    step: float | Mapping[str, float] | None = None,
    init: Init = "linear",
    seed: int = 0,
    calibration: NDArray[Any] | None = None,
    progress: Callable[[str], None] | None = None,
    graph: str | Path | None = None,
    assumptions: Assumptions | None = None,
) -> CompressedNetwork:
    """Prune, share and index every layer; biases stay as they are.

    A path names a file that `sw.formats.network_file.load_network` reads, as `eie compress` does: parts of an ONNX
    model that no network here has are the host's. What is assumed of a file is a warning, a `UserWarning`. An option
    that is a number holds for every layer, a mapping for the layers it names, for others it is None.

    Parameters
    ----------
    density, threshold, sensitivity : what is pruned, see `sw.compress.prune.kept_positions`; at most one of them for a
        layer. Without any, all weights that are not zero are kept.
    code_bits : 1 to 8. A layer has at most ``2**code_bits - 1`` shared weights, code 0 stays reserved for zero; weights
        that take no more values than that keep them exactly. None: as `choose_code_bits` says.
    step : share by `sw.compress.entropy_sharing.share_by_entropy` instead of k-means. The code bits, 8 unless given,
        are then the most; the layer gets the fewest that hold its shared weights.
    init, seed : how k-means shares weights, see `sw.compress.kmeans.share`.
    calibration : (n, *input shape) inputs; without them the result has no calibration and cannot be laid out for an
        array.
    progress : called with a layer's name when the layer is done.
    graph : of a file, how its layers are connected: .json or Caffe's .prototxt.
    assumptions : what is taken for granted where a file leaves it open, and who is told, instead.
    """
    if not isinstance(network, Network):
        network = load_network(Path(network), None if graph is None else Path(graph), assumptions or TOLD)
    elif graph is not None or assumptions is not None:
        raise EieError("graph and assumptions are of files, wanted neither with a network")
    pruning = pruning_by_layer(network, density, threshold, sensitivity)
    steps = by_layer(network, "step", step)
    widths = by_layer(network, "code_bits", code_bits)
    for bits in widths.values():
        if bits is not None and not 1 <= bits <= MOST_BITS:
            raise EieError(f"code_bits must be between 1 and {MOST_BITS}, got {bits}")
    layers: list[CompressedLayer] = []
    for layer in network.layers:
        positions = kept_positions(layer.weight, **pruning[layer.name])
        values = layer.weight.reshape(-1)[positions]
        codebook, codes = share_weights(values, widths[layer.name], steps[layer.name], init, seed)
        layers.append(lay_out(layer, positions, codebook, codes))
        if progress is not None:
            progress(layer.name)
    compressed = CompressedNetwork(layers=tuple(layers), graph=network.graph)
    return compressed if calibration is None else calibrate(compressed, calibration)


def share_weights(
    values: NDArray[np.float32],
    code_bits: int | None = None,
    step: float | None = None,
    init: Init = "linear",
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Codebook, (2**code_bits,) with entry 0 zero, and codes of weights that are not zero; options as of `compress`."""
    if step is None:
        bits = choose_code_bits(values) if code_bits is None else code_bits
        centroids, clusters = share(values, (1 << bits) - 1, init=init, seed=seed)
    else:
        centroids, clusters = share_by_entropy(values, (1 << (code_bits or MOST_BITS)) - 1, step)
        bits = max(int(centroids.size).bit_length(), 1)
    codebook = np.zeros(1 << bits, np.float32)
    codebook[1 : centroids.size + 1] = centroids
    return codebook, clusters + np.uint8(1)


def lay_out(
    layer: Layer, positions: NDArray[np.int64], codebook: NDArray[np.float32], codes: NDArray[np.uint8]
) -> CompressedLayer:
    """The layer with these shared weights at these row-major positions."""
    return CompressedLayer(
        name=layer.name,
        shape=layer.weight.shape,
        convolution=layer.convolution,
        code_bits=codebook.size.bit_length() - 1,
        codebook=codebook,
        bias=layer.bias,
        relu=layer.relu,
        positions=positions,
        codes=codes,
    )


def choose_code_bits(values: NDArray[np.float32]) -> int:
    """The code bits of a layer whose user gave none.

    Weights that another method has shared already, at most 255 values that each occur twice or more in the mean, get
    the fewest bits that hold these values, so that nothing is lost. So do weights of at most 15 values. Others get 4
    bits: a codebook as long as the layer would not compress it.
    """
    usual = (1 << USUAL_CODE_BITS) - 1
    distinct = few_values(values, (1 << MOST_BITS) - 1)
    if distinct is None or distinct.size > max(usual, values.size // 2):
        return USUAL_CODE_BITS
    return max(int(distinct.size).bit_length(), 1)


def is_exact(layer: Layer, compressed: CompressedLayer) -> bool:
    """Whether every weight that was kept has kept its value."""
    kept = layer.weight.reshape(-1)[compressed.positions]
    return bool((kept == compressed.codebook[compressed.codes]).all())


def pruning_by_layer(
    network: Network,
    density: float | Mapping[str, float] | None,
    threshold: float | Mapping[str, float] | None,
    sensitivity: float | Mapping[str, float] | None,
) -> dict[str, dict[str, float | None]]:
    """The options of `sw.compress.prune.kept_positions` of every layer, validated.

    A layer with one weight for each output, such as a batch normalisation that could not be folded, is pruned only
    where it is named: without its weight an output says nothing.
    """
    options = {
        "density": by_layer(network, "density", density),
        "threshold": by_layer(network, "threshold", threshold),
        "sensitivity": by_layer(network, "sensitivity", sensitivity),
    }
    pruning = {layer.name: {what: option[layer.name] for what, option in options.items()} for layer in network.layers}
    for option in pruning.values():
        check_pruning(**option)
    for layer in network.layers:
        if matrix_shape(layer.weight.shape)[1] == 1:
            for what, option in (("density", density), ("threshold", threshold), ("sensitivity", sensitivity)):
                if not isinstance(option, Mapping):
                    pruning[layer.name][what] = None
    return pruning


def by_layer(network: Network, what: str, option: T | Mapping[str, T] | None) -> dict[str, T | None]:
    """An option of every layer; EieError if a mapping names a layer that there is not."""
    names = [layer.name for layer in network.layers]
    if not isinstance(option, Mapping):
        return dict.fromkeys(names, option)
    unknown = sorted(set(option) - set(names))
    if unknown:
        raise EieError(f"{what} must name layers of {', '.join(names)}, got {unknown[0]!r}")
    return {name: option.get(name) for name in names}
