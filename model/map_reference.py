"""A map layer on plain integers: what docs/contract/architecture.md, section 12, says of values, without cycles.

Slow and simple: the other engines are compared with it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.fixed_point import larger, write_back_array
from model.function_reference import finish
from model.image import LayerImage
from model.loops import NO_OFFSETS, Offsets
from model.map_descriptor import COORDINATE_BITS, MAP_ROW_BITS, STEP_Y_BITS, MapDescriptor

COORDINATES = 1 << COORDINATE_BITS
ADDRESSES = 1 << MAP_ROW_BITS


class ScannedRow(NamedTuple):
    """A local row of the source: where it lies, its first column (counted from the layer's), and its coordinate."""

    row: int
    column: int
    y: int
    x: int


class Digits(NamedTuple):
    """What the local rows of entries say: local channel and steps along y and x; int64 arrays of one shape."""

    channel: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]


class ScannedRows(NamedTuple):
    """The fields of `ScannedRow` of all local rows of a layer's source, (in_rows,) int64 each."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]


def scan(config: ArrayConfig, layer: LayerImage, offsets: Offsets = NO_OFFSETS) -> Iterator[ScannedRow]:
    """The local rows of a layer's source in the order in which they are scanned."""
    for fields in zip(*(values.tolist() for values in scanned_rows(config, layer, offsets)), strict=True):
        yield ScannedRow(*fields)


def scanned_rows(config: ArrayConfig, layer: LayerImage, offsets: Offsets = NO_OFFSETS) -> ScannedRows:
    """All at once."""
    geometry = geometry_of(layer)
    depth = config.activation_depth
    moves = layer.functions is not None and layer.functions.moves
    first_row = layer.first_row + (offsets.source if moves else 0)
    unit = 1 if geometry.local else config.pes
    channels = (geometry.in_channels - 1) % depth + 1
    width = (geometry.in_width - 1) % depth + 1
    classes_y, classes_x = ((classes - 1) % 32 + 1 for classes in (geometry.classes_y, geometry.classes_x))
    position, channel = np.divmod(np.arange(layer.in_rows, dtype=np.int64), channels)
    line, column = np.divmod(position, width)
    periods_y, class_y = np.divmod(line, classes_y)
    periods_x, class_x = np.divmod(column, classes_x)
    return ScannedRows(
        (first_row + line * geometry.row_step + column * geometry.column_step + channel) % depth,
        class_y * geometry.class_columns + (class_x * channels + channel) * unit,
        (geometry.start_y + periods_y * geometry.advance_y) % COORDINATES,
        (geometry.start_x + periods_x * geometry.advance_x) % COORDINATES,
    )


def digits(geometry: MapDescriptor, rows: NDArray[np.int64]) -> Digits:
    """The digits of entries in these local rows (stage W)."""
    rows = rows % ADDRESSES
    if geometry.flat:
        return Digits(rows, np.zeros_like(rows), np.zeros_like(rows))
    taps = rows >> geometry.channel_bits
    return Digits(
        rows & (1 << geometry.channel_bits) - 1,
        taps >> geometry.column_bits & (1 << STEP_Y_BITS) - 1,
        taps & (1 << geometry.column_bits) - 1,
    )


def geometry_of(layer: LayerImage) -> MapDescriptor:
    """The layer's geometry; ValueError for a layer made for an array without `maps`."""
    if layer.map is None:
        raise ValueError(f"layer {layer.name}: a layer with map geometry wanted, got one without")
    return layer.map


