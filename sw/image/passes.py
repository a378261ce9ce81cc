"""Cutting a network into passes: what the memories of an array hold at once, loaded and run one after the other.

A pass is filled with whole layers in order. A layer that does not fit what is left begins the next pass; one too large
even for empty pointer and sparse-matrix memories is cut into column tiles, by local rows of its source activations:
all of them add to the same accumulators, and the last adds the bias and writes back.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.errors import TooSmallError
from model.image import LayerImage


def cut_passes(layers: Sequence[LayerImage], config: ArrayConfig) -> tuple[tuple[LayerImage, ...], tuple[int, ...]]:
    """Layers and column tiles in execution order, and which of them each pass begins with.

    A tile is called after its layer, "fc6 1/4". EieError, with the numbers, if an array's memory cannot hold the
    biases of a layer, or a tile of one row.
    """
    done: list[LayerImage] = []
    starts = [0]
    memories = _Memories(config)
    for layer in layers:
        _check_possible(layer, config)
        alone = _Memories(config).most_rows(layer, 0) == layer.in_rows
        tiles: list[LayerImage] = []
        row = 0
        while row < layer.in_rows:
            rows = memories.most_rows(layer, row)
            if rows == 0 or (alone and rows < layer.in_rows):
                starts.append(len(done) + len(tiles))
                memories = _Memories(config)
                continue
            tiles.append(column_tile(layer, row, rows))
            memories.take(tiles[-1])
            row += rows
        if len(tiles) > 1:
            tiles = [replace(tile, name=f"{layer.name} {at}/{len(tiles)}") for at, tile in enumerate(tiles, 1)]
        done += tiles
    return tuple(done), tuple(starts)


def column_tile(layer: LayerImage, first_row: int, rows: int) -> LayerImage:
    """The columns of the layer's local source rows `first_row` to ``first_row + rows - 1``; all of them: the layer."""
    if rows == layer.in_rows:
        return layer
    first, last = first_row * layer.pes, (first_row + rows) * layer.pes
    pointers = layer.pointers[:, first : last + 1]
    begins, ends = (pointers[:, at] + layer.offsets[:-1] for at in (0, -1))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(ends - begins)])
    entries: NDArray[np.int64] = np.arange(int(offsets[-1])) + np.repeat(begins - offsets[:-1], ends - begins)
    tile = replace(
        layer,
        in_rows=rows,
        first_row=first_row,
        pointers=pointers - pointers[:, :1],
        codes=layer.codes[entries],
        runs=layer.runs[entries],
        offsets=offsets,
    )
    if first_row + rows == layer.in_rows:
        return tile
    return replace(tile, keep=True, biases=np.zeros_like(layer.biases), bias_scale=1, shift=0, relu=False)


class _Memories:
    """What a pass has left of the memories of every PE."""

    def __init__(self, config: ArrayConfig):
        self._entries_per_row = config.entries_per_row
        self._layers = config.layers
        self._pointers = config.pointer_depth
        self._constants = config.constant_depth - config.bias_base
        self._rows = np.full(config.pes, config.sparse_matrix_depth, np.int64)

    def most_rows(self, layer: LayerImage, first_row: int) -> int:
        """How many of the layer's local source rows from this one fit; the last only with the biases."""
        if self._layers == 0:
            return 0
        rows = min(layer.in_rows - first_row, (self._pointers - 1) // layer.pes)
        if rows <= 0:
            return 0
        at = layer.pointers[:, first_row * layer.pes : (first_row + rows) * layer.pes + 1 : layer.pes]
        fits = (self._sparse_rows(at - at[:, :1]) <= self._rows[:, np.newaxis]).all(axis=0)
        most = int(np.count_nonzero(fits)) - 1  # what more rows take never shrinks
        if first_row + most == layer.in_rows and layer.out_rows > self._constants:
            return 0
        return most

    def take(self, tile: LayerImage) -> None:
        """The tile is in the memories from now on."""
        self._layers -= 1
        self._pointers -= tile.columns + 1
        self._constants -= 0 if tile.keep else tile.out_rows
        self._rows -= self._sparse_rows(np.diff(tile.offsets))

    def _sparse_rows(self, entries: NDArray[np.int64]) -> NDArray[np.int64]:
        return -(-entries // self._entries_per_row)


def _check_possible(layer: LayerImage, config: ArrayConfig) -> None:
    """Refuse a layer that no cut makes small enough."""
    of_a_row = np.diff(layer.pointers[:, :: layer.pes], axis=1)
    rows = -(-of_a_row // config.entries_per_row)
    wanted = (
        ("constant memory", "words", config.bias_base + layer.out_rows, config.constant_depth),
        ("pointer memory", "pointers for one local row of activations", layer.pes + 1, config.pointer_depth),
        (
            "sparse-matrix memory",
            f"rows of {config.entries_per_row} entries for one local row of activations",
            int(rows.max()),
            config.sparse_matrix_depth,
        ),
    )
    for memory, unit, needed, available in wanted:
        if needed > available:
            raise TooSmallError(f"{memory}: layer {layer.name} needs {needed} {unit}, the array has {available}")
