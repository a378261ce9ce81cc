"""A map layer on the fast engine: what of it does not depend on the input is worked out once."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine_kernel import write_back
from model.function_engine import FunctionBlocks
from model.image import LayerImage
from model.image_figures import local_rows, slice_figures
from model.loops import NO_OFFSETS, Offsets
from model.map_kernel import Geometry, Scan, Taps, run_map_layer, sum_map_layer
from model.map_reference import COORDINATES, digits, geometry_of, scanned_rows
from model.results import LayerBatch
from model.schedule import LayerWork
from model.schedule_kernel import Queueing

LEAST_PART = 8  # inputs that are worth a thread
R = TypeVar("R")


class MapLayerEngine:
    """One map layer; n inputs share nothing but the layer."""

    def __init__(self, config: ArrayConfig, layer: LayerImage) -> None:
        self._config, self._layer, self._map = config, layer, geometry_of(layer)
        self._scan = Scan(*scanned_rows(config, layer))
        self._geometry = Geometry.of(self._map, layer.out_rows)
        is_weight = layer.codes != 0
        bounds = np.concatenate([[0], np.cumsum(is_weight)])[layer.pointers + layer.offsets[:-1, None]]
        nonzeros = np.diff(bounds, axis=1)
        self._slices = slice_figures(layer, nonzeros, config.entries_per_row)
        self._most = int(self._slices[0].max())
        self._taps = self._sorted_taps(is_weight, nonzeros)
        position, channel = np.divmod(np.arange(layer.out_rows), self._map.out_channels)
        self._targets = (
            self._map.destination + position * self._map.destination_step + channel
        ) % config.activation_depth
        self._bias_terms = (layer.biases.astype(np.int64)[channel] * layer.bias_scale).reshape(-1)
        self._written_rows = 0 if layer.keep else layer.out_rows
        self._blocks: FunctionBlocks | None = None
        if layer.functions is not None and layer.functions.blocked and not layer.keep:
            self._blocks = FunctionBlocks(layer.functions, layer.out_rows, config.activation_depth)

    @property
    def unloaded_rows(self) -> NDArray[np.int64]:
        """(out_rows,) local rows of the activation memory that are unloaded after the last layer."""
        return (self._map.destination + np.arange(self._layer.out_rows)) % self._config.activation_depth

    def work(self, memory: NDArray[np.int16], offsets: Offsets = NO_OFFSETS) -> LayerWork:
        """What the layer asks of the array for one input, whose (activation_depth, pes) activations these are."""
        values = memory[self._scanned(offsets).rows]
        if self._map.maximum:
            active = np.ones(values.shape, dtype=np.bool_)
        else:
            active = values > 0 if self._map.positive else values != 0
        if self._map.local:
            rows = np.flatnonzero(active.any(axis=1))
            columns, activations = self._scan.columns[rows], values[rows]
        else:
            rows, pe = np.nonzero(active)
            columns, activations = self._scan.columns[rows] + pe, values[rows, pe]
        return LayerWork(
            name=self._layer.name,
            in_rows=self._layer.in_rows,
            out_rows=self._written_rows,
            columns=columns,
            rows=rows,
            activations=activations,
            counts=self._slices[0].astype(np.int32),
            nonzeros=self._slices[1].astype(np.int32),
            config=self._config,
            own=active[rows] if self._map.local else None,
        )

    def _sorted_taps(self, is_weight: NDArray[np.bool_], nonzeros: NDArray[np.int64]) -> Taps:
        """The image goes PE by PE; `nonzeros` is (pes, columns)."""
        layer, geometry = self._layer, self._map
        pes, columns = nonzeros.shape
        steps = digits(geometry, local_rows(layer)[is_weight])
        counts: NDArray[np.int64] = nonzeros.reshape(-1)
        slice_of: NDArray[np.int64] = np.repeat(np.arange(counts.size), counts)
        pe, column = np.divmod(slice_of, columns)
        order = np.argsort(column, kind="stable")
        starts = np.concatenate([[0], np.cumsum(nonzeros.T.reshape(-1))])
        reach = np.zeros((columns, 4), dtype=np.int32)
        reach[:, ::2] = COORDINATES
        for axis, step in enumerate((steps.y, steps.x)):
            np.minimum.at(reach[:, 2 * axis], column, step)
            np.maximum.at(reach[:, 2 * axis + 1], column, step)
        last = (geometry.out_height - 1) * geometry.row_pitch + (geometry.out_width - 1) * geometry.out_channels
        most = max(geometry.out_height, geometry.out_width)
        furthest = int(max(steps.y.max(initial=0), steps.x.max(initial=0)))
        plain = last + int(steps.channel.max(initial=0)) < layer.out_rows and most + furthest < COORDINATES
        offsets = steps.y * geometry.row_pitch + steps.x * geometry.out_channels - steps.channel
        return Taps(
            starts=starts,
            pes=pe[order].astype(np.int32),
            channels=steps.channel[order].astype(np.int32),
            y=steps.y[order].astype(np.int32),
            x=steps.x[order].astype(np.int32),
            offsets=(offsets * pes - pe)[order],
            values=layer.codebook[layer.codes[is_weight]][order],
            reach=reach,
            plain=plain,
        )

    def _scanned(self, offsets: Offsets) -> Scan:
        """The rows that are scanned in an iteration with these offsets."""
        moves = self._layer.functions is not None and self._layer.functions.moves
        if not (moves and offsets.source):
            return self._scan
        return self._scan._replace(rows=(self._scan.rows + offsets.source) % self._config.activation_depth)

    def run(
        self,
        memory: NDArray[np.int16],
        sums: NDArray[np.int64] | None,
        with_values: bool,
        offsets: Offsets = NO_OFFSETS,
    ) -> tuple[LayerBatch, NDArray[np.int64] | None]:
        """The layer's results for n inputs, and the sums that it keeps for the next.

        Parameters
        ----------
        memory : (n, activation_depth, pes) activations; receives the outputs.
        sums : (n, out_rows * pes) kept by the layer before, which are changed; None if there are none.
        with_values : whether outputs and overflow are wanted, or only cycles and counters.
        offsets : of the iteration of a loop.
        """
        scanned = self._scanned(offsets)
        layer, bits = self._layer, (self._config.accumulator_bits, self._config.activation_bits)
        n, _, pes = memory.shape
        schedule = np.zeros((n, 4), dtype=np.int64)
        tallies = np.zeros((n, 6, pes), dtype=np.int32)
        queueing = Queueing.of(self._config)

        def count(part: slice) -> None:
            figures = self._slices, self._most, self._taps, self._geometry, queueing
            run_map_layer(memory[part], scanned, *figures, schedule[part], tallies[part])

        _in_parts(n, count)
        overflow = np.zeros(n, dtype=np.bool_)
        outputs = np.zeros((n, 0), dtype=np.int16)
        if with_values:
            sums = np.zeros((n, layer.out_rows * pes), dtype=np.int64) if sums is None else sums
            bad = self._sum(memory, scanned, overflow, sums)
            if bad >= 0:
                raise ValueError(f"layer {layer.name}: rows below {layer.out_rows} wanted, got row {bad}")
            if not layer.keep:
                outputs = np.empty(sums.shape, dtype=np.int16)
                finish = layer.shift, layer.relu, self._map.limit
                write_back(sums, self._bias_terms, *finish, *bits, overflow, outputs)
                by_row = outputs.reshape(n, layer.out_rows, pes)
                if self._blocks is None:
                    memory[:, self._targets] = by_row
                else:
                    self._blocks.store(by_row, memory, offsets)
        batch = LayerBatch(
            name=layer.name,
            out_rows=self._written_rows,
            decoded_symbols=layer.decoded_symbols(),
            config=self._config,
            outputs=outputs,
            overflow=overflow,
            broadcasts=schedule[:, 0],
            exhausted=schedule[:, 1],
            drained=schedule[:, 2],
            stalls=schedule[:, 3],
            entries=tallies[:, 0],
            weights=tallies[:, 1],
            empty_slices=tallies[:, 2],
            row_reads=tallies[:, 3],
            pointer_reads=tallies[:, 4],
            added=tallies[:, 5],
            table_reads=0 if self._blocks is None else self._blocks.table_reads,
            products=0 if self._blocks is None else self._blocks.products,
        )
        return batch, sums if layer.keep else None

    def _sum(
        self, memory: NDArray[np.int16], scanned: Scan, overflow: NDArray[np.bool_], sums: NDArray[np.int64]
    ) -> int:
        """`model.map_kernel.sum_map_layer` of all inputs."""
        bits = self._config.accumulator_bits

        def of_part(part: slice) -> int:
            layer = scanned, self._taps, self._geometry
            return sum_map_layer(memory[part], *layer, bits, overflow[part], sums[part])

        return max(_in_parts(len(memory), of_part))


def _in_parts(inputs: int, work: Callable[[slice], R]) -> list[R]:
    """What work makes of the inputs, a part on every processor core; compiled functions let others run beside them."""
    parts = min(os.cpu_count() or 1, max(1, inputs // LEAST_PART))
    bounds = [inputs * part // parts for part in range(parts + 1)]
    slices = [slice(first, end) for first, end in pairwise(bounds)]
    if parts == 1:
        return [work(slices[0])]
    with ThreadPoolExecutor(parts) as pool:
        return list(pool.map(work, slices))
