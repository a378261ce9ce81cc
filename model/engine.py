"""The fast exact engine: values, cycles and counters of a run without stepping through its cycles.

Cycles follow from the recurrence of docs/architecture.md, section 8; every counter has a closed form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine_kernel import accumulate, tally
from model.fixed_point import write_back_array
from model.image import LayerImage, NetworkImage
from model.layouts import FLUSH_CYCLES
from model.registers import PeCounter
from model.schedule import PREFETCH_CYCLES, LayerWork


@dataclass(frozen=True, kw_only=True)
class LayerResult:
    """What one layer of one run took.

    Parameters
    ----------
    name : of the layer.
    compute_cycles : from PREFETCH_0 until the last local row is exhausted.
    drain_cycles : until the queues are empty.
    write_back_cycles : write-back operations and pipeline flush.
    broadcasts : active columns.
    stalls : cycles in which a broadcast waited for a full queue.
    counters : (len(PeCounter), pes) int64; DECODED_SYMBOLS are those of this layer's codes.
    ideal_cycles : mean entries per PE in active columns, fillers included (the paper's ideal).
    nonzeros_active : stored weights of active columns, fillers excluded.
    """

    name: str
    compute_cycles: int
    drain_cycles: int
    write_back_cycles: int
    broadcasts: int
    stalls: int
    counters: NDArray[np.int64]
    ideal_cycles: float
    nonzeros_active: int

    @property
    def cycles(self) -> int:
        """From PREFETCH_0 to the last FLUSH cycle."""
        return self.compute_cycles + self.drain_cycles + self.write_back_cycles

    @property
    def busy_cycles(self) -> NDArray[np.int64]:
        """(pes,) cycles in which a PE had something in its queue: BROADCAST and DRAIN but for its starved cycles."""
        return self.compute_cycles - PREFETCH_CYCLES + self.drain_cycles - self.counters[PeCounter.STARVED_CYCLES]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One input through the whole network.

    Parameters
    ----------
    outputs : (out_rows * pes,) int16, physical order of the last layer.
    overflow : whether any accumulator left its range.
    layers : in execution order.
    load_cycles : words of the input packet, header included: the least cycles that loading the input takes.
    """

    outputs: NDArray[np.int16]
    overflow: bool
    layers: tuple[LayerResult, ...]
    load_cycles: int

    @property
    def cycles(self) -> int:
        """From start to done, as register CYCLES shows them."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def broadcasts(self) -> int:
        return sum(layer.broadcasts for layer in self.layers)

    @property
    def stalls(self) -> int:
        return sum(layer.stalls for layer in self.layers)

    @property
    def counters(self) -> NDArray[np.int64]:
        """(len(PeCounter), pes), as the counter registers show them after the run."""
        return np.stack([layer.counters for layer in self.layers]).sum(axis=0)

    @property
    def useful_efficiency(self) -> float:
        """Nonzero weights of active columns over PE cycles."""
        nonzeros = sum(layer.nonzeros_active for layer in self.layers)
        return nonzeros / (self.layers[0].counters.shape[1] * self.cycles)

    @property
    def balance(self) -> float:
        """Mean cycles in which a PE had something in its queue over cycles."""
        return sum(float(layer.busy_cycles.mean()) for layer in self.layers) / self.cycles


class Engine:
    """A network made ready to run: local rows of all entries and slice sizes are worked out once."""

    def __init__(self, image: NetworkImage) -> None:
        self.image = image
        self._layers = [_LayerEngine(image.config, layer) for layer in image.layers]

    def run(self, activations: NDArray[np.int16]) -> list[RunResult]:
        """Every input of a (batch, columns of the first layer) int16 array, in physical order."""
        self._check(activations)
        return [self._run_one(row) for row in activations]

    def work(self, activations: NDArray[np.int16]) -> list[list[LayerWork]]:
        """What every layer asks of the array, for every input of such a batch: their schedules follow from it."""
        self._check(activations)
        return [self._work_of_one(row) for row in activations]

    def _check(self, activations: NDArray[np.int16]) -> None:
        columns = self.image.layers[0].columns
        if activations.ndim != 2 or activations.shape[1] != columns or activations.dtype != np.int16:
            raise ValueError(
                f"int16 activations of shape (batch, {columns}) wanted, got {activations.dtype} {activations.shape}"
            )

    def _work_of_one(self, values: NDArray[np.int16]) -> list[LayerWork]:
        works: list[LayerWork] = []
        for layer in self._layers:
            works.append(layer.work(values))
            values, _, _ = layer.run(values)
        return works

    def _run_one(self, values: NDArray[np.int16]) -> RunResult:
        overflow = False
        results: list[LayerResult] = []
        for layer in self._layers:
            values, overflowed, result = layer.run(values)
            overflow |= overflowed
            results.append(result)
        load_cycles = 1 + self.image.layers[0].in_rows * self.image.config.groups
        return RunResult(outputs=values, overflow=overflow, layers=tuple(results), load_cycles=load_cycles)


class _LayerEngine:
    """One layer, with what does not depend on the input."""

    def __init__(self, config: ArrayConfig, layer: LayerImage) -> None:
        self._config = config
        self._layer = layer
        is_weight = layer.codes != 0
        rows = local_rows(layer)[is_weight]
        if rows.size and int(rows.max()) >= layer.out_rows:
            raise ValueError(f"layer {layer.name}: rows below {layer.out_rows} wanted, got row {int(rows.max())}")
        counts = np.diff(layer.pointers, axis=1)
        self._counts = _by_column(counts)
        self._first_rows = _by_column(layer.pointers[:, :-1] // config.entries_per_row)
        self._last_rows = _by_column((layer.pointers[:, 1:] - 1) // config.entries_per_row)

        weights_before = np.concatenate([[0], np.cumsum(is_weight)]).astype(np.int64)
        bounds = weights_before[layer.pointers + layer.offsets[:-1, None]]
        nonzeros = np.diff(bounds, axis=1)
        self._nonzeros = _by_column(nonzeros)
        # The image goes PE by PE, the sums column by column: a column's weights hit different rows, none waits.
        slice_ends = np.cumsum(nonzeros.T.reshape(-1)).reshape(layer.columns, config.pes)
        self._starts = np.concatenate([[0], slice_ends[:, -1]])
        target = np.arange(rows.size) + np.repeat((slice_ends.T - bounds[:, 1:]).reshape(-1), nonzeros.reshape(-1))
        self._rows = np.empty(rows.size, dtype=np.uint32)
        self._rows[target] = rows * config.pes + np.repeat(np.arange(config.pes), nonzeros.sum(axis=1))
        self._weights = np.empty(rows.size, dtype=np.int16)
        self._weights[target] = layer.codebook[layer.codes[is_weight]]
        self._bias_terms = layer.biases.reshape(-1).astype(np.int64) * layer.bias_scale
        self._symbols = layer.decoded_symbols()

    def work(self, values: NDArray[np.int16]) -> LayerWork:
        """What the layer asks of the array for these activations, in physical order."""
        active = np.flatnonzero(values)
        return LayerWork(
            name=self._layer.name,
            in_rows=self._layer.in_rows,
            out_rows=self._layer.out_rows,
            columns=active,
            activations=values[active],
            counts=self._counts,
            nonzeros=self._nonzeros,
            skip_empty_slices=self._config.skip_empty_slices,
        )

    def run(self, values: NDArray[np.int16]) -> tuple[NDArray[np.int16], bool, LayerResult]:
        """The layer's outputs in physical order, whether an accumulator overflowed, and the figures."""
        config, layer = self._config, self._layer
        work = self.work(values)
        active, schedule = work.columns, work.schedule(config.queue_depth)
        drained = schedule.drained
        entries, weights, empty_slices, row_reads = tally(
            active, self._counts, self._nonzeros, self._first_rows, self._last_rows
        )
        sums = np.zeros(layer.out_rows * config.pes, dtype=np.int64)
        overflow = accumulate(active, values, self._starts, self._rows, self._weights, config.accumulator_bits, sums)
        outputs, overflowed = self._write_back(sums)
        counters = np.zeros((len(PeCounter), config.pes), dtype=np.int64)
        counters[PeCounter.ENTRIES] = entries
        counters[PeCounter.FILLERS] = entries - weights
        empty_cycles = 0 if config.skip_empty_slices else empty_slices
        counters[PeCounter.STARVED_CYCLES] = drained - 1 - entries - empty_cycles
        counters[PeCounter.EMPTY_SLICES] = empty_slices
        counters[PeCounter.ROW_READS] = row_reads
        counters[PeCounter.POINTER_READS] = len(active)
        counters[PeCounter.ACCUMULATOR_READS] = weights + layer.out_rows
        counters[PeCounter.ACCUMULATOR_WRITES] = weights + layer.out_rows
        counters[PeCounter.DECODED_SYMBOLS] = self._symbols
        result = LayerResult(
            name=layer.name,
            compute_cycles=schedule.exhausted + 1,
            drain_cycles=drained - schedule.exhausted,
            write_back_cycles=layer.out_rows + FLUSH_CYCLES,
            broadcasts=len(active),
            stalls=schedule.stalls,
            counters=counters,
            ideal_cycles=float(entries.mean()),
            nonzeros_active=int(weights.sum()),
        )
        return outputs, overflow or overflowed, result

    def _write_back(self, sums: NDArray[np.int64]) -> tuple[NDArray[np.int16], bool]:
        layer, limit = self._layer, 1 << (self._config.accumulator_bits - 1)
        totals = sums + self._bias_terms
        wrapped = ((totals + limit) & ((limit << 1) - 1)) - limit
        return write_back_array(wrapped, layer.shift, layer.relu), bool((wrapped != totals).any())


def _by_column(values: NDArray[np.int64]) -> NDArray[np.int32]:
    """(pes, columns) figures of slices as contiguous (columns, pes)."""
    return np.ascontiguousarray(values.T, dtype=np.int32)


def local_rows(layer: LayerImage) -> NDArray[np.int64]:
    """(entries,) local row of every entry, all PEs' entries one after the other."""
    ends = np.cumsum(layer.runs.astype(np.int64) + 1)
    before = np.concatenate([[0], ends])
    slice_starts = (layer.pointers[:, :-1] + layer.offsets[:-1, None]).reshape(-1)
    sizes = np.diff(layer.pointers, axis=1).reshape(-1)
    return ends - 1 - np.repeat(before[slice_starts], sizes)


def run_image(image: NetworkImage, activations: NDArray[np.int16]) -> list[RunResult]:
    """Run a batch: (batch, columns of the first layer) int16, physical order; see `Engine` to reuse the preparation."""
    return Engine(image).run(activations)