class MapReference:
    """One layer, with what does not depend on the input."""

    def __init__(self, config: ArrayConfig, layer: LayerImage) -> None:
        self._config = config
        self._layer = layer
        self._map = geometry_of(layer)
        self._limit = 1 << (config.accumulator_bits - 1)
        steps = layer.runs.astype(np.int64) + 1
        self._weights = layer.codebook.astype(np.int64)[layer.codes]
        self._real = layer.codes != 0
        ends = np.cumsum(steps)
        before = np.concatenate([[0], ends])
        starts = (layer.pointers[:, :-1] + layer.offsets[:-1, None]).reshape(-1)
        sizes = np.diff(layer.pointers, axis=1).reshape(-1)
        self._digits = digits(self._map, ends - 1 - np.repeat(before[starts], sizes))

    def run(
        self, memory: NDArray[np.int16], sums: NDArray[np.int64], offsets: Offsets = NO_OFFSETS
    ) -> tuple[NDArray[np.int16], bool]:
        """Run the layer on both memories, which change.

        Parameters
        ----------
        memory : (activation_depth, pes) int16, the activations.
        sums : (accumulator_depth, pes) int64, the accumulators, 0 except after a layer with `keep`.
        offsets : of the iteration of a loop.

        Returns
        -------
        outputs : (out_rows * pes,) int16 in the order of the accumulators; none with `keep`.
        overflow : whether a sum left the accumulator's range; it wraps.
        """
        overflow = False
        for scanned in scan(self._config, self._layer, offsets):
            values = memory[scanned.row].astype(np.int64)
            active = self._active(values)
            for pe in np.flatnonzero(active):
                if self._map.local:
                    overflow |= self._add(int(pe), scanned.column, int(values[pe]), scanned, sums[:, pe])
                    continue
                for target in range(self._config.pes):
                    column = scanned.column + int(pe)
                    overflow |= self._add(target, column, int(values[pe]), scanned, sums[:, target])
        if self._layer.keep:
            return np.zeros(0, dtype=np.int16), overflow
        outputs, overflowed = self._write_back(memory, sums, offsets)
        return outputs, overflow or overflowed

    def _active(self, values: NDArray[np.int64]) -> NDArray[np.bool_]:
        if self._map.maximum:
            return np.ones(values.shape, dtype=np.bool_)
        return values > 0 if self._map.positive else values != 0

    def _add(self, pe: int, column: int, activation: int, scanned: ScannedRow, sums: NDArray[np.int64]) -> bool:
        """One slice with one activation, entry by entry; whether a sum overflowed."""
        layer, geometry = self._layer, self._map
        first, last = layer.pointers[pe, column : column + 2] + layer.offsets[pe]
        part = slice(int(first), int(last))
        y = (scanned.y - self._digits.y[part]) % COORDINATES
        x = (scanned.x - self._digits.x[part]) % COORDINATES
        on_map = (y < geometry.out_height) & (x < geometry.out_width) & self._real[part]
        address = (y * geometry.row_pitch + x * geometry.out_channels + self._digits.channel[part]) % ADDRESSES
        overflow = False
        for number, weight in zip(address[on_map].tolist(), self._weights[part][on_map].tolist(), strict=True):
            if number >= layer.out_rows:
                raise ValueError(f"layer {layer.name}: rows below {layer.out_rows} wanted, got row {number}")
            product = weight * activation
            if geometry.maximum:
                sums[number] = larger(int(sums[number]), product)
                continue
            exact = int(sums[number]) + product
            sums[number] = self._wrapped(exact)
            overflow |= int(sums[number]) != exact
        return overflow

    def _wrapped(self, exact: int) -> int:
        return (exact + self._limit) % (2 * self._limit) - self._limit

    def _write_back(
        self, memory: NDArray[np.int16], sums: NDArray[np.int64], offsets: Offsets
    ) -> tuple[NDArray[np.int16], bool]:
        layer, geometry = self._layer, self._map
        number = np.arange(layer.out_rows)
        position, channel = np.divmod(number, geometry.out_channels)
        exact = sums[: layer.out_rows] + layer.biases.astype(np.int64)[channel] * layer.bias_scale
        wrapped = (exact + self._limit) % (2 * self._limit) - self._limit
        outputs = write_back_array(wrapped, layer.shift, layer.relu, geometry.limit, self._config.activation_bits)
        sums[: layer.out_rows] = 0
        overflow = bool((wrapped != exact).any())
        if layer.functions is not None and layer.functions.blocked:
            return finish(layer.functions, outputs, memory, offsets).reshape(-1), overflow
        rows = (geometry.destination + position * geometry.destination_step + channel) % self._config.activation_depth
        for row, values in zip(rows.tolist(), outputs, strict=True):
            memory[row] = values
        return outputs.reshape(-1), overflow
