"""The fast exact engine: values, cycles and counters of a run without stepping through its cycles.

Cycles follow from the recurrence of docs/contract/architecture.md, section 8; every counter has a closed form.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine_kernel import Weights, run_layer, sum_layer, write_back
from model.fixed_point import check_bits
from model.image import LayerImage, NetworkImage
from model.image_figures import local_rows, slice_figures
from model.loops import executions
from model.map_engine import MapLayerEngine
from model.results import LayerBatch, LayerResult, RunResult
from model.schedule import LayerWork
from model.schedule_kernel import Queueing

__all__ = [
    "Engine",
    "LayerBatch",
    "LayerEngine",
    "LayerResult",
    "RunResult",
    "local_rows",
    "run_image",
    "slice_figures",
]


class Engine:
    """A network made ready to run: local rows of all entries and slice sizes are worked out once."""

    def __init__(self, image: NetworkImage) -> None:
        self.image = image
        self._layers: list[LayerEngine] = []
        self._map_layers: list[MapLayerEngine] = []
        if image.config.maps:
            self._map_layers = [MapLayerEngine(image.config, layer) for layer in image.layers]
        else:
            self._layers = [LayerEngine(image.config, layer) for layer in image.layers]

    def run(self, activations: NDArray[np.int16]) -> list[RunResult]:
        """Every input of a (batch, columns of the image) int16 array, in physical order, of the array's bits."""
        return single_runs(self.run_layers(activations), self.load_cycles, self.image.pass_starts[-1])

    def run_layers(self, activations: NDArray[np.int16], outputs: bool = True) -> list[LayerBatch]:
        """What every layer did for such a batch, the inputs side by side.

        Without `outputs` the last layer has cycles and counters only, no outputs and no overflow, which is several
        times faster.
        """
        self._check(activations)
        if self._map_layers:
            return self.run_memory(self._memory(activations), outputs)
        activations = np.ascontiguousarray(activations)
        results: list[LayerBatch] = []
        sums: NDArray[np.int64] | None = None
        last = len(self._layers) - 1
        for number, layer in enumerate(self._layers):
            batch, sums = layer.run(activations, sums, outputs or number < last)
            results.append(batch)
            if sums is None:
                activations = batch.outputs
        return results

    def run_memory(self, memory: NDArray[np.int16], outputs: bool = True) -> list[LayerBatch]:
        """`run_layers` with `maps` on (batch, activation_depth, pes) activation memories, which change.

        All layers share them, and loops run some layers again.
        """
        image, config = self.image, self.image.config
        results: list[LayerBatch] = []
        sums: NDArray[np.int64] | None = None
        all_executions = list(executions(config, image.layers))
        for step, (number, offsets) in enumerate(all_executions, 1):
            batch, sums = self._map_layers[number].run(memory, sums, outputs or step < len(all_executions), offsets)
            if number == len(results):
                results.append(batch)
            else:
                results[number] += batch
        if outputs:
            rows = self._map_layers[-1].unloaded_rows
            results[-1] = replace(results[-1], outputs=memory[:, rows].reshape(len(memory), -1))
        return results

    def _memory(self, activations: NDArray[np.int16]) -> NDArray[np.int16]:
        """(n, activation_depth, pes) activation memories that hold the inputs."""
        image, config = self.image, self.image.config
        memory = np.zeros((len(activations), config.activation_depth, config.pes), dtype=np.int16)
        memory[:, : image.in_rows] = activations.reshape(len(activations), image.in_rows, config.pes)
        return memory

    @property
    def load_cycles(self) -> int:
        """Words of an input packet, header included: the cycles that loading it takes if one is always offered."""
        return 1 + self.image.in_rows * self.image.config.groups

    def work(self, activations: NDArray[np.int16]) -> list[list[LayerWork]]:
        """What every layer asks of the array, for every input of such a batch: their schedules follow from it."""
        self._check(activations)
        one = self._map_work_of_one if self._map_layers else self._work_of_one
        return [one(row) for row in activations]

    def _check(self, activations: NDArray[np.int16]) -> None:
        columns = self.image.columns
        if activations.ndim != 2 or activations.shape[1] != columns or activations.dtype != np.int16:
            raise ValueError(
                f"int16 activations of shape (batch, {columns}) wanted, got {activations.dtype} {activations.shape}"
            )
        check_bits(activations, self.image.config.activation_bits)

    def _work_of_one(self, values: NDArray[np.int16]) -> list[LayerWork]:
        results = self.run_layers(values[None])
        works: list[LayerWork] = []
        for layer, result in zip(self._layers, results, strict=True):
            works.append(layer.work(values))
            if result.outputs.size:
                values = result.outputs[0]
        return works

    def _map_work_of_one(self, values: NDArray[np.int16]) -> list[LayerWork]:
        """The same with `maps`, as often as a layer runs; all do run, so that the next finds its activations."""
        memory = self._memory(values[None])
        works: list[LayerWork] = []
        sums: NDArray[np.int64] | None = None
        for number, offsets in executions(self.image.config, self.image.layers):
            layer = self._map_layers[number]
            works.append(layer.work(memory[0], offsets))
            _, sums = layer.run(memory, sums, True, offsets)
        return works


