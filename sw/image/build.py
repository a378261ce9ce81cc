"""Laying a compressed network out for one array."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import TooSmallError
from model.fixed_point import to_fixed
from model.image import LayerImage, NetworkImage
from model.schedule import LayerWork
from sw.coding.relative_index import encode_slices
from sw.image.dealing import deal_rows
from sw.image.maps.build import build_map_image
from sw.image.passes import cut_passes
from sw.image.row_search import search_rows
from sw.network.chain import as_chain
from sw.network.compressed import CompressedLayer, CompressedNetwork
from sw.network.quantise import LayerFormat, choose_formats

SEARCH_TRIES = 1000  # swaps of two rows, per layer


def build_image(
    network: CompressedNetwork,
    config: ArrayConfig,
    formats: Sequence[LayerFormat] | None = None,
    resident: bool = False,
) -> NetworkImage:
    """Deal, quantise and index all layers; inputs keep their order.

    A network that the memories of the array cannot hold at once is cut into passes (`sw.image.passes`).

    Parameters
    ----------
    formats : binary points of every layer; chosen by the network's calibration if not given.
    resident : refuse a network that takes more than one pass; one for an array with `maps` never does.

    An array with `maps` takes whole networks (`sw.image.maps`), any other chains (`sw.network.chain`). Raises EieError,
    with what was wanted and what there is, if the network is none, is not calibrated, or the array cannot run it.
    """
    if config.maps:
        return build_map_image(network, config, formats)
    network = as_chain(network)
    _check_fits(network, config, resident)
    if formats is None:
        formats = choose_formats(network, config.accumulator_bits, config.activation_bits)
    source = np.arange(network.in_features)
    layers: list[LayerImage] = []
    for layer, number_format in zip(network.layers, formats, strict=True):
        row_weights = np.bincount(layer.positions // layer.shape[1], minlength=layer.shape[0])
        order = deal_rows(row_weights, config.pes, config.row_dealing)
        if config.row_dealing == "searched":
            order = _searched(layer, config, source, order)
        destination = _positions_of(order, layer.shape[0])
        layers.append(_layer_image(layer, number_format, config, source, destination, order))
        source = destination
    if resident:
        _check_rows(layers, config)
    tiles, pass_starts = cut_passes(layers, config)
    return NetworkImage(
        config=config,
        layers=tiles,
        pass_starts=pass_starts,
        in_features=network.in_features,
        out_features=network.out_features,
        input_fraction_bits=formats[0].input_fraction_bits,
        output_fraction_bits=formats[-1].output_fraction_bits,
        output_order=source,
    )


def _check_fits(network: CompressedNetwork, config: ArrayConfig, resident: bool) -> None:
    """Refuse what can be refused before any layer is laid out."""
    local = [-(-size // config.pes) for size in (network.in_features, *(layer.shape[0] for layer in network.layers))]
    per_pe = f"local activations on {config.pes} PEs"
    wanted = [("activation memory", per_pe, max(local), config.activation_depth)]
    if resident:
        pointers = sum(rows * config.pes + 1 for rows in local[:-1])
        wanted += [
            ("layer table", "layers", len(network.layers), config.layers),
            ("pointer memory", "pointers", pointers, config.pointer_depth),
            ("constant memory", "words", config.bias_base + sum(local[1:]), config.constant_depth),
        ]
    for memory, unit, needed, available in wanted:
        if needed > available:
            raise TooSmallError(f"{memory}: the network needs {needed} {unit}, the array has {available}")
    for layer in network.layers:
        if layer.code_bits > config.code_bits:
            raise TooSmallError(
                f"layer {layer.name}: the array takes codes of at most {config.code_bits} bits, got {layer.code_bits}"
            )


def _check_rows(layers: Sequence[LayerImage], config: ArrayConfig) -> None:
    used = sum((-(-np.diff(layer.offsets) // config.entries_per_row) for layer in layers), np.zeros(1, np.int64))
    if used.max() > config.sparse_matrix_depth:
        raise TooSmallError(
            f"sparse-matrix memory: PE {used.argmax()} needs {used.max()} rows of {config.entries_per_row} entries, "
            f"the array has {config.sparse_matrix_depth}"
        )


def _searched(
    layer: CompressedLayer, config: ArrayConfig, source: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The dealing after a search for one that takes fewer cycles when every input is active."""
    rows, columns = layer.shape
    in_rows = -(-columns // config.pes)
    held = np.zeros((rows, in_rows * config.pes), np.bool_)
    held[layer.positions // columns, source[layer.positions % columns]] = True
    slices = np.zeros((held.shape[1], config.pes), np.int32)
    active = np.sort(source)
    work = LayerWork(
        name=layer.name,
        in_rows=in_rows,
        out_rows=order.size // config.pes,
        columns=active,
        rows=active // config.pes,
        activations=np.ones(active.size, np.int16),
        counts=slices,
        nonzeros=slices,
        config=config,
    )
    depth = config.queue_depth
    return search_rows(held, order, [work], queue_depth=depth, max_run=config.max_run, tries=SEARCH_TRIES, seed=0)


def _positions_of(order: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """(rows,) physical position of each logical row."""
    positions = np.empty(rows, np.int64)
    real = np.flatnonzero(order >= 0)
    positions[order[real]] = real
    return positions


def _layer_image(
    layer: CompressedLayer,
    number_format: LayerFormat,
    config: ArrayConfig,
    source: NDArray[np.int64],
    destination: NDArray[np.int64],
    order: NDArray[np.int64],
) -> LayerImage:
    """One layer; source and destination are the physical positions of its logical columns and rows."""
    pes = config.pes
    in_rows, out_rows = -(-layer.shape[1] // pes), order.size // pes
    columns = in_rows * pes
    row, column = np.divmod(layer.positions, layer.shape[1])
    row = destination[row]
    slices = row % pes * columns + source[column]
    # Sorting one word per entry, code included, is several times faster than sorting indices.
    entries = np.sort((slices * out_rows + row // pes) << 8 | layer.codes)
    codes = (entries & 0xFF).astype(np.uint8)
    slices, local_row = np.divmod(entries >> 8, out_rows)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(slices, minlength=pes * columns))])
    runs, is_filler, bounds = encode_slices(local_row, bounds, config.index_bits)
    codes_with_fillers = np.zeros(runs.size, np.uint8)
    codes_with_fillers[~is_filler] = codes
    offsets = bounds[::columns]
    begins = bounds[:-1].reshape(pes, columns)
    ends = offsets[1:, np.newaxis]
    codebook = np.zeros(config.code_symbols, np.int16)
    codebook[: layer.codebook.size] = to_fixed(layer.codebook, number_format.weight_fraction_bits)
    biases = np.zeros(order.size, np.int16)
    biases[destination] = number_format.fixed_bias(layer.bias)
    return LayerImage(
        name=layer.name,
        in_rows=in_rows,
        out_rows=out_rows,
        codebook=codebook,
        biases=biases.reshape(out_rows, pes),
        bias_scale=number_format.bias_scale,
        shift=number_format.shift,
        relu=layer.relu,
        pointers=np.concatenate([begins, ends], axis=1) - offsets[:-1, np.newaxis],
        codes=codes_with_fillers,
        runs=runs,
        offsets=offsets,
    )
