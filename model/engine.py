"""The fast exact engine: values, cycles and counters of a run without stepping through its cycles.

Cycles follow from the recurrence of docs/architecture.md, section 8; every counter has a closed form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ArrayConfig
from model.engine_kernel import accumulate, layer_schedule
from model.fixed_point import write_back_array
from model.image import LayerImage, NetworkImage
from model.layouts import FLUSH_CYCLES
from model.registers import PeCounter


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
        """Mean cycles in which a PE consumed an entry or an empty slice over cycles."""
        busy = self.counters[PeCounter.ENTRIES] + self.counters[PeCounter.EMPTY_SLICES]
        return float(busy.mean()) / self.cycles


class Engine:
    """A network made ready to run: local rows of all entries and slice sizes are worked out once."""

    def __init__(self, image: NetworkImage) -> None:
        self.image = image
        self._layers = [_LayerEngine(image.config, layer) for layer in image.layers]

    def run(self, activations: NDArray[np.int16]) -> list[RunResult]:
        """Every input of a (batch, columns of the first layer) int16 array, in physical order."""
        columns = self.image.layers[0].columns
        if activations.ndim != 2 or activations.shape[1] != columns or activations.dtype != np.int16:
            raise ValueError(
                f"int16 activations of shape (batch, {columns}) wanted, got {activations.dtype} {activations.shape}"
            )
        return [self._run_one(row) for row in activations]

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
        self._counts = np.ascontiguousarray(np.diff(layer.pointers, axis=1).T.astype(np.int32))
        is_filler = layer.codes == 0
        self._rows = np.where(is_filler, 0, local_rows(layer)).astype(np.uint16)
        if self._rows.size and int(self._rows.max()) >= layer.out_rows:
            raise ValueError(f"layer {layer.name}: rows below {layer.out_rows} wanted, got row {int(self._rows.max())}")
        self._weights = np.where(is_filler, 0, layer.codebook[layer.codes]).astype(np.int16)
        fillers_before = np.concatenate([[0], np.cumsum(is_filler)]).astype(np.int64)
        starts = layer.pointers + layer.offsets[:-1, None]
        self._fillers = fillers_before[starts] - fillers_before[layer.offsets[:-1, None]]
        self._bias_terms = layer.biases.T.astype(np.int64) * layer.bias_scale
        self._symbols = layer.decoded_symbols()

    def run(self, values: NDArray[np.int16]) -> tuple[NDArray[np.int16], bool, LayerResult]:
        """The layer's outputs in physical order, whether an accumulator overflowed, and the figures."""
        config, layer = self._config, self._layer
        active = np.flatnonzero(values)
        exhausted, drained, stalls = layer_schedule(active, self._counts, layer.in_rows, config.queue_depth)
        sums = np.zeros((config.pes, layer.out_rows), dtype=np.int64)
        tallies = np.zeros((4, config.pes), dtype=np.int64)
        overflow = accumulate(
            active,
            values,
            layer.pointers,
            self._fillers,
            layer.offsets,
            self._rows,
            self._weights,
            config.entries_per_row,
            config.accumulator_bits,
            sums,
            tallies,
        )
        outputs, overflowed = self._write_back(sums)
        entries, fillers = tallies[0], tallies[1]
        result = LayerResult(
            name=layer.name,
            compute_cycles=exhausted + 1,
            drain_cycles=drained - exhausted,
            write_back_cycles=layer.out_rows + FLUSH_CYCLES,
            broadcasts=len(active),
            stalls=stalls,
            counters=self._counters(len(active), drained, tallies),
            ideal_cycles=float(entries.mean()),
            nonzeros_active=int((entries - fillers).sum()),
        )
        return outputs, overflow or overflowed, result

    def _write_back(self, sums: NDArray[np.int64]) -> tuple[NDArray[np.int16], bool]:
        layer, limit = self._layer, 1 << (self._config.accumulator_bits - 1)
        totals = sums + self._bias_terms
        wrapped = ((totals + limit) & ((limit << 1) - 1)) - limit
        outputs = write_back_array(wrapped, layer.shift, layer.relu)
        return outputs.T.reshape(-1), bool((wrapped != totals).any())

    def _counters(self, broadcasts: int, drained: int, tallies: NDArray[np.int64]) -> NDArray[np.int64]:
        entries, fillers, empty_slices, row_reads = tallies
        counters = np.zeros((len(PeCounter), self._config.pes), dtype=np.int64)
        cycles_computing = drained - 1
        counters[PeCounter.ENTRIES] = entries
        counters[PeCounter.FILLERS] = fillers
        counters[PeCounter.STARVED_CYCLES] = cycles_computing - entries - empty_slices
        counters[PeCounter.EMPTY_SLICES] = empty_slices
        counters[PeCounter.ROW_READS] = row_reads
        counters[PeCounter.POINTER_READS] = broadcasts
        counters[PeCounter.ACCUMULATOR_READS] = entries - fillers + self._layer.out_rows
        counters[PeCounter.ACCUMULATOR_WRITES] = entries - fillers + self._layer.out_rows
        counters[PeCounter.DECODED_SYMBOLS] = self._symbols
        return counters


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
