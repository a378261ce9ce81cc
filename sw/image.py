"""Laying a compressed network out for one array."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.fixed_point import to_fixed
from model.image import LayerImage, NetworkImage
from sw.chain import as_chain
from sw.compressed import CompressedLayer, CompressedNetwork
from sw.dealing import deal_rows
from sw.errors import EieError
from sw.quantise import LayerFormat, choose_formats
from sw.relative_index import encode_slices


def build_image(
    network: CompressedNetwork, config: ArrayConfig, formats: Sequence[LayerFormat] | None = None
) -> NetworkImage:
    """Deal, quantise and index all layers; inputs keep their order.

    Parameters
    ----------
    formats : binary points of every layer; chosen by the network's calibration if not given.

    Raises EieError, with what was wanted and what there is, if the network is not a chain (`sw.chain`), is not
    calibrated, or a memory of the array cannot hold it.
    """
    network = as_chain(network)
    _check_fits(network, config)
    if formats is None:
        formats = choose_formats(network, config.accumulator_bits)
    source = np.arange(network.in_features)
    layers: list[LayerImage] = []
    rows_used = np.zeros(config.pes, np.int64)
    for layer, number_format in zip(network.layers, formats, strict=True):
        row_weights = np.bincount(layer.positions // layer.shape[1], minlength=layer.shape[0])
        order = deal_rows(row_weights, config.pes, config.row_dealing)
        destination = _positions_of(order, layer.shape[0])
        image = _layer_image(layer, number_format, config, source, destination, order)
        rows_used += -(-np.diff(image.offsets) // config.entries_per_row)
        layers.append(image)
        source = destination
    if rows_used.max() > config.sparse_matrix_depth:
        raise EieError(
            f"sparse-matrix memory: PE {rows_used.argmax()} needs {rows_used.max()} rows of "
            f"{config.entries_per_row} entries, the array has {config.sparse_matrix_depth}"
        )
    return NetworkImage(
        config=config,
        layers=tuple(layers),
        in_features=network.in_features,
        out_features=network.out_features,
        input_fraction_bits=formats[0].input_fraction_bits,
        output_fraction_bits=formats[-1].output_fraction_bits,
        output_order=source,
    )


def _check_fits(network: CompressedNetwork, config: ArrayConfig) -> None:
    """Refuse what can be refused before any layer is laid out."""
    local = [-(-size // config.pes) for size in (network.in_features, *(layer.shape[0] for layer in network.layers))]
    largest = max(local)
    wanted = (
        ("layer table", "layers", len(network.layers), config.layers),
        ("activation memory", f"local activations on {config.pes} PEs", largest, config.activation_depth),
        ("pointer memory", "pointers", sum(rows * config.pes + 1 for rows in local[:-1]), config.pointer_depth),
        ("constant memory", "words", config.bias_base + sum(local[1:]), config.constant_depth),
    )
    for memory, unit, needed, available in wanted:
        if needed > available:
            raise EieError(f"{memory}: the network needs {needed} {unit}, the array has {available}")
    for layer in network.layers:
        if layer.code_bits > config.code_bits:
            raise EieError(
                f"layer {layer.name}: the array takes codes of at most {config.code_bits} bits, got {layer.code_bits}"
            )


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
    biases[destination] = to_fixed(layer.bias, number_format.bias_fraction_bits)
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