class LayerEngine:
    """One layer of an array without `maps`, with what does not depend on the input.

    Attributes
    ----------
    source_columns : activations of its source, in physical order, that it needs.
    """

    def __init__(self, config: ArrayConfig, layer: LayerImage) -> None:
        self._config = config
        self._layer = layer
        is_weight = layer.codes != 0
        rows = local_rows(layer)[is_weight]
        if rows.size and int(rows.max()) >= layer.out_rows:
            raise ValueError(f"layer {layer.name}: rows below {layer.out_rows} wanted, got row {int(rows.max())}")
        weights_before = np.concatenate([[0], np.cumsum(is_weight)]).astype(np.int64)
        bounds = weights_before[layer.pointers + layer.offsets[:-1, None]]
        nonzeros = np.diff(bounds, axis=1)
        self._slices = slice_figures(layer, nonzeros, config.entries_per_row)
        self._most = int(self._slices[0].max())
        # The image goes PE by PE, the sums column by column: a column's weights hit different rows, none waits.
        slice_ends = np.cumsum(nonzeros.T.reshape(-1)).reshape(layer.columns, config.pes)
        starts = np.concatenate([[0], slice_ends[:, -1]])
        target = np.arange(rows.size) + np.repeat((slice_ends.T - bounds[:, 1:]).reshape(-1), nonzeros.reshape(-1))
        weights = Weights(starts, np.empty(rows.size, dtype=np.uint32), np.empty(rows.size, dtype=np.int16))
        weights.rows[target] = rows * config.pes + np.repeat(np.arange(config.pes), nonzeros.sum(axis=1))
        weights.values[target] = layer.codebook[layer.codes[is_weight]]
        self._weights = weights
        self._bias_terms = layer.biases.reshape(-1).astype(np.int64) * layer.bias_scale
        self._symbols = layer.decoded_symbols()
        self._first_column = layer.first_row * config.pes
        self._written_rows = 0 if layer.keep else layer.out_rows
        self.source_columns = self._first_column + layer.columns

    @cached_property
    def _counts_and_nonzeros(self) -> NDArray[np.int32]:
        return self._slices[:2].astype(np.int32)

    def work(self, values: NDArray[np.int16]) -> LayerWork:
        """What the layer asks of the array for the activations of its source, in physical order."""
        values = values[self._first_column :][: self._layer.columns]
        active = np.flatnonzero(values)
        return LayerWork(
            name=self._layer.name,
            in_rows=self._layer.in_rows,
            out_rows=self._written_rows,
            columns=active,
            rows=active // self._config.pes,
            activations=values[active],
            counts=self._counts_and_nonzeros[0],
            nonzeros=self._counts_and_nonzeros[1],
            config=self._config,
        )

    def run(
        self, values: NDArray[np.int16], sums: NDArray[np.int64] | None, with_values: bool
    ) -> tuple[LayerBatch, NDArray[np.int64] | None]:
        """The layer's results for n inputs, and the sums that a column tile keeps for the next.

        Parameters
        ----------
        values : (n, source columns) activations of its source, in physical order.
        sums : (n, out_rows * pes) of the column tiles before, which are changed; None if there are none.
        with_values : whether outputs and overflow are wanted, or only cycles and counters.
        """
        config, layer = self._config, self._layer
        n, pes = len(values), config.pes
        schedule = np.zeros((4, n), dtype=np.int64)
        tallies = np.zeros((n, 4, pes), dtype=np.int32)
        run_layer(
            values,
            self._first_column,
            self._slices,
            self._most,
            layer.in_rows,
            Queueing.of(config),
            schedule,
            tallies,
        )
        overflow = np.zeros(n, dtype=np.bool_)
        outputs = np.zeros((n, 0), dtype=np.int16)
        if with_values:
            sums = np.zeros((n, layer.out_rows * pes), dtype=np.int64) if sums is None else sums
            outputs = self._compute(values, sums, overflow)
        batch = LayerBatch(
            name=layer.name,
            out_rows=self._written_rows,
            decoded_symbols=self._symbols,
            config=config,
            outputs=outputs,
            overflow=overflow,
            broadcasts=schedule[0],
            exhausted=schedule[1],
            drained=schedule[2],
            stalls=schedule[3],
            entries=tallies[:, 0],
            weights=tallies[:, 1],
            empty_slices=tallies[:, 2],
            row_reads=tallies[:, 3],
            pointer_reads=np.broadcast_to(schedule[0][:, None], (n, pes)),
            added=tallies[:, 1],
        )
        return batch, sums if layer.keep else None

    def _compute(
        self, values: NDArray[np.int16], sums: NDArray[np.int64], overflow: NDArray[np.bool_]
    ) -> NDArray[np.int16]:
        """(n, rows) outputs, (n, 0) of a tile that keeps its sums; marks the inputs whose accumulators overflow."""
        layer, bits = self._layer, self._config.accumulator_bits
        sum_layer(values, self._first_column, self._weights, bits, overflow, sums)
        outputs = np.empty((len(values), 0 if layer.keep else sums.shape[1]), dtype=np.int16)
        if not layer.keep:
            wide = bits, self._config.activation_bits
            write_back(sums, self._bias_terms, layer.shift, layer.relu, 0, *wide, overflow, outputs)
        return outputs


def single_runs(layers: Sequence[LayerBatch], load_cycles: int, loaded_last: int) -> list[RunResult]:
    """The same results, input by input."""
    overflow = np.logical_or.reduce([layer.overflow for layer in layers])
    return [
        RunResult(
            outputs=layers[-1].outputs[number],
            overflow=bool(overflow[number]),
            layers=tuple(layer.result(number) for layer in layers),
            load_cycles=load_cycles,
            loaded_last=loaded_last,
        )
        for number in range(len(overflow))
    ]


def run_image(image: NetworkImage, activations: NDArray[np.int16]) -> list[RunResult]:
    """Run a batch: (batch, columns of the image) int16, physical order; see `Engine` to reuse the preparation."""
    return Engine(image).run(activations)
